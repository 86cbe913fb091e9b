//! Limits and counters in the files of version 1.

use rustix::io::Errno;

use crate::{
    CpuTime, IoCounts, IoLimit, JobError, MemoryUse,
    directory::{Directory, is, keyed},
    limits::{CPU_PERIOD_MICROSECONDS, shares_of_weight},
};

/// Values from here on are the kernel's way to say that there is no limit (2^63 rounded down to pages).
const UNLIMITED: u64 = i64::MAX as u64 & !0xffff;
/// Ticks per second in `cpuacct.stat`: the kernel's fixed `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// Sets `memory.limit_in_bytes` and the sum with swap to the same value, so that no swap is granted.
pub(crate) fn set_memory(directory: &Directory, limit: Option<u64>) -> Result<bool, JobError> {
    let value = limit.map_or("-1".to_owned(), |bytes| bytes.to_string());
    const PLAIN: &str = "memory.limit_in_bytes";
    const WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
    // The sum may never be below the plain limit: when raising it has to go first, when lowering last.
    match directory.write_if_there(PLAIN, &value) {
        Err(error) if is(&error, Errno::INVAL) => {
            directory.write_if_there(WITH_SWAP, &value)?;
            directory.write_if_there(PLAIN, &value)
        }
        Ok(true) => {
            directory.write_if_there(WITH_SWAP, &value)?;
            Ok(true)
        }
        other => other,
    }
}

/// Sets `cpu.cfs_quota_us`; `None` is no quota. False when the kernel has no quotas.
pub(crate) fn set_quota(directory: &Directory, microseconds: Option<u64>) -> Result<bool, JobError> {
    let Some(quota) = microseconds else {
        return directory.write_if_there("cpu.cfs_quota_us", "-1");
    };
    directory.write_if_there("cpu.cfs_period_us", &CPU_PERIOD_MICROSECONDS.to_string())?;
    directory.write_if_there("cpu.cfs_quota_us", &quota.to_string())
}

/// Sets `cpu.shares`.
pub(crate) fn set_weight(directory: &Directory, weight: u32) -> Result<bool, JobError> {
    directory.write_if_there("cpu.shares", &shares_of_weight(weight).to_string())
}

/// Sets the `blkio.throttle` files for a device. False when the kernel does not limit traffic.
pub(crate) fn set_io(directory: &Directory, limit: &IoLimit) -> Result<bool, JobError> {
    let files = [
        ("blkio.throttle.read_bps_device", limit.bytes_per_second),
        ("blkio.throttle.write_bps_device", limit.bytes_per_second),
        ("blkio.throttle.read_iops_device", limit.operations_per_second),
        ("blkio.throttle.write_iops_device", limit.operations_per_second),
    ];
    for (file, value) in files {
        // 0 is no limit.
        if !directory.write_if_there(file, &format!("{} {}", limit.device, value.unwrap_or(0)))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Processor time from `cpuacct`.
pub(crate) fn cpu_time(directory: &Directory) -> Result<Option<CpuTime>, JobError> {
    let Some(total) = directory.number("cpuacct.usage")? else {
        return Ok(None);
    };
    let (user, kernel) = match (directory.number("cpuacct.usage_user")?, directory.number("cpuacct.usage_sys")?) {
        (Some(user), Some(kernel)) => (user / 100, kernel / 100),
        _ => {
            let text = directory.read_if_there("cpuacct.stat")?.unwrap_or_default();
            let ticks = |key| keyed(&text, key).unwrap_or(0) * (10_000_000 / TICKS_PER_SECOND);
            (ticks("user"), ticks("system"))
        }
    };
    Ok(Some(CpuTime { total: total / 100, user, kernel }))
}

/// Memory in use.
pub(crate) fn memory_use(directory: &Directory) -> Result<Option<MemoryUse>, JobError> {
    let Some(usage) = directory.number("memory.usage_in_bytes")? else {
        return Ok(None);
    };
    let stat = directory.read_if_there("memory.stat")?.unwrap_or_default();
    Ok(Some(MemoryUse {
        usage,
        peak: directory.number("memory.max_usage_in_bytes")?.unwrap_or(usage),
        limit: directory.number("memory.limit_in_bytes")?.filter(|&limit| limit < UNLIMITED),
        private_working_set: keyed(&stat, "total_rss").or_else(|| keyed(&stat, "rss")).unwrap_or(0),
    }))
}

/// Processes the kernel killed because the memory limit was reached.
pub(crate) fn oom_kills(directory: &Directory) -> Result<u64, JobError> {
    let text = directory.read_if_there("memory.oom_control")?.unwrap_or_default();
    Ok(keyed(&text, "oom_kill").unwrap_or(0))
}

/// Bytes and requests of all block devices.
pub(crate) fn io_counts(directory: &Directory) -> Result<Option<IoCounts>, JobError> {
    let both = [
        ("blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"),
        ("blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"),
    ];
    for (bytes, requests) in both {
        if let Some(bytes) = directory.read_if_there(bytes)? {
            let requests = directory.read_if_there(requests)?.unwrap_or_default();
            return Ok(Some(IoCounts {
                read_bytes: sum(&bytes, "Read"),
                write_bytes: sum(&bytes, "Write"),
                reads: sum(&requests, "Read"),
                writes: sum(&requests, "Write"),
            }));
        }
    }
    Ok(None)
}

/// Sums the lines `major:minor kind number` of one kind.
fn sum(text: &str, kind: &str) -> u64 {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            if fields.next()? == kind { fields.next()?.parse::<u64>().ok() } else { None }
        })
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_devices() {
        let text = "8:0 Read 10\n8:0 Write 5\n8:0 Total 15\n8:16 Read 1\nTotal 16\n";
        assert_eq!((sum(text, "Read"), sum(text, "Write")), (11, 5));
    }
}
