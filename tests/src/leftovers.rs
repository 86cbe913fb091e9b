//! What a host's containers have left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{deadline, process};

/// Where control groups are mounted.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";
/// How deep below it the groups of containers are at most: `unified/casement/<id>`.
const DEPTH: usize = 3;
/// Characters of a short container id, as the daemon's log has it.
const SHORT_ID: usize = 12;

/// Everything of the host in `directory`, one a line. `log` is its daemon's log, which names its containers; `more` is what is left
/// elsewhere.
///
/// What is just ending is given time: the kernel takes control groups and namespaces apart after the last process.
pub(crate) fn of(directory: &Path, log: &str, more: impl Fn() -> Vec<String>) -> Vec<String> {
    let ids = container_ids(log);
    let now = |directory: &Path, ids: &BTreeSet<String>| [now(directory, ids), more()].concat();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mut left = now(directory, &ids);
    while !left.is_empty() && std::time::Instant::now() < end {
        std::thread::sleep(deadline::LOOK);
        left = now(directory, &ids);
    }
    left
}

fn now(directory: &Path, ids: &BTreeSet<String>) -> Vec<String> {
    let root = directory.join("root");
    let mut left = Vec::new();
    for name in ["containers", "scratches"] {
        left.extend(entries(&root.join(name)).into_iter().map(|path| format!("file {}", path.display())));
    }
    let hosts = process::mentioning(&format!("{}/containers/", root.display()));
    left.extend(hosts.into_iter().map(|(pid, line)| format!("process {pid}: {line}")));
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let text = directory.to_string_lossy();
    left.extend(mounts.lines().filter(|line| line.contains(&*text)).map(|line| format!("mount {line}")));
    left.extend(loop_devices(&text).into_iter().map(|device| format!("loop device {device}")));
    let groups = control_groups(Path::new(CONTROL_GROUPS), DEPTH);
    let ours = groups.into_iter().filter(|group| is_of(group, ids));
    left.extend(ours.map(|group| format!("control group {}", group.display())));
    left
}

/// Loop devices whose files have this in their path.
pub(crate) fn loop_devices(text: &str) -> Vec<String> {
    let backing = |device: PathBuf| {
        let file = fs::read_to_string(device.join("loop/backing_file")).ok()?;
        file.contains(text).then(|| format!("{}: {}", device.display(), file.trim()))
    };
    entries(Path::new("/sys/block")).into_iter().filter_map(backing).collect()
}

fn is_of(group: &Path, ids: &BTreeSet<String>) -> bool {
    let name = group.file_name().unwrap_or_default().to_string_lossy();
    name.get(..SHORT_ID).is_some_and(|short| ids.contains(short))
}

/// The short ids in a log: `container="0123456789ab"`, in whatever colours.
fn container_ids(log: &str) -> BTreeSet<String> {
    let short = |piece: &str| {
        piece.get(..SHORT_ID).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())).map(str::to_owned)
    };
    log.split('"').filter_map(short).collect()
}

fn control_groups(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(directory).into_iter().filter(|path| path.is_dir() && !path.is_symlink()) {
        if depth > 1 {
            found.extend(control_groups(&path, depth - 1));
        }
        found.push(path);
    }
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
