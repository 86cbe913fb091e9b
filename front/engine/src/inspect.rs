//! What `inspect` shows of a container: Docker's fields in Docker's order, the HCS document and the parameters of the first process.

use std::path::{Path, PathBuf};

use casement_schema::ComputeSystem;
use casement_schema::process::ProcessParameters;
use serde::Serialize;

use crate::container::{Config, Container, State, Status};
use crate::log::LOG_FILE;

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
    platform: &'static str,
    uid_base: u32,
    host_config: HostConfigView,
    mounts: Vec<MountView<'a>>,
    config: ConfigView<'a>,
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfigView {
    binds: Vec<String>,
    auto_remove: bool,
    isolation: &'static str,
    memory: u64,
    nano_cpus: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MountView<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    source: &'a Path,
    destination: &'a str,
    mode: &'static str,
    #[serde(rename = "RW")]
    writable: bool,
    propagation: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigView<'a> {
    image: &'a str,
    #[serde(flatten)]
    config: &'a Config,
}

impl<'a> View<'a> {
    /// The view of a container; `directory` is that of its compute system.
    #[must_use]
    pub fn new(container: &'a Container, directory: &Path) -> Self {
        let mut command = container.command().into_iter();
        let (state, host_config) = (&container.state, &container.host_config);
        let mount = |bind: &'a crate::volume::Bind| MountView {
            kind: "bind",
            source: &bind.source,
            destination: &bind.target,
            mode: "",
            writable: !bind.read_only,
            propagation: "",
        };
        Self {
            id: container.id.as_str(),
            created: &container.created,
            path: command.next().unwrap_or_default(),
            args: command.collect(),
            state: StateView {
                running: state.status == Status::Running,
                paused: false,
                restarting: false,
                dead: state.status == Status::Dead,
                state,
            },
            image: &container.image_id,
            log_path: directory.join(LOG_FILE),
            name: format!("/{}", container.name),
            platform: "windows",
            uid_base: container.uid_base,
            host_config: HostConfigView {
                binds: host_config.binds.iter().map(ToString::to_string).collect(),
                auto_remove: host_config.auto_remove,
                isolation: "process",
                memory: host_config.memory,
                nano_cpus: host_config.nano_cpus,
            },
            mounts: host_config.binds.iter().map(mount).collect(),
            config: ConfigView { image: &container.image, config: &container.config },
            compute_system: &container.document,
            process_parameters: &container.process,
        }
    }
}
