//! Trying things in a process of its own: this program again, which does one thing, prints its line and ends.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, getegid, geteuid, pidfd_open};
use rustix::thread::UnshareFlags;

use super::{DoctorInput, Line, Topic, Verdict, checks};

/// How long a probe may take: loading a kernel module on a busy machine is the slowest of all.
const PATIENCE: Duration = Duration::from_secs(15);
/// A probe writes one line; reading stops there, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// Does the probe of a line in this process, which must have one thread only.
pub(super) fn perform(topic: Topic, directory: Option<&Path>) -> Line {
    checks::probe(topic, directory).unwrap_or_else(|| {
        Line::new(topic, Verdict::Unchecked, "this line has no probe", "ask for the line without --probe")
    })
}

/// Prints the line for the process that asked.
pub(super) fn answer(line: &Line) {
    let text = serde_json::to_string(line).unwrap_or_default();
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Starts a probe and reads its line.
pub(super) fn start(topic: Topic, input: &DoctorInput, directory: Option<&Path>) -> Line {
    let failed = |why: String| Line::new(topic, Verdict::Unchecked, why, "the probe is broken: please report it");
    let mut command = Command::new(&input.program);
    command.args(["doctor", "--probe", topic.name()]);
    if let Some(directory) = directory {
        command.arg("--directory").arg(directory);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return failed(format!("the probe did not start: {error}")),
    };
    let in_time = ended_in_time(&child);
    if !in_time {
        let _ = child.kill();
    }
    let mut text = String::new();
    if let Some(out) = child.stdout.take().filter(|_| in_time) {
        let _ = out.take(MAX_ANSWER).read_to_string(&mut text);
    }
    match (child.wait(), serde_json::from_str(&text)) {
        (_, Ok(line)) => line,
        (_, Err(_)) if !in_time => failed(format!("no answer in {} s", PATIENCE.as_secs())),
        (Ok(status), Err(_)) => failed(format!("the probe ended with {status}")),
        (Err(error), Err(_)) => failed(format!("the probe was lost: {error}")),
    }
}

fn ended_in_time(child: &Child) -> bool {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(pidfd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return true;
    };
    let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let mut files = [PollFd::new(&pidfd, PollFlags::IN)];
    !matches!(poll(&mut files, Some(&timeout)), Ok(0))
}

/// An empty directory on the disk of the state directory, removed again with all that is in it.
pub(super) struct Workplace(PathBuf);

impl Workplace {
    /// Makes it in the state directory or in what of its path exists; elsewhere when that cannot be written.
    pub fn near(root: &Path) -> std::io::Result<Self> {
        let name = format!(".casement-doctor-{}", std::process::id());
        let near = existing(root).join(&name);
        match std::fs::create_dir(&near) {
            Ok(()) => Ok(Self(near)),
            Err(_) => {
                let other = std::env::temp_dir().join(name);
                std::fs::create_dir(&other).map(|()| Self(other))
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The longest part of a path that exists.
pub(super) fn existing(path: &Path) -> &Path {
    path.ancestors().find(|part| part.is_dir()).unwrap_or(Path::new("/"))
}

/// Whether this process was root from its start, and not only in a user namespace of its own.
pub(super) fn started_as_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| geteuid().is_root())
}

/// Gives this process the rights to make namespaces and mounts: root has them, others get them in a user namespace
/// of their own where the host allows that.
pub(super) fn gain_rights() -> Result<(), String> {
    let (uid, gid) = (geteuid(), getegid());
    if started_as_root() {
        return Ok(());
    }
    unshare(UnshareFlags::NEWUSER).map_err(|error| format!("no user namespace without root: {error}"))?;
    let write =
        |file: &str, text: String| std::fs::write(file, text).map_err(|error| format!("cannot write {file}: {error}"));
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {} 1", uid.as_raw()))?;
    write("/proc/self/gid_map", format!("0 {} 1", gid.as_raw()))
}

/// Moves this process into new namespaces.
pub(super) fn unshare(namespaces: UnshareFlags) -> std::io::Result<()> {
    casement_silo::linux::unshare(namespaces.bits() as i32)
}

/// Waits for a file to be readable.
pub(super) fn readable(file: impl AsFd, patience: Duration) -> bool {
    let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
    let mut files = [PollFd::new(&file, PollFlags::IN)];
    matches!(poll(&mut files, Some(&timeout)), Ok(count) if count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workplace_is_removed_with_all_that_is_in_it() {
        let root = std::env::temp_dir().join("casement-not-there/deep");
        assert_eq!(existing(&root), std::env::temp_dir());
        let place = Workplace::near(&root).unwrap();
        let path = place.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(place);
        assert!(!path.exists());
    }

    #[test]
    fn a_program_that_is_no_probe_is_told_apart_from_a_line() {
        let input = DoctorInput { program: "/bin/false".into(), ..DoctorInput::new(Path::new("/")) };
        let line = start(Topic::Fuse, &input, None);
        assert_eq!(line.verdict, Verdict::Unchecked);
        assert!(line.found.contains("ended with"), "{}", line.found);
    }
}
