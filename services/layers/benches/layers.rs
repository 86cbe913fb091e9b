//! How long unpacking a layer takes beside GNU tar and bsdtar, and how long the commit of 10,000 files beside packing them with GNU
//! tar: `cargo bench -p casement-layers -- DIRECTORY`, where DIRECTORY has the files of the layer (the Windows files of Wine). All
//! take turns; the medians are given, in milliseconds, and their ratios to GNU tar, and the same of the processor time, which says more
//! when the machine does other things.

use casement_hive::{Hive, Tree};
use casement_layer_tar::{Entry, Kind, LayerPath, LayerWriter, Metadata, NtTime};
use casement_layers::oci::ContainerConfig;
use casement_layers::{AfterCommit, CommitOptions, Import, Store, layer};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Rounds in which each takes its turn.
const ROUNDS: usize = 5;
/// Bytes that the layer has at least: the directory is put into it as often as that takes.
const LAYER: u64 = 640 << 20;
/// Changed files of the container.
const FILES: usize = 10_000;
/// Their length.
const LENGTH: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let Some(directory) = directory else {
        println!("give a directory with files of some size to measure with");
        return Ok(());
    };
    let place = tempfile::tempdir_in(std::env::var_os("CASEMENT_BENCH_PLACE").unwrap_or_else(|| ".".into()))?;
    unpacking(Path::new(&directory), place.path())?;
    committing(place.path())?;
    Ok(())
}

fn unpacking(files: &Path, place: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let archive = place.join("layer.tar.gz");
    let (bytes, count) = make_layer(files, &archive)?;
    println!("unpacking {} MB in {count} files, {} MB packed", bytes >> 20, fs::metadata(&archive)?.len() >> 20);
    let to = place.join("unpacked");
    let with = |program: &str, to: &Path| -> io::Result<()> {
        let status =
            Command::new(program).arg("-xzf").arg(&archive).arg("-C").arg(to).stderr(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program} failed"))) }
    };
    let inflate = |_: &Path| -> io::Result<()> {
        io::copy(&mut flate2::read::MultiGzDecoder::new(File::open(&archive)?), &mut io::sink()).map(drop)
    };
    let ours = |to: &Path| -> io::Result<()> {
        layer::unpack(File::open(&archive)?, to, layer::Beneath::NOTHING).map(drop).map_err(io::Error::other)
    };
    let inflate_parallel = |_: &Path| -> io::Result<()> {
        io::copy(&mut casement_inflate::GzipReader::new(File::open(&archive)?), &mut io::sink()).map(drop)
    };
    let turns: [Turn<'_>; 5] = [
        ("GNU tar", &|to| with("tar", to)),
        ("bsdtar", &|to| with("bsdtar", to)),
        ("casement, with its digest", &ours),
        ("only inflating (zlib-rs)", &inflate),
        ("only inflating (casement, in parallel)", &inflate_parallel),
    ];
    table(&turns, &|| {
        let _ = fs::remove_dir_all(&to);
        fs::create_dir(&to)?;
        Ok(to.clone())
    })
}

