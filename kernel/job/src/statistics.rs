//! Counters of a job, in the units of the Host Compute Service.

use crate::{Controller, Job, JobError, Version, version1, version2};

/// Processor time in units of 100 ns, as `Processor.TotalRuntime100ns` and its kin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// User and kernel together.
    pub total: u64,
    /// In user mode.
    pub user: u64,
    /// In kernel mode.
    pub kernel: u64,
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// All that is counted to the job (`MemoryUsageCommitBytes`).
    pub usage: u64,
    /// The most it ever was (`MemoryUsageCommitPeakBytes`).
    pub peak: u64,
    /// The limit, if there is one.
    pub limit: Option<u64>,
    /// Anonymous memory (`MemoryUsagePrivateWorkingSetBytes`).
    pub private_working_set: u64,
}

/// Block device traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoCounts {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Read requests.
    pub reads: u64,
    /// Write requests.
    pub writes: u64,
}

/// Counters of a job; `None` where the host lacks the controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobStatistics {
    /// Processor time.
    pub cpu: Option<CpuTime>,
    /// Memory.
    pub memory: Option<MemoryUse>,
    /// Block devices.
    pub io: Option<IoCounts>,
    /// Processes and threads in the job now.
    pub processes: Option<u64>,
    /// Processes the kernel killed because the memory limit was reached.
    pub oom_kills: u64,
}

impl Job {
    /// Reads all counters.
    ///
    /// # Errors
    /// [`JobError::Io`] when a file that is there cannot be read.
    pub fn statistics(&self) -> Result<JobStatistics, JobError> {
        let mut statistics = JobStatistics { oom_kills: self.oom_kills()?, ..Default::default() };
        if let Some((directory, version)) = self.place(Controller::CpuAccounting) {
            statistics.cpu = match version {
                Version::V1 => version1::cpu_time(directory)?,
                Version::V2 => version2::cpu_time(directory)?,
            };
        }
        if let Some((directory, version)) = self.place(Controller::Memory) {
            statistics.memory = match version {
                Version::V1 => version1::memory_use(directory)?,
                Version::V2 => version2::memory_use(directory)?,
            };
        }
        if let Some((directory, version)) = self.place(Controller::Io) {
            statistics.io = match version {
                Version::V1 => version1::io_counts(directory)?,
                Version::V2 => version2::io_counts(directory)?,
            };
        }
        if let Some((directory, _)) = self.place(Controller::Processes) {
            statistics.processes = directory.number("pids.current")?;
        }
        Ok(statistics)
    }

    /// Processes the kernel killed because the memory limit was reached.
    ///
    /// # Errors
    /// [`JobError::Io`] when the counter is there and cannot be read.
    pub fn oom_kills(&self) -> Result<u64, JobError> {
        match self.place(Controller::Memory) {
            Some((directory, Version::V1)) => version1::oom_kills(directory),
            Some((directory, Version::V2)) => version2::oom_kills(directory),
            None => Ok(0),
        }
    }

    /// Whether the memory limit cost a process its life.
    ///
    /// # Errors
    /// As [`Job::oom_kills`].
    pub fn oom_killed(&self) -> Result<bool, JobError> {
        Ok(self.oom_kills()? > 0)
    }
}
