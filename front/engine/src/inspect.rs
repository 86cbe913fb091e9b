//! What `inspect` shows of a container: Docker's fields in Docker's order, the HCS document and the parameters of the first process.

use std::path::{Path, PathBuf};

use casement_schema::ComputeSystem;
use casement_schema::process::ProcessParameters;
use serde::Serialize;

use crate::container::{Container, State, Status};
use crate::health::HealthState;
use crate::log::LOG_FILE;
use crate::model::{Config, HostConfig, MountPoint};
use crate::network_view::NetworkSettingsView;

/// A container as `inspect` shows it. The members after `ProcessLabel` that Docker does not have are Casement's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct View<'a> {
    id: &'a str,
    created: &'a str,
    path: &'a str,
    args: Vec<&'a str>,
    state: StateView<'a>,
    image: &'a str,
    resolv_conf_path: &'static str,
    hostname_path: &'static str,
    hosts_path: &'static str,
    log_path: PathBuf,
    name: String,
    restart_count: u32,
    driver: &'static str,
    platform: &'static str,
    mount_label: &'static str,
    process_label: &'static str,
    app_armor_profile: &'static str,
    #[serde(rename = "ExecIDs")]
    exec_ids: Option<Vec<String>>,
    host_config: &'a HostConfig,
    graph_driver: GraphDriver<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
    mounts: &'a [MountPoint],
    config: &'a Config,
    network_settings: NetworkSettingsView,
    uid_base: u32,
    compute_system: &'a ComputeSystem,
    process_parameters: &'a ProcessParameters,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StateView<'a> {
    status: &'static str,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: u32,
    exit_code: u32,
    error: &'a str,
    started_at: &'a str,
    finished_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'a HealthState>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver<'a> {
    data: GraphDriverData<'a>,
    name: &'static str,
}

#[derive(Debug, Serialize)]
struct GraphDriverData<'a> {
    dir: &'a str,
}

/// How much disk a container takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// What it changed, its registry included.
    pub changes: u64,
    /// That and its image.
    pub total: u64,
}

impl<'a> StateView<'a> {
    fn new(state: &'a State) -> Self {
        Self {
            status: shown_status(state).as_str(),
            running: is_running(state.status),
            paused: state.status == Status::Paused,
            restarting: state.status == Status::Restarting,
            oom_killed: state.oom_killed,
            dead: state.status == Status::Dead,
            pid: state.pid,
            exit_code: state.exit_code,
            error: &state.error,
            started_at: &state.started_at,
            finished_at: &state.finished_at,
            health: state.health.as_ref(),
        }
    }
}

/// Docker has no name for a container that is just being started: it is what it was before.
#[must_use]
pub fn shown_status(state: &State) -> Status {
    match state.status {
        Status::Starting | Status::Creating if state.started_at == crate::container::NEVER => Status::Created,
        Status::Starting | Status::Creating => Status::Exited,
        status => status,
    }
}

/// Whether listings of what runs show it.
#[must_use]
pub fn is_running(status: Status) -> bool {
    matches!(status, Status::Running | Status::Paused | Status::Restarting)
}

impl<'a> View<'a> {
    /// The view of a container; `directory` is that of its compute system.
    #[must_use]
    pub fn new(container: &'a Container, directory: &Path) -> Self {
        let mut command = container.command().into_iter();
        let storage = container.document.container.as_ref().and_then(|document| document.storage.as_ref());
        Self {
            id: container.id.as_str(),
            created: &container.created,
            path: command.next().unwrap_or_default(),
            args: command.collect(),
            state: StateView::new(&container.state),
            image: &container.image_id,
            resolv_conf_path: "",
            hostname_path: "",
            hosts_path: "",
            log_path: directory.join(LOG_FILE),
            name: format!("/{}", container.name),
            restart_count: container.restart_count,
            driver: "windowsfilter",
            platform: "windows",
            mount_label: "",
            process_label: "",
            app_armor_profile: "",
            exec_ids: None,
            host_config: &container.host_config,
            graph_driver: GraphDriver {
                data: GraphDriverData { dir: storage.map_or("", |storage| &storage.path) },
                name: "windowsfilter",
            },
            size_rw: None,
            size_root_fs: None,
            mounts: &container.mounts,
            config: &container.config,
            network_settings: NetworkSettingsView::new(container),
            uid_base: container.uid_base,
            compute_system: &container.document,
            process_parameters: &container.process,
        }
    }

    /// With the further processes that run in it.
    #[must_use]
    pub fn with_execs(mut self, ids: Vec<String>) -> Self {
        // Go's null for a list without members.
        self.exec_ids = Some(ids).filter(|ids| !ids.is_empty());
        self
    }

    /// With the disk that it takes.
    #[must_use]
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.size_rw = Some(sizes.changes);
        self.size_root_fs = Some(sizes.total);
        self
    }
}
