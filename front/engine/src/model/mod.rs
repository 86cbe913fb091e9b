//! The shapes of the Docker Engine API (swagger 1.50) that the engine keeps: what was asked for is stored and shown again as it came.
//!
//! Fields that Go leaves `null` are options; a `null` in a request is the same as an absent field (`go_json` reads them so).

mod config;
mod host_config;
mod mount;

pub use config::{Config, Empty, Health, Words};
pub use host_config::{BlkioDevice, Device, HostConfig, LogConfig, PortBinding, RestartPolicy, Ulimit, WeightDevice};
pub use mount::{Mount, MountPoint, MountType};
