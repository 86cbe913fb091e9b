//! The part of a `HostConfig` that is about resources: what Windows has, what excludes what, and in which ranges.
//!
//! Ranges, precedence and texts are those of the Docker engine for Windows containers with process isolation.

use crate::error::{Error, Result};
use crate::limits::{MIN_NANO_CPUS, check_memory, processor_maximum};
use crate::model::HostConfig;

/// Largest `CpuShares`.
const MAX_CPU_SHARES: i64 = 10_000;
/// Largest `CpuPercent`.
const MAX_CPU_PERCENT: i64 = 100;

/// Brings the resources of a container on a host with `host_cpus` CPUs into order: of the ways to limit processors one stays.
/// Returns warnings for the user.
///
/// # Errors
/// [`Error::InvalidParameter`] for what Windows does not have and for values out of range.
pub(crate) fn settle(config: &mut HostConfig, host_cpus: u32) -> Result<Vec<String>> {
    if config.memory_swappiness == Some(-1) {
        config.memory_swappiness = None;
    }
    let warnings = choose_processor_limit(config);
    check_ranges(config, host_cpus)?;
    for (given, name) in without_counterpart(config) {
        if given {
            return Err(Error::InvalidParameter(format!("invalid option: Windows does not support {name}")));
        }
    }
    Ok(warnings)
}

/// Count goes before shares, and shares before percent.
fn choose_processor_limit(config: &mut HostConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut discard = |winner: &str, name: &str, value: &mut i64| {
        if *value > 0 {
            warnings.push(format!(
                "Conflicting options: CPU {winner} takes priority over CPU {name} on Windows Server Containers. CPU {name} discarded"
            ));
            *value = 0;
        }
    };
    if config.cpu_count > 0 {
        discard("count", "shares", &mut config.cpu_shares);
        discard("count", "percent", &mut config.cpu_percent);
    } else if config.cpu_shares > 0 {
        discard("shares", "percent", &mut config.cpu_percent);
    }
    warnings
}

fn check_ranges(config: &HostConfig, host_cpus: u32) -> Result<()> {
    let refuse = |text: String| Err(Error::InvalidParameter(text));
    if !(0..=MAX_CPU_SHARES).contains(&config.cpu_shares) {
        return refuse(format!("range of CPUShares is from 1 to {MAX_CPU_SHARES}"));
    }
    if !(0..=MAX_CPU_PERCENT).contains(&config.cpu_percent) {
        return refuse(format!("range of CPUPercent is from 1 to {MAX_CPU_PERCENT}"));
    }
    if config.cpu_count < 0 {
        return refuse("invalid CPUCount: CPUCount cannot be negative".to_owned());
    }
    if config.nano_cpus > 0 && config.cpu_percent > 0 {
        return refuse("conflicting options: Nano CPUs and CPU Percent cannot both be set".to_owned());
    }
    if config.nano_cpus > 0 && config.cpu_shares > 0 {
        return refuse("conflicting options: Nano CPUs and CPU Shares cannot both be set".to_owned());
    }
    if config.nano_cpus != 0 {
        // A negative number is as far out of range as one that is too small.
        processor_maximum(u64::try_from(config.nano_cpus).unwrap_or(MIN_NANO_CPUS - 1), host_cpus)?;
    }
    match u64::try_from(config.memory) {
        Ok(0) => Ok(()),
        Ok(bytes) => check_memory(bytes),
        Err(_) => refuse(format!("invalid memory limit: {} is negative", config.memory)),
    }
}

