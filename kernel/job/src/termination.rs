//! Freezing, killing and removing a job.

use std::{
    os::fd::OwnedFd,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{
    Controller, Job, JobError, Version,
    directory::{Directory, keyed},
};

/// How long a frozen state is waited for.
const FREEZE_DEADLINE: Duration = Duration::from_secs(5);
/// How long killed processes may take to end: they may sit in a slow system call.
const TERMINATE_DEADLINE: Duration = Duration::from_secs(10);
/// Tries to remove a directory that the kernel calls busy.
const REMOVE_TRIES: u32 = 200;
/// Between two looks where the kernel gives no event (version 1).
const PAUSE: Duration = Duration::from_millis(1);

impl Job {
    /// Stops every process of the job where it is, until [`Job::thaw`].
    ///
    /// # Errors
    /// [`JobError::Unsupported`] without a freezer, [`JobError::Deadline`] when a process does not come to a stop
    /// within 5 s (the job is thawed again then), [`JobError::Io`].
    pub fn freeze(&self) -> Result<(), JobError> {
        self.set_frozen(Frozen::Yes).inspect_err(|error| {
            if matches!(error, JobError::Deadline { .. }) {
                let _ = self.set_frozen(Frozen::No);
            }
        })
    }

    /// Lets the processes of a frozen job go on. Does nothing to a job that is not frozen.
    ///
    /// # Errors
    /// As [`Job::freeze`].
    pub fn thaw(&self) -> Result<(), JobError> {
        self.set_frozen(Frozen::No)
    }

    fn set_frozen(&self, frozen: Frozen) -> Result<(), JobError> {
        let unsupported =
            || JobError::Unsupported { name: self.name().to_string(), action: frozen.action(), needed: "freezer" };
        let (directory, version) = self.place(Controller::Freezer).ok_or_else(unsupported)?;
        let (file, value) = match (version, frozen) {
            (Version::V1, Frozen::Yes) => ("freezer.state", "FROZEN"),
            (Version::V1, Frozen::No) => ("freezer.state", "THAWED"),
            (Version::V2, Frozen::Yes) => ("cgroup.freeze", "1"),
            (Version::V2, Frozen::No) => ("cgroup.freeze", "0"),
        };
        if !directory.write_if_there(file, value)? {
            return Err(unsupported());
        }
        let reached = |text: &str| match version {
            Version::V1 => text.trim() == value,
            Version::V2 => keyed(text, "frozen").unwrap_or(0) == u64::from(frozen == Frozen::Yes),
        };
        let file = if version == Version::V1 { file } else { "cgroup.events" };
        let deadline = Instant::now() + FREEZE_DEADLINE;
        let mut watch = Watch::new(directory, version);
        loop {
            if directory.read_if_there(file)?.is_none_or(|text| reached(&text)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.deadline(frozen.state()));
            }
            watch.wait(deadline);
        }
    }

    /// Kills every process of the job, also a frozen one, and returns when none is left.
    ///
    /// With version 2 the kernel kills them in one stroke (`cgroup.kill`, Linux 5.14). Otherwise they are frozen so
    /// that none can fork, killed by descriptor and thawed, until none is left.
    ///
    /// # Errors
    /// [`JobError::Deadline`] when some do not end within 10 s, [`JobError::Io`].
    pub fn terminate(&self) -> Result<(), JobError> {
        let deadline = Instant::now() + TERMINATE_DEADLINE;
        let unified = self.places().find(|(_, version)| *version == Version::V2);
        let (mut watch, mut by_kernel) = match unified {
            Some((directory, version)) => (Watch::new(directory, version), Some(directory)),
            None => (Watch { events: None }, None),
        };
        loop {
            let pids = self.processes()?;
            if pids.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.deadline("empty"));
            }
            if let Some(directory) = by_kernel {
                if !directory.write_if_there("cgroup.kill", "1")? {
                    by_kernel = None;
                }
                // Version 1 trees may hold processes that are not in the version 2 one.
                self.kill_each(&pids)?;
            }
            if by_kernel.is_none() {
                self.kill_frozen()?;
            }
            watch.wait(deadline);
        }
    }

    /// Kills every process while all are frozen. Without a freezer, or when they do not freeze, the caller's
    /// repetition has to be faster than their forks.
    fn kill_frozen(&self) -> Result<(), JobError> {
        let frozen = self.set_frozen(Frozen::Yes);
        let killed = self.processes().and_then(|pids| self.kill_each(&pids));
        let thawed = match frozen {
            Err(JobError::Unsupported { .. }) => Ok(()),
            _ => self.set_frozen(Frozen::No),
        };
        killed.and(thawed)
    }

    /// Kills the processes that are in the job both before and after they were opened: a number that was given to
    /// another process in between is never hit.
    fn kill_each(&self, pids: &[u32]) -> Result<(), JobError> {
        let open = |&pid: &u32| {
            let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
            Some((pid, pidfd_open(raw, PidfdFlags::empty()).ok()?))
        };
        let opened: Vec<(u32, OwnedFd)> = pids.iter().filter_map(open).collect();
        let still = self.processes()?;
        for (pid, fd) in opened {
            if still.binary_search(&pid).is_ok() {
                match pidfd_send_signal(&fd, Signal::KILL) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(error) => return Err(JobError::io("kill process", pid.to_string())(error)),
                }
            }
        }
        Ok(())
    }

    fn deadline(&self, state: &'static str) -> JobError {
        let left = self.processes().map_or(0, |pids| pids.len());
        JobError::Deadline { name: self.name().to_string(), state, left }
    }

    /// Removes the control groups. A job that is gone already is no error; processes in it are, after a short wait
    /// for those that are about to end: [`Job::terminate`] comes first.
    ///
    /// # Errors
    /// [`JobError::Teardown`] with everything that could not be removed; all the rest is.
    pub fn destroy(&self) -> Result<(), JobError> {
        self.remove_first(self.hierarchy().trees().len())
    }

    /// Removes the groups of the first `count` trees.
    pub(crate) fn remove_first(&self, count: usize) -> Result<(), JobError> {
        let relative = self.hierarchy().relative(self.name());
        let mut errors = Vec::new();
        let mut tries = REMOVE_TRIES;
        for tree in self.hierarchy().trees().iter().take(count) {
            loop {
                match tree.remove(&relative) {
                    Ok(()) | Err(Errno::NOENT) => break,
                    Err(Errno::BUSY) if tries > 0 => {
                        tries -= 1;
                        thread::sleep(PAUSE);
                    }
                    Err(error) => {
                        errors.push(JobError::io("remove", tree.path().join(&relative))(error));
                        break;
                    }
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(JobError::Teardown { name: self.name().to_string(), errors }) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frozen {
    Yes,
    No,
}

impl Frozen {
    fn action(self) -> &'static str {
        match self {
            Self::Yes => "freeze",
            Self::No => "thaw",
        }
    }

    fn state(self) -> &'static str {
        match self {
            Self::Yes => "frozen",
            Self::No => "thawed",
        }
    }
}

/// Waits for changes of a job: for the events of version 2, or a moment in version 1, which has none.
struct Watch {
    events: Option<OwnedFd>,
}

impl Watch {
    fn new(directory: &Directory, version: Version) -> Self {
        let events = (version == Version::V2).then(|| directory.open_file("cgroup.events").ok()).flatten();
        Self { events }
    }

    /// Waits for a change, but not past the deadline, and never longer than a tenth of a second: a change between
    /// the caller's look and this wait is not lost for long.
    fn wait(&mut self, deadline: Instant) {
        const LONGEST: Duration = Duration::from_millis(100);
        let left = deadline.saturating_duration_since(Instant::now()).min(LONGEST);
        let Some(events) = &self.events else {
            thread::sleep(PAUSE.min(left));
            return;
        };
        let mut files = [PollFd::new(events, PollFlags::PRI)];
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut files, Some(&timeout)) {
            // An ordinary file of a stand-in tree reports an error at once.
            Ok(_) if files[0].revents().contains(PollFlags::PRI) => {
                let mut text = [0u8; 256];
                let _ = rustix::io::pread(events, &mut text, 0);
            }
            Ok(0) | Err(_) => {}
            Ok(_) => thread::sleep(PAUSE),
        }
    }
}