fn committing(place: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(place.join("root"))?;
    let mut base = LayerWriter::new(Vec::new());
    let hive = Hive::new(Tree::new("ROOT"), "SYSTEM").write()?;
    let path = LayerPath::new("Hives/System_Base")?;
    base.file(&path, &Metadata::file(NtTime::default()), hive.len() as u64, &hive[..])?;
    let names = |name: &str| vec![name.to_owned()];
    let created = jiff::Timestamp::from_second(0)?;
    let config = ContainerConfig::default();
    let import = Import { config: config.clone(), names: names("base:1"), comment: String::new(), created };
    let base = store.import(&base.finish()?[..], &import)?;
    let scratch = store.create_scratch("c", &base, 0)?;
    let upper = scratch.directory().join("upper");
    let mut random = fastrand::Rng::with_seed(1);
    for number in 0..FILES {
        let directory = upper.join(format!("directory {}", number / 100));
        fs::create_dir_all(&directory)?;
        let text: Vec<u8> = (0..LENGTH).map(|_| random.alphanumeric() as u8).collect();
        fs::write(directory.join(format!("file {number}.txt")), text)?;
    }
    println!("\ncommitting {FILES} changed files of {LENGTH} bytes");
    let options = CommitOptions {
        config,
        listing: casement_layers::Listing::Named(names("app:1")),
        created_by: String::new(),
        comment: String::new(),
        author: String::new(),
        created,
        latest: None,
        owner: None,
        mounted: Vec::new(),
        scratch: AfterCommit::Kept,
    };
    let tar = |to: &Path| -> io::Result<()> {
        let status = Command::new("tar").arg("-czf").arg(to).arg("-C").arg(&upper).arg(".").status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("tar failed")) }
    };
    let ours =
        |_: &Path| -> io::Result<()> { store.commit(&scratch, &base, &options).map(drop).map_err(io::Error::other) };
    let turns: [Turn<'_>; 2] = [("GNU tar, packing only", &tar), ("casement: packed, unpacked and on disk", &ours)];
    table(&turns, &|| {
        if let Ok(image) = store.resolve("app:1") {
            store.delete(&image).map_err(io::Error::other)?;
        }
        Ok(place.join("packed.tar.gz"))
    })
}

/// What is measured: its name, and the work, which is told where to put what it makes.
type Turn<'a> = (&'a str, &'a dyn Fn(&Path) -> io::Result<()>);

/// Lets all take turns; the first is what the others are compared with.
fn table(turns: &[Turn<'_>], prepare: &dyn Fn() -> io::Result<PathBuf>) -> Result<(), Box<dyn std::error::Error>> {
    let mut times = vec![Vec::new(); turns.len()];
    let mut used = vec![Vec::new(); turns.len()];
    for _ in 0..ROUNDS {
        for (((_, turn), times), used) in turns.iter().zip(&mut times).zip(&mut used) {
            let to = prepare()?;
            let (start, before) = (Instant::now(), processor_time()?);
            turn(&to)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            used.push(processor_time()? - before);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    let sorted = times;
    let used: Vec<f64> = used.iter_mut().map(median).collect();
    for ((((what, _), median), times), processor) in turns.iter().zip(&medians).zip(&sorted).zip(&used) {
        println!(
            "  {what:<40} {median:6.0} ms  {:5.2}   least {:6.0} ms  {:5.2}   processor {processor:6.0} ms  {:5.2}",
            median / medians[0],
            times[0],
            times[0] / sorted[0][0],
            processor / used[0]
        );
    }
    Ok(())
}

/// Milliseconds that this process and those that it waited for have run.
fn processor_time() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // After the name in parentheses; in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() * 10.0)
}

/// A layer with the files of `from`, as often as it takes, packed with gzip as most tools pack it.
fn make_layer(from: &Path, to: &Path) -> Result<(u64, usize), Box<dyn std::error::Error>> {
    let gzip = flate2::write::GzEncoder::new(io::BufWriter::new(File::create(to)?), flate2::Compression::new(6));
    let mut writer = LayerWriter::new(gzip);
    let metadata = Metadata::file(NtTime::from_seconds(1_700_000_000));
    let mut all: Vec<PathBuf> = Vec::new();
    find(from, &mut all)?;
    let (mut bytes, mut count, mut copy) = (0, 0, 0);
    while bytes < LAYER && !all.is_empty() {
        for file in &all {
            let inside = file.strip_prefix(from)?.to_string_lossy().into_owned();
            let size = fs::metadata(file)?.len();
            let path = LayerPath::new(&format!("Files/{copy}/{inside}"))?;
            writer.entry(&Entry { path, kind: Kind::File { size }, metadata: metadata.clone() }, File::open(file)?)?;
            bytes += size;
            count += 1;
        }
        copy += 1;
    }
    writer.finish()?.finish()?.flush()?;
    Ok((bytes, count))
}

fn find(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => find(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    Ok(())
}