/// What Windows has no counterpart for, and whether it was asked for. A zero, an empty text and an empty list ask for nothing.
fn without_counterpart(config: &HostConfig) -> [(bool, &'static str); 18] {
    fn any<T>(list: &Option<Vec<T>>) -> bool {
        list.as_ref().is_some_and(|list| !list.is_empty())
    }
    [
        (any(&config.blkio_device_read_bps), "BlkioDeviceReadBps"),
        (any(&config.blkio_device_read_iops), "BlkioDeviceReadIOps"),
        (any(&config.blkio_device_write_bps), "BlkioDeviceWriteBps"),
        (any(&config.blkio_device_write_iops), "BlkioDeviceWriteIOps"),
        (config.blkio_weight > 0, "BlkioWeight"),
        (any(&config.blkio_weight_device), "BlkioWeightDevice"),
        (!config.cgroup_parent.is_empty(), "CgroupParent"),
        (config.cpu_period != 0, "CPUPeriod"),
        (config.cpu_quota != 0, "CPUQuota"),
        (!config.cpuset_cpus.is_empty(), "CpusetCpus"),
        (!config.cpuset_mems.is_empty(), "CpusetMems"),
        (config.kernel_memory != 0 || config.kernel_memory_tcp != 0, "KernelMemory"),
        (config.memory_reservation != 0, "MemoryReservation"),
        (config.memory_swap != 0, "MemorySwap"),
        (config.memory_swappiness.is_some(), "MemorySwappiness"),
        (config.oom_kill_disable == Some(true), "OomKillDisable"),
        (config.pids_limit.is_some_and(|limit| limit != 0), "PidsLimit"),
        (any(&config.ulimits), "Ulimits"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ulimit;

    fn settled(change: impl FnOnce(&mut HostConfig)) -> Result<(HostConfig, Vec<String>)> {
        let mut config = HostConfig::default();
        change(&mut config);
        let warnings = settle(&mut config, 2)?;
        Ok((config, warnings))
    }

    fn refusal(change: impl FnOnce(&mut HostConfig)) -> String {
        settled(change).unwrap_err().to_string()
    }

    #[test]
    fn what_the_command_always_sends_asks_for_nothing() {
        let (config, warnings) = settled(|config| {
            config.memory_swappiness = Some(-1);
            config.oom_kill_disable = Some(false);
            config.pids_limit = Some(0);
            config.ulimits = Some(Vec::new());
            config.blkio_weight_device = Some(Vec::new());
        })
        .unwrap();
        assert_eq!((config.memory_swappiness, warnings.len()), (None, 0));
    }

    #[test]
    fn one_way_to_limit_processors_stays() {
        let (config, warnings) = settled(|config| {
            (config.cpu_count, config.cpu_shares, config.cpu_percent) = (1, 2, 3);
        })
        .unwrap();
        assert_eq!((config.cpu_count, config.cpu_shares, config.cpu_percent), (1, 0, 0));
        assert_eq!(
            warnings[0],
            "Conflicting options: CPU count takes priority over CPU shares on Windows Server Containers. CPU shares discarded"
        );
        assert!(warnings[1].ends_with("CPU percent discarded") && warnings.len() == 2, "{warnings:?}");
        let (config, warnings) = settled(|config| (config.cpu_shares, config.cpu_percent) = (2, 3)).unwrap();
        assert_eq!((config.cpu_shares, config.cpu_percent, warnings.len()), (2, 0, 1));
    }

    #[test]
    fn ranges_are_checked_in_dockers_words() {
        assert_eq!(refusal(|config| config.cpu_shares = 10_001), "range of CPUShares is from 1 to 10000");
        assert_eq!(refusal(|config| config.cpu_percent = 101), "range of CPUPercent is from 1 to 100");
        assert_eq!(refusal(|config| config.cpu_count = -1), "invalid CPUCount: CPUCount cannot be negative");
        for nano_cpus in [-1, 1, 3_000_000_000] {
            assert_eq!(
                refusal(|config| config.nano_cpus = nano_cpus),
                "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
            );
        }
        let both = refusal(|config| (config.nano_cpus, config.cpu_percent) = (1_000_000_000, 5));
        assert_eq!(both, "conflicting options: Nano CPUs and CPU Percent cannot both be set");
        let both = refusal(|config| (config.nano_cpus, config.cpu_shares) = (1_000_000_000, 5));
        assert_eq!(both, "conflicting options: Nano CPUs and CPU Shares cannot both be set");
    }

    #[test]
    fn what_windows_lacks_is_refused_by_name() {
        let prefix = "invalid option: Windows does not support ";
        assert_eq!(refusal(|config| config.memory_swap = -1), format!("{prefix}MemorySwap"));
        assert_eq!(refusal(|config| config.memory_swappiness = Some(0)), format!("{prefix}MemorySwappiness"));
        assert_eq!(refusal(|config| config.oom_kill_disable = Some(true)), format!("{prefix}OomKillDisable"));
        assert_eq!(refusal(|config| config.pids_limit = Some(-1)), format!("{prefix}PidsLimit"));
        assert_eq!(refusal(|config| config.ulimits = Some(vec![Ulimit::default()])), format!("{prefix}Ulimits"));
        assert_eq!(refusal(|config| config.cpuset_cpus = "0".to_owned()), format!("{prefix}CpusetCpus"));
    }
}
