//! Measures a volume beside overlayfs on the same layers and the same disk, and prints Markdown: medians, the median of the rounds'
//! ratios, the ratios between which the middle half of the rounds lies, and the ratio of the time that processors work for it, which
//! hardly depends on what else the machine does. Both take turns, and every other round goes backwards.
//! Needs root:
//!
//! ```text
//! cargo bench -p casement-wcifs --bench against_overlayfs [-- ROUNDS [WORD…]]
//! ```
//!
//! With words, only the rows that have one of them.
//!
//! `WCIFS_TAR` names an archive for the row `untar`; `WCIFS_DIRECTORY` a directory on the disk to measure on.

use casement_wcifs::{Durability, MountPlan};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Directories of the tree, each in one of [`LAYERS`] layers or in several.
const DIRECTORIES: usize = 200;
/// Files of each directory.
const FILES: usize = 40;
const LAYERS: usize = 3;
/// Bytes of the large file.
const LARGE: usize = 256 << 20;

/// Rounds if none are asked for.
const ROUNDS: usize = 11;
/// A row that takes seconds has this part of the rounds.
const SLOW: usize = 3;

/// One row of the table. It is given the root of a union and the number of the round.
type Work = fn(&Path, usize);

const ROWS: &[(&str, Work)] = &[
    ("read 256 MiB, 1 MiB at a time", |root, _| read_large(root, 1 << 20)),
    ("read 256 MiB, 16 KiB at a time", |root, _| read_large(root, 16 << 10)),
    ("map 256 MiB and touch each page", |root, _| map_large(root)),
    ("write 256 MiB, 1 MiB at a time", |root, round| write_large(root, round, 1 << 20)),
    ("write 64 MiB, 4 KiB at a time", |root, round| write_large(root, round, 4 << 10)),
    ("stat 8,000 files", |root, _| each_file(root, |path| _ = fs::metadata(path).unwrap())),
    ("list 200 directories", |root, _| {
        each_directory(root, |path| assert!(fs::read_dir(path).unwrap().count() >= FILES))
    }),
    ("walk: list and stat", |root, _| {
        each_directory(root, |path| fs::read_dir(path).unwrap().for_each(|e| _ = e.unwrap().metadata().unwrap()));
    }),
    ("the same 8,000 misses again", |root, _| {
        each_file(root, |path| assert!(fs::metadata(path.with_extension("missing")).is_err()));
    }),
    ("open and close 8,000 files", |root, _| each_file(root, |path| drop(File::open(path).unwrap()))),
    ("open, read and close 8,000 files", |root, _| each_file(root, |path| drop(fs::read(path).unwrap()))),
    ("open and close 1,000 files eight times", |root, _| {
        (0..8).for_each(|_| some_files(root, 1000, |path| drop(File::open(path).unwrap())));
    }),
    ("create and write 10,000 files", create),
    ("unlink 10,000 files", |root, round| {
        (0..10_000).for_each(|n| fs::remove_file(root.join(format!("new{round}/{n}"))).unwrap());
    }),
    ("create and unlink 10,000 files", |root, _| {
        let path = root.join("short-lived");
        fs::create_dir(&path).unwrap();
        (0..10_000).for_each(|n| drop(File::create(path.join(n.to_string())).unwrap()));
        fs::remove_dir_all(&path).unwrap();
    }),
    ("untar", untar),
];

