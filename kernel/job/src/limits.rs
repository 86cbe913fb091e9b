//! Limits of a job, in the units of the Host Compute Service, and their conversion to the kernel's units.

use crate::{DeviceNumber, JobError};

/// Processes and threads a job may hold when nothing else is said. A job always has such a limit: programs under
/// Wine can start child processes without end when their display driver fails.
pub const DEFAULT_PROCESS_LIMIT: u32 = 4096;

/// Length of the period over which a CPU quota counts, in microseconds (the kernel's default).
pub(crate) const CPU_PERIOD_MICROSECONDS: u64 = 100_000;
/// Smallest quota the kernel accepts, in microseconds.
const MIN_QUOTA_MICROSECONDS: u64 = 1_000;
/// Largest value of `Processor.Maximum` and `Processor.Weight`.
const TEN_THOUSAND: u32 = 10_000;
/// Smallest memory limit that is accepted, in bytes: one page. The kernel rounds down to pages.
const MIN_MEMORY: u64 = 4096;
/// Largest number of processes `pids.max` accepts as a number.
const MAX_PROCESSES: u32 = 4_194_304;

/// Upper bound on the processor time of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuRate {
    /// `Processor.Maximum`: ten-thousandths of all processors of the host, 1 to 10,000.
    Maximum(u32),
    /// Billionths of one processor (`1_500_000_000` is one and a half), as Docker counts `--cpus`.
    NanoCpus(u64),
}

impl CpuRate {
    /// Microseconds of processor time in each period of 100 ms on a host with `processors` processors.
    pub(crate) fn quota_microseconds(self, processors: u32) -> u64 {
        let quota = match self {
            Self::Maximum(part) => {
                u64::from(part) * u64::from(processors.max(1)) * CPU_PERIOD_MICROSECONDS / u64::from(TEN_THOUSAND)
            }
            Self::NanoCpus(nano) => nano / (1_000_000_000 / CPU_PERIOD_MICROSECONDS),
        };
        quota.max(MIN_QUOTA_MICROSECONDS)
    }
}

/// Traffic with one disk, read and written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoLimit {
    /// The disk.
    pub device: DeviceNumber,
    /// Bytes read in a second, and bytes written in a second.
    pub bytes_per_second: Option<u64>,
    /// Requests to read in a second, and requests to write in a second.
    pub operations_per_second: Option<u64>,
}

/// What a job may use. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLimits {
    /// Memory with all that is counted to the job (anonymous, page cache, kernel), in bytes. Swap is not granted
    /// on top.
    pub memory: Option<u64>,
    /// Processor time.
    pub cpu: Option<CpuRate>,
    /// `Processor.Weight`: share against other jobs when processors are scarce, 1 to 10,000, 100 is the default.
    pub weight: Option<u32>,
    /// Processes and threads together, [`DEFAULT_PROCESS_LIMIT`] by default.
    pub processes: u32,
    /// Traffic with a disk. `None` leaves it as it is.
    pub io: Option<IoLimit>,
}

impl Default for JobLimits {
    fn default() -> Self {
        Self { memory: None, cpu: None, weight: None, processes: DEFAULT_PROCESS_LIMIT, io: None }
    }
}

impl JobLimits {
    /// Checks that the kernel would take each limit.
    ///
    /// # Errors
    /// [`JobError::InvalidLimit`] with the first limit that is outside its range.
    pub fn validate(&self) -> Result<(), JobError> {
        let check = |ok: bool, limit, value, expected| {
            if ok { Ok(()) } else { Err(JobError::InvalidLimit { limit, value, expected }) }
        };
        if let Some(bytes) = self.memory {
            let ok = (MIN_MEMORY..=i64::MAX as u64).contains(&bytes);
            check(ok, "memory", bytes, "at least 4096 bytes and below 2^63")?;
        }
        match self.cpu {
            Some(CpuRate::Maximum(part)) => {
                check((1..=TEN_THOUSAND).contains(&part), "processor maximum", part.into(), "1 to 10000")?;
            }
            Some(CpuRate::NanoCpus(nano)) => {
                let ok = (1..=1_000_000_000_000_000).contains(&nano);
                check(ok, "processors", nano, "1 to 10^15 billionths of a processor")?;
            }
            None => {}
        }
        if let Some(weight) = self.weight {
            check((1..=TEN_THOUSAND).contains(&weight), "processor weight", weight.into(), "1 to 10000")?;
        }
        let ok = (1..=MAX_PROCESSES).contains(&self.processes);
        check(ok, "processes", self.processes.into(), "1 to 4194304")
    }
}

/// `cpu.shares` of version 1 (2 to 262,144, default 1,024) for a weight whose default is 100.
pub(crate) fn shares_of_weight(weight: u32) -> u64 {
    (u64::from(weight) * 1024 / 100).clamp(2, 262_144)
}

/// Processors that are online, at least 1.
pub(crate) fn online_processors() -> u32 {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").ok();
    let counted = online.as_deref().map(count_ranges).unwrap_or(0);
    if counted > 0 {
        return counted;
    }
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// Counts the members of a list like `0-3,8`.
fn count_ranges(list: &str) -> u32 {
    list.trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_rates_to_quotas() {
        assert_eq!(CpuRate::Maximum(10_000).quota_microseconds(4), 400_000);
        assert_eq!(CpuRate::Maximum(2_500).quota_microseconds(2), 50_000);
        assert_eq!(CpuRate::Maximum(1).quota_microseconds(1), MIN_QUOTA_MICROSECONDS);
        assert_eq!(CpuRate::NanoCpus(1_500_000_000).quota_microseconds(64), 150_000);
        assert_eq!(CpuRate::NanoCpus(1).quota_microseconds(64), MIN_QUOTA_MICROSECONDS);
    }

    #[test]
    fn default_weight_is_default_shares() {
        assert_eq!(shares_of_weight(100), 1024);
        assert_eq!(shares_of_weight(1), 10);
        assert_eq!(shares_of_weight(10_000), 102_400);
    }

    #[test]
    fn refuses_limits_outside_their_range() {
        assert!(JobLimits::default().validate().is_ok());
        let bad = [
            JobLimits { memory: Some(1), ..Default::default() },
            JobLimits { memory: Some(u64::MAX), ..Default::default() },
            JobLimits { cpu: Some(CpuRate::Maximum(0)), ..Default::default() },
            JobLimits { cpu: Some(CpuRate::Maximum(10_001)), ..Default::default() },
            JobLimits { cpu: Some(CpuRate::NanoCpus(0)), ..Default::default() },
            JobLimits { weight: Some(0), ..Default::default() },
            JobLimits { processes: 0, ..Default::default() },
        ];
        for limits in bad {
            assert!(matches!(limits.validate(), Err(JobError::InvalidLimit { .. })), "{limits:?}");
        }
    }

    #[test]
    fn counts_processor_lists() {
        assert_eq!(count_ranges("0-3,8\n"), 5);
        assert_eq!(count_ranges("0\n"), 1);
        assert_eq!(count_ranges("junk"), 0);
        assert_eq!(count_ranges("3-1"), 0);
    }
}
