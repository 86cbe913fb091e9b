//! What `inspect` shows of a container: Docker's fields, the HCS document and the parameters of the first process.

use std::path::Path;

use serde_json::{Value, json};

use crate::container::{Container, Status};
use crate::log::LOG_FILE;

/// The container as `inspect` shows it; `directory` is that of its compute system.
#[must_use]
pub fn view(container: &Container, directory: &Path) -> Value {
    let state = &container.state;
    let command = container.command();
    let mounts: Vec<Value> = container
        .host_config
        .binds
        .iter()
        .map(|bind| {
            json!({
                "Type": "bind",
                "Source": bind.source,
                "Destination": bind.target,
                "Mode": "",
                "RW": !bind.read_only,
                "Propagation": "",
            })
        })
        .collect();
    json!({
        "Id": container.id,
        "Created": container.created,
        "Path": command.first().copied().unwrap_or_default(),
        "Args": command.get(1..).unwrap_or_default(),
        "State": {
            "Status": state.status.as_str(),
            "Running": state.status == Status::Running,
            "Paused": false,
            "Restarting": false,
            "OOMKilled": state.oom_killed,
            "Dead": state.status == Status::Dead,
            "Pid": state.pid,
            "ExitCode": state.exit_code,
            "Error": state.error,
            "StartedAt": state.started_at,
            "FinishedAt": state.finished_at,
        },
        "Image": container.image_id,
        "LogPath": directory.join(LOG_FILE),
        "Name": format!("/{}", container.name),
        "Platform": "windows",
        "Mounts": mounts,
        "HostConfig": {
            "Binds": container.host_config.binds.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "AutoRemove": container.host_config.auto_remove,
            "Isolation": "process",
            "Memory": container.host_config.memory,
            "NanoCpus": container.host_config.nano_cpus,
        },
        "Config": {
            "Hostname": container.config.hostname,
            "User": container.config.user,
            "Tty": container.config.tty,
            "OpenStdin": container.config.open_stdin,
            "Env": container.config.env,
            "Cmd": container.config.cmd,
            "Image": container.image,
            "WorkingDir": container.config.working_dir,
            "Entrypoint": container.config.entrypoint,
            "Labels": container.config.labels,
        },
        "UidBase": container.uid_base,
        "ComputeSystem": container.document,
        "ProcessParameters": container.process,
    })
}
