//! The prefix that Wine makes of itself, once for each runtime: base images are cut from it.

use crate::atomic::{self, UNFINISHED};
use crate::error::LayersError;
use crate::scratch::REGISTRY_FILES;
use crate::store::Store;
use casement_nt::{Progress, Runtime};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Makes the prefix.
pub const SCRIPT: &str = include_str!("make_prefix.sh");
/// Longest time that Wine may take; 1 to 7 seconds are usual.
const DEADLINE: Duration = Duration::from_secs(300);
/// A user id that nobody has: above what distributions give out, below the ranges of silos.
const BUILDER: u32 = 0x6FFF_0000;

/// Finds or makes the prefix of `runtime`: a directory with the registry files and `drive_c`.
pub fn prefix_of(store: &Store, runtime: &Runtime, progress: &dyn Progress) -> Result<PathBuf, LayersError> {
    let prefixes = store.root().join("cache/prefixes");
    let name = format!("{} {SCRIPT}", runtime.id());
    let finished = prefixes.join(casement_nt::digest::sha256_bytes(name.as_bytes()));
    if finished.is_dir() {
        return Ok(finished);
    }
    let lock = lock_prefixes(store)?;
    // Those of former runtimes, and what a killed build left.
    atomic::remove(&prefixes)?;
    fs::create_dir_all(&prefixes).map_err(LayersError::io("create", &prefixes))?;
    let new = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&prefixes)
        .map_err(LayersError::io("create a directory in", &prefixes))?;
    run_wineboot(runtime, new.path(), lock, progress)?;
    for name in REGISTRY_FILES.into_iter().chain(["drive_c/windows/system32/ntdll.dll"]) {
        if !new.path().join(name).is_file() {
            return Err(LayersError::Prefix(format!("it ended without making {name}")));
        }
    }
    let from = new.keep();
    fs::rename(&from, &finished).map_err(LayersError::io("rename", &from))?;
    Ok(finished)
}

/// Keeps others from the prefixes. The lock belongs to the open file, which Wine's processes inherit: when a build is
/// killed, the next one waits until they are gone, too.
fn lock_prefixes(store: &Store) -> Result<fs::File, LayersError> {
    let cache = store.root().join("cache");
    fs::create_dir_all(&cache).map_err(LayersError::io("create", &cache))?;
    let path = cache.join("prefixes.lock");
    let file = fs::File::create(&path).map_err(LayersError::io("create", &path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|e| LayersError::io("lock", &path)(e.into()))?;
    Ok(file)
}

fn run_wineboot(runtime: &Runtime, prefix: &Path, lock: fs::File, progress: &dyn Progress) -> Result<(), LayersError> {
    let processor = first_processor();
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare"])
        .args([
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--cgroup",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ])
        .args(["sh", "-c", SCRIPT, "sh"])
        .args([&runtime.tree(), prefix, &runtime.stock_files()].map(AsRef::<Path>::as_ref))
        .args([BUILDER.to_string(), processor.to_string()])
        .env("LC_ALL", "C")
        .stdin(lock)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(LayersError::io("run", Path::new("setpriv")))?;
    let words = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.by_ref().take(64 << 10).read_to_end(&mut text);
            // Goes on reading, so that nothing waits for a full pipe.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(LayersError::io("wait for", Path::new("unshare")))? {
            break Some(status);
        }
        if started.elapsed() > DEADLINE {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        let guess = started.elapsed().as_secs_f64() / 8.0;
        progress.report("letting Wine make its first prefix", guess / (1.0 + guess));
        std::thread::sleep(Duration::from_millis(100));
    };
    let words = words.and_then(|w| w.join().ok()).unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let lines: Vec<&str> = words.lines().filter(|l| !l.trim().is_empty()).collect();
            let last = lines[lines.len().saturating_sub(4)..].join("; ");
            Err(LayersError::Prefix(format!("{status}: {last}")))
        }
        None => Err(LayersError::Prefix(format!("it did not end within {} seconds", DEADLINE.as_secs()))),
    }
}

/// Wine starts several times faster when all its processes share one processor.
fn first_processor() -> usize {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU).find(|n| allowed.is_set(*n)).unwrap_or(0)
}
