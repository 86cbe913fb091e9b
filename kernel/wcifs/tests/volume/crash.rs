//! The process that serves a volume is killed in the middle of a change: the next one finds the old file or the new one.

use crate::fixture::{Fixture, Mode, names};
use casement_wcifs::{Durability, MountPlan};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the file that is copied up.
const SIZE: usize = 48 << 20;
/// Tells a process of this test program to serve the volume in that directory.
const SERVE: &str = "WCIFS_TEST_SERVE";

/// Not a test: what the other process runs.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn serve() {
    let directory = PathBuf::from(std::env::var_os(SERVE).expect("a directory"));
    let plan = MountPlan {
        layers: vec![directory.join("0")],
        scratch: directory.join("upper"),
        work: directory.join("work"),
        owner: 0,
        durability: Durability::Kept,
        for_host: false,
        passthrough: true,
        epochs: true,
    };
    plan.mount(&directory.join("c")).unwrap().serve().unwrap();
}

fn spawn_server(directory: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "crash::serve"]).env(SERVE, directory).stdout(Stdio::null());
    command.spawn().unwrap()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Blocks of all files in the work directory.
fn prepared(work: &Path) -> u64 {
    let entries = fs::read_dir(work).unwrap().flatten();
    entries.filter_map(|e| e.metadata().ok()).filter(|m| m.is_file()).map(|m| m.blocks() + 1).sum()
}

#[test]
fn a_copy_that_is_cut_short_never_happened() {
    let content: Vec<u8> = (0..SIZE as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut volume = Fixture::new(Mode::EVERYTHING, &[&|l| fs::write(l.join("file"), &content).unwrap()]);
    let mut cut_short = 0;
    for share in 0..8u64 {
        volume.unmount();
        let mut server = spawn_server(volume.directory());
        wait_until("the volume is mounted", || {
            names(&volume.root()) == ["file"] || server.try_wait().unwrap().is_some()
        });
        let path = volume.at("FILE");
        let writer = std::thread::spawn(move || fs::OpenOptions::new().write(true).open(path).is_ok());
        let enough = 1 + share * (SIZE as u64 / 512) / 8;
        wait_until("the copy has begun", || prepared(&volume.work()) >= enough || writer.is_finished());
        server.kill().unwrap();
        server.wait().unwrap();
        cut_short += u32::from(!writer.join().unwrap());
        rustix::mount::unmount(volume.root(), rustix::mount::UnmountFlags::DETACH).unwrap();
        let copy = volume.upper().join("file");
        assert!(!copy.exists() || fs::read(&copy).unwrap() == content, "half a file after {share}/8");
        volume.mount();
        assert!(fs::read(volume.at("file")).unwrap() == content, "after {share}/8");
        assert_eq!(names(&volume.work()), [""; 0]);
        if copy.exists() {
            fs::remove_file(&copy).unwrap();
        }
    }
    assert!(cut_short > 0, "no copy was cut short");
}
