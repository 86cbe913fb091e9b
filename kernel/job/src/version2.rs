//! Limits and counters in the files of version 2.

use crate::{
    CpuTime, IoCounts, IoLimit, JobError, MemoryUse,
    directory::{Directory, keyed},
    limits::CPU_PERIOD_MICROSECONDS,
};

/// Sets `memory.max`, and `memory.swap.max` to nothing while there is a limit.
pub(crate) fn set_memory(directory: &Directory, limit: Option<u64>) -> Result<bool, JobError> {
    let (memory, swap) = limit.map_or(("max".to_owned(), "max"), |bytes| (bytes.to_string(), "0"));
    let there = directory.write_if_there("memory.max", &memory)?;
    directory.write_if_there("memory.swap.max", swap)?;
    Ok(there)
}

/// Sets `cpu.max`; `None` is no quota.
pub(crate) fn set_quota(directory: &Directory, microseconds: Option<u64>) -> Result<bool, JobError> {
    let quota = microseconds.map_or("max".to_owned(), |quota| quota.to_string());
    directory.write_if_there("cpu.max", &format!("{quota} {CPU_PERIOD_MICROSECONDS}"))
}

/// Sets `cpu.weight`, which has the range and the default of `Processor.Weight`.
pub(crate) fn set_weight(directory: &Directory, weight: u32) -> Result<bool, JobError> {
    directory.write_if_there("cpu.weight", &weight.to_string())
}

/// Sets `io.max` for a device. False when the kernel does not limit traffic.
pub(crate) fn set_io(directory: &Directory, limit: &IoLimit) -> Result<bool, JobError> {
    let text = |value: Option<u64>| value.map_or("max".to_owned(), |value| value.to_string());
    let (bytes, operations) = (text(limit.bytes_per_second), text(limit.operations_per_second));
    let line = format!("{} rbps={bytes} wbps={bytes} riops={operations} wiops={operations}", limit.device);
    directory.write_if_there("io.max", &line)
}

/// Processor time from `cpu.stat`, which is there without any controller.
pub(crate) fn cpu_time(directory: &Directory) -> Result<Option<CpuTime>, JobError> {
    let Some(text) = directory.read_if_there("cpu.stat")? else {
        return Ok(None);
    };
    let hundred_nanoseconds = |key| keyed(&text, key).unwrap_or(0).saturating_mul(10);
    Ok(Some(CpuTime {
        total: hundred_nanoseconds("usage_usec"),
        user: hundred_nanoseconds("user_usec"),
        kernel: hundred_nanoseconds("system_usec"),
    }))
}

/// Memory in use. Kernels before 5.19 do not keep the peak: it is the present use there.
pub(crate) fn memory_use(directory: &Directory) -> Result<Option<MemoryUse>, JobError> {
    let Some(usage) = directory.number("memory.current")? else {
        return Ok(None);
    };
    let stat = directory.read_if_there("memory.stat")?.unwrap_or_default();
    Ok(Some(MemoryUse {
        usage,
        peak: directory.number("memory.peak")?.unwrap_or(usage),
        limit: directory.number("memory.max")?,
        private_working_set: keyed(&stat, "anon").unwrap_or(0),
    }))
}

/// Processes the kernel killed because the memory limit was reached.
pub(crate) fn oom_kills(directory: &Directory) -> Result<u64, JobError> {
    let text = directory.read_if_there("memory.events")?.unwrap_or_default();
    Ok(keyed(&text, "oom_kill").unwrap_or(0))
}

/// Bytes and requests of all block devices from `io.stat`.
pub(crate) fn io_counts(directory: &Directory) -> Result<Option<IoCounts>, JobError> {
    let Some(text) = directory.read_if_there("io.stat")? else {
        return Ok(None);
    };
    Ok(Some(IoCounts {
        read_bytes: sum(&text, "rbytes"),
        write_bytes: sum(&text, "wbytes"),
        reads: sum(&text, "rios"),
        writes: sum(&text, "wios"),
    }))
}

/// Sums the `key=number` fields of one key over the lines of all devices.
fn sum(text: &str, key: &str) -> u64 {
    text.split_ascii_whitespace()
        .filter_map(|field| {
            let (name, value) = field.split_once('=')?;
            if name == key { value.parse::<u64>().ok() } else { None }
        })
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_devices() {
        let text = "8:0 rbytes=10 wbytes=5 rios=2 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=x\n";
        assert_eq!((sum(text, "rbytes"), sum(text, "wbytes"), sum(text, "rios")), (11, 5, 2));
    }
}
