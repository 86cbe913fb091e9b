//! Job objects on control groups: limits, accounting, freezing and killing of a container's process tree.
//!
//! A job is one control group of the same name in every cgroup tree of the host. Version 1 (one tree for each
//! controller), version 2 and the hybrid of both are behind one interface: [`Hierarchy`] says what the host has,
//! [`Job`] is the group, [`JobLimits`] and [`JobStatistics`] are its limits and counters in the units of the Host
//! Compute Service.
//!
//! Facts about the kernel's files come from the kernel's own documents `admin-guide/cgroup-v2.rst` and
//! `admin-guide/cgroup-v1/*.rst`.

mod device;
mod directory;
mod entrance;
mod error;
mod hierarchy;
mod job;
mod limits;
mod mountinfo;
mod name;
mod statistics;
mod termination;
mod version1;
mod version2;

pub use device::{DeviceNumber, device_of};
pub use entrance::{Entrance, Started};
pub use error::JobError;
pub use hierarchy::{Controller, Hierarchy, Missing, Tree, TreeSpec, Version};
pub use job::Job;
pub use limits::{CpuRate, DEFAULT_PROCESS_LIMIT, IoLimit, JobLimits};
pub use name::{JobName, MAX_NAME_LENGTH};
pub use statistics::{CpuTime, IoCounts, JobStatistics, MemoryUse};