/// Rows with fewer rounds.
const SLOW_ROWS: &[&str] = &["create and unlink 10,000 files", "untar"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let words: Vec<String> = words.into_iter().filter(|word| word.parse::<usize>().is_err()).collect();
    casement_silo::mount::enter_private_namespace().expect("this needs root");
    let base = std::env::var_os("WCIFS_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(base).unwrap();
    let at = |name: &str| directory.path().join(name);
    let layers: Vec<PathBuf> = (0..LAYERS).map(|n| at(&format!("layer{n}"))).collect();
    build(&layers);
    for name in ["o", "o.upper", "o.work", "w", "w.upper", "w.work"] {
        fs::create_dir(at(name)).unwrap();
    }
    let names: Vec<String> = layers.iter().map(|l| l.display().to_string()).collect();
    let options = [
        ("lowerdir", names.join(":")),
        ("upperdir", at("o.upper").display().to_string()),
        ("workdir", at("o.work").display().to_string()),
    ];
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    casement_silo::mount::DetachedMount::new("overlay", &options).unwrap().attach(&at("o")).unwrap();
    let plan = MountPlan {
        layers,
        scratch: at("w.upper"),
        work: at("w.work"),
        owner: 0,
        durability: Durability::Discarded,
        for_host: false,
        passthrough: std::env::var_os("WCIFS_NO_PASSTHROUGH").is_none(),
        epochs: std::env::var_os("WCIFS_NO_EPOCHS").is_none(),
    };
    let session = plan.mount(&at("w")).unwrap();
    let server = std::thread::spawn(move || session.serve());
    println!("| | overlayfs, ms | wcifs, ms | ratio | half of the ratios | processor |\n|---|---:|---:|---:|---|---:|");
    for (name, work) in ROWS {
        let wanted = words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
        if !wanted || *name == "untar" && std::env::var_os("WCIFS_TAR").is_none() {
            continue;
        }
        let rounds = if SLOW_ROWS.contains(name) { rounds.div_ceil(SLOW) } else { rounds };
        let mut times = Vec::new();
        // The first round warms up.
        for round in 0..=rounds {
            let mut time = |root: &str| {
                let (start, busy) = (Instant::now(), processor_seconds());
                work(&at(root), round);
                [start.elapsed().as_secs_f64(), processor_seconds() - busy]
            };
            let [overlay, ours] = if round % 2 == 0 {
                ["o", "w"].map(&mut time)
            } else {
                let [ours, overlay] = ["w", "o"].map(&mut time);
                [overlay, ours]
            };
            times.push((overlay, ours));
        }
        times.remove(0);
        let overlay = quartile(times.iter().map(|(overlay, _)| overlay[0] * 1e3), 2);
        let ours = quartile(times.iter().map(|(_, ours)| ours[0] * 1e3), 2);
        let ratios = |what: usize, n| quartile(times.iter().map(|(overlay, ours)| ours[what] / overlay[what]), n);
        let [low, ratio, high] = [1, 2, 3].map(|n| ratios(0, n));
        // tar is another process, whose time is not in this one's.
        let busy = if *name == "untar" { String::new() } else { format!("{:.2}", ratios(1, 2)) };
        println!("| {name} | {overlay:.1} | {ours:.1} | {ratio:.2} | {low:.2} to {high:.2} | {busy} |");
    }
    for name in ["o", "w"] {
        rustix::mount::unmount(at(name), rustix::mount::UnmountFlags::DETACH).unwrap();
    }
    server.join().unwrap().unwrap();
}

/// Time that the processors have worked for this process, which asks and serves.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The median (2), or what a quarter (1) or three quarters (3) of the values are below.
fn quartile(values: impl Iterator<Item = f64>, number: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * number / 4]
}

/// A tree in several layers: most of it in the lowest.
fn build(layers: &[PathBuf]) {
    for (index, layer) in layers.iter().enumerate() {
        for directory in (0..DIRECTORIES).filter(|d| index == LAYERS - 1 || d % 4 == index) {
            let path = layer.join(format!("d{directory}"));
            fs::create_dir_all(&path).unwrap();
            for file in 0..FILES {
                fs::write(path.join(format!("file{file}.txt")), format!("{index} {file}\n").repeat(200)).unwrap();
            }
        }
    }
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| n.wrapping_mul(2_654_435_761) as u8).collect();
    let large = File::create(layers[LAYERS - 1].join("large")).unwrap();
    (0..LARGE / block.len()).for_each(|n| large.write_all_at(&block, (n * block.len()) as u64).unwrap());
}

fn each_directory(root: &Path, work: impl Fn(&Path)) {
    (0..DIRECTORIES).for_each(|d| work(&root.join(format!("d{d}"))));
}

fn each_file(root: &Path, work: impl Fn(&Path)) {
    each_directory(root, |path| (0..FILES).for_each(|f| work(&path.join(format!("file{f}.txt")))));
}

fn some_files(root: &Path, count: usize, work: impl Fn(&Path)) {
    (0..count).for_each(|n| work(&root.join(format!("d{}/file{}.txt", n / FILES, n % FILES))));
}

fn read_large(root: &Path, block: usize) {
    let mut file = File::open(root.join("large")).unwrap();
    let mut buffer = vec![0; block];
    while file.read(&mut buffer).unwrap() > 0 {}
}

#[allow(unsafe_code)]
fn map_large(root: &Path) {
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    let file = File::open(root.join("large")).unwrap();
    // SAFETY: a new mapping of a file that nobody changes, read within its length and not used after it is unmapped.
    unsafe {
        let start = mmap(std::ptr::null_mut(), LARGE, ProtFlags::READ, MapFlags::PRIVATE, &file, 0).unwrap();
        for page in 0..LARGE / 4096 {
            std::hint::black_box(start.cast::<u8>().add(page * 4096).read_volatile());
        }
        munmap(start, LARGE).unwrap();
    }
}

fn write_large(root: &Path, round: usize, block: usize) {
    let total = if block < 1 << 20 { LARGE / 4 } else { LARGE };
    let path = root.join(format!("written{block}"));
    let _ = fs::remove_file(&path);
    let file = File::create(&path).unwrap();
    let buffer = vec![round as u8; block];
    (0..total / block).for_each(|n| file.write_all_at(&buffer, (n * block) as u64).unwrap());
}

fn create(root: &Path, round: usize) {
    let directory = root.join(format!("new{round}"));
    fs::create_dir(&directory).unwrap();
    (0..10_000).for_each(|n| fs::write(directory.join(n.to_string()), [0; 4096]).unwrap());
}

fn untar(root: &Path, round: usize) {
    let directory = root.join(format!("tar{round}"));
    fs::create_dir(&directory).unwrap();
    let archive = std::env::var_os("WCIFS_TAR").unwrap();
    let status = std::process::Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&directory).status();
    assert!(status.unwrap().success());
}
