//! The stock docker command against the daemon, call by call. Needs root and the docker command.

mod access;
mod attach;
mod build;
mod build_mounts;
mod build_programs;
mod copy;
mod create_rules;
mod events;
mod exec;
mod health;
mod holding;
mod image_archives;
mod images;
mod inspect_and_list;
mod lifecycle;
mod limits;
mod log_drivers;
mod logs;
mod networks;
mod restart;
mod run;
mod storage_size;
mod storm;
mod system;
mod top_and_stats;
mod volumes;
