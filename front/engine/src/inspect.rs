//! What `inspect` shows of a container: Docker's fields in Docker's order, the HCS document and the parameters of the first process.

use std::path::{Path, PathBuf};

use casement_schema::ComputeSystem;
use casement_schema::process::ProcessParameters;
use serde::Serialize;

use crate::container::{Container, State, Status};
use crate::log::LOG_FILE;
use crate::model::{Config, HostConfig, MountPoint};

/// A container as `inspect` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct View<'a> {
    id: &'a str,
    created: &'a str,
    path: &'a str,
    args: Vec<&'a str>,
    state: StateView<'a>,
    image: &'a str,
    log_path: PathBuf,
    name: String,
    restart_count: u32,
    platform: &'static str,
    uid_base: u32,
    host_config: &'a HostConfig,
    mounts: &'a [MountPoint],
    config: &'a Config,
    compute_system: &'a ComputeSystem,
    process_parameters: &'a ProcessParameters,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StateView<'a> {
    running: bool,
    paused: bool,
    restarting: bool,
    dead: bool,
    #[serde(flatten)]
    state: &'a State,
}

impl<'a> View<'a> {
    /// The view of a container; `directory` is that of its compute system.
    #[must_use]
    pub fn new(container: &'a Container, directory: &Path) -> Self {
        let mut command = container.command().into_iter();
        let state = &container.state;
        Self {
            id: container.id.as_str(),
            created: &container.created,
            path: command.next().unwrap_or_default(),
            args: command.collect(),
            state: StateView {
                running: state.status == Status::Running,
                paused: state.status == Status::Paused,
                restarting: state.status == Status::Restarting,
                dead: state.status == Status::Dead,
                state,
            },
            image: &container.image_id,
            log_path: directory.join(LOG_FILE),
            name: format!("/{}", container.name),
            restart_count: container.restart_count,
            platform: "windows",
            uid_base: container.uid_base,
            host_config: &container.host_config,
            mounts: &container.mounts,
            config: &container.config,
            compute_system: &container.document,
            process_parameters: &container.process,
        }
    }
}
