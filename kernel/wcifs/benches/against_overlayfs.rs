//! Measures a volume beside overlayfs on the same layers and the same disk: both take turns in every round, and the ratio of
//! the medians is printed as Markdown. Needs root:
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
use std::time::{Duration, Instant};

/// Directories of the tree, each in one of [`LAYERS`] layers or in several.
const DIRECTORIES: usize = 200;
/// Files of each directory.
const FILES: usize = 40;
const LAYERS: usize = 3;
/// Bytes of the large file.
const LARGE: usize = 256 << 20;

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

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(7);
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
        passthrough: std::env::var_os("WCIFS_NO_PASSTHROUGH").is_none(),
        epochs: std::env::var_os("WCIFS_NO_EPOCHS").is_none(),
    };
    let session = plan.mount(&at("w")).unwrap();
    let server = std::thread::spawn(move || session.serve());
    println!("| | overlayfs, ms | wcifs, ms | ratio |\n|---|---|---|---|");
    for (name, work) in ROWS {
        let wanted = words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
        if !wanted || *name == "untar" && std::env::var_os("WCIFS_TAR").is_none() {
            continue;
        }
        let (mut overlay, mut ours) = (Vec::new(), Vec::new());
        // The first round warms up.
        for round in 0..=rounds {
            for (root, times) in [(at("o"), &mut overlay), (at("w"), &mut ours)] {
                let start = Instant::now();
                work(&root, round);
                times.push(start.elapsed());
            }
        }
        let [overlay, ours] = [overlay, ours].map(|mut times| median(times.split_off(1)));
        let ratio = ours.as_secs_f64() / overlay.as_secs_f64();
        println!("| {name} | {:.1} | {:.1} | {ratio:.2} |", ms(overlay), ms(ours));
    }
    for name in ["o", "w"] {
        rustix::mount::unmount(at(name), rustix::mount::UnmountFlags::DETACH).unwrap();
    }
    server.join().unwrap().unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
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
