//! `HostConfig`: what a container takes from the host. The CLI sends all of it with explicit zeroes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Mount, Words};

/// `HostConfig` with Docker's field names and Go's zero values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `[source:]destination[:ro|rw]`.
    pub binds: Option<Vec<String>>,
    /// File on the client's side that the id is written to.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// Log driver.
    pub log_config: LogConfig,
    /// Network.
    pub network_mode: String,
    /// Published ports by `80/tcp`.
    pub port_bindings: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
    /// When the container is started again.
    pub restart_policy: RestartPolicy,
    /// Whether the container is removed when it has ended.
    pub auto_remove: bool,
    /// Driver of the volumes in `binds`.
    pub volume_driver: String,
    /// Containers whose mounts are taken over, `name[:ro]`.
    pub volumes_from: Option<Vec<String>>,
    /// Height and width of the console in characters.
    pub console_size: [u16; 2],
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Linux capabilities: without effect.
    pub cap_add: Option<Words>,
    /// See [`HostConfig::cap_add`].
    pub cap_drop: Option<Words>,
    /// Without effect.
    pub cgroupns_mode: String,
    /// Name servers.
    pub dns: Option<Vec<String>>,
    /// Resolver options.
    pub dns_options: Option<Vec<String>>,
    /// Search domains.
    pub dns_search: Option<Vec<String>>,
    /// Lines of the hosts file, `name:address`.
    pub extra_hosts: Option<Vec<String>>,
    /// Without effect.
    pub group_add: Option<Vec<String>>,
    /// Without effect.
    pub ipc_mode: String,
    /// Without effect.
    pub cgroup: String,
    /// Legacy links.
    pub links: Option<Vec<String>>,
    /// Without effect.
    pub oom_score_adj: i64,
    /// Without effect.
    pub pid_mode: String,
    /// Refused.
    pub privileged: bool,
    /// Whether all exposed ports are published.
    pub publish_all_ports: bool,
    /// Refused.
    pub readonly_rootfs: bool,
    /// Security options; `credentialspec=` only.
    pub security_opt: Option<Vec<String>>,
    /// `size=` of the scratch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_opt: Option<BTreeMap<String, String>>,
    /// Refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<BTreeMap<String, String>>,
    /// Without effect.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// Without effect.
    pub userns_mode: String,
    /// Without effect.
    pub shm_size: i64,
    /// Without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// Name of the runtime.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runtime: String,
    /// `default`, `process` or `hyperv`.
    pub isolation: String,
    /// Weight, 1 to 10,000.
    pub cpu_shares: i64,
    /// Memory limit in bytes; 0 means none.
    pub memory: i64,
    /// CPU limit in billionths of a CPU; 0 means none.
    pub nano_cpus: i64,
    /// Refused.
    pub cgroup_parent: String,
    /// Refused when not 0.
    pub blkio_weight: u16,
    /// Refused.
    pub blkio_weight_device: Option<Vec<WeightDevice>>,
    /// Refused.
    pub blkio_device_read_bps: Option<Vec<BlkioDevice>>,
    /// Refused.
    pub blkio_device_write_bps: Option<Vec<BlkioDevice>>,
    /// Refused.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Option<Vec<BlkioDevice>>,
    /// Refused.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Option<Vec<BlkioDevice>>,
    /// Refused when not 0.
    pub cpu_period: i64,
    /// Refused when not 0.
    pub cpu_quota: i64,
    /// Refused when not 0.
    pub cpu_realtime_period: i64,
    /// Refused when not 0.
    pub cpu_realtime_runtime: i64,
    /// Refused.
    pub cpuset_cpus: String,
    /// Refused.
    pub cpuset_mems: String,
    /// Devices.
    pub devices: Option<Vec<Device>>,
    /// Without effect.
    pub device_cgroup_rules: Option<Vec<String>>,
    /// `--gpus`.
    pub device_requests: Option<Vec<Value>>,
    /// Refused when not 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_memory: i64,
    /// Refused when not 0.
    #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "is_zero")]
    pub kernel_memory_tcp: i64,
    /// Refused when not 0.
    pub memory_reservation: i64,
    /// Refused when not 0.
    pub memory_swap: i64,
    /// -1 means unset; anything else is refused.
    pub memory_swappiness: Option<i64>,
    /// Refused when true.
    pub oom_kill_disable: Option<bool>,
    /// Refused when not 0.
    pub pids_limit: Option<i64>,
    /// Refused.
    pub ulimits: Option<Vec<Ulimit>>,
    /// Number of CPUs; 0 means unset.
    pub cpu_count: i64,
    /// Percent of all CPUs; 0 means unset.
    pub cpu_percent: i64,
    /// Operations a second on the system drive; 0 means unset.
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// Bytes a second on the system drive; 0 means unset.
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,
    /// Mounts in their long form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// Linux only: kept as it came.
    pub masked_paths: Option<Vec<String>>,
    /// See [`HostConfig::masked_paths`].
    pub readonly_paths: Option<Vec<String>>,
    /// Without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
}

/// Log driver and its options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// Driver; empty means the daemon's.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Options.
    pub config: BTreeMap<String, String>,
}

/// When a container is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// ``, `no`, `always`, `unless-stopped` or `on-failure`.
    pub name: String,
    /// Most restarts of `on-failure`; 0 means any number.
    pub maximum_retry_count: i64,
}

/// The host's side of a published port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    /// Host address.
    pub host_ip: String,
    /// Host port or range.
    pub host_port: String,
}

/// A device. On Windows the whole text is in `path_on_host`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Device {
    /// `class/GUID` or `IDType://ID`.
    pub path_on_host: String,
    /// Linux only.
    pub path_in_container: String,
    /// Linux only.
    pub cgroup_permissions: String,
}

/// A device with a weight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WeightDevice {
    /// Device path.
    pub path: String,
    /// Weight.
    pub weight: u16,
}

/// A device with a rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BlkioDevice {
    /// Device path.
    pub path: String,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// A Linux resource limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    /// Name.
    pub name: String,
    /// Hard limit.
    pub hard: i64,
    /// Soft limit.
    pub soft: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
