//! `/info`: a Windows server's shape, and honest about what is behind it.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use super::Api;
use crate::container::{Container, Status};
use crate::host::{self, Host};
use crate::http::error::Outcome;
use crate::http::headers::ENGINE_VERSION;

/// Drivers of volumes.
const VOLUME_DRIVERS: [&str; 1] = ["local"];
/// Drivers of networks that a Windows server lists.
const NETWORK_DRIVERS: [&str; 9] =
    ["ics", "internal", "l2bridge", "l2tunnel", "nat", "null", "overlay", "private", "transparent"];
/// Drivers of logs.
const LOG_DRIVERS: [&str; 1] = ["json-file"];
/// The registry that names without a host mean.
const INDEX_SERVER: &str = "https://index.docker.io/v1/";

/// What a daemon without a runtime warns of.
const NO_RUNTIME: &str =
    "WARNING: there is no Wine runtime: no container can start (`casement runtime build` makes it)";

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/info", get(info))
}

async fn info(State(api): State<Api>) -> Outcome<Json<Value>> {
    let root = api.root().to_owned();
    let (host, wine, containers, images) = api
        .blocking(move |engine| {
            Ok((Host::look(&root)?, host::wine_version(&root), engine.list(), engine.all_images()?.len()))
        })
        .await?;
    let build = host::windows_build();
    let count = |wanted: &[Status]| containers.iter().filter(|c: &&Container| wanted.contains(&c.state.status)).count();
    let running = count(&[Status::Running, Status::Restarting]);
    let paused = count(&[Status::Paused]);
    let wine_text = wine.as_deref().map_or_else(|| "no Wine runtime".to_owned(), |wine| format!("Wine {wine}"));
    let mut info = same_everywhere();
    let measured = json!({
        "ID": host.id,
        "Containers": containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": containers.len() - running - paused,
        "Images": images,
        "NGoroutines": host::threads(),
        "SystemTime": crate::container::now(),
        "NEventsListener": api.engine().events().listeners(),
        "KernelVersion": host::kernel_version(),
        "OperatingSystem": format!(
            "Casement {ENGINE_VERSION} on Linux with {wine_text} (as {} Version {}, OS Build {}.{})",
            build.product_name(), build.display_version(), build.number(), build.revision(),
        ),
        "OSVersion": format!("10.0.{}", build.number()),
        "NCPU": host.cpus,
        "MemTotal": host.memory,
        "DockerRootDir": api.root(),
        "Name": host.name,
        "LoggingDriver": api.engine().log_default().kind,
        "Labels": labels(&host, &wine_text, &api.appearance().labels),
        "ServerVersion": ENGINE_VERSION,
    });
    if let (Value::Object(info), Value::Object(measured)) = (&mut info, measured) {
        info.extend(measured);
    }
    let mut warnings = api.appearance().warnings.clone();
    if wine.is_none() {
        warnings.push(NO_RUNTIME.to_owned());
    }
    info["Warnings"] = if warnings.is_empty() { Value::Null } else { json!(warnings) };
    Ok(Json(info))
}

/// What tells this host from one that runs Windows.
fn labels(host: &Host, wine: &str, configured: &[String]) -> Vec<String> {
    let mut labels = vec![
        format!("casement.version={ENGINE_VERSION}"),
        format!("casement.host=Linux {}", host.linux),
        format!("casement.windows={wine}"),
    ];
    if !host.distribution.is_empty() {
        labels.push(format!("casement.distribution={}", host.distribution));
    }
    labels.extend_from_slice(configured);
    labels
}

/// What every Windows server says, and nothing of this one depends on.
fn same_everywhere() -> Value {
    json!({
        "Driver": "windowsfilter",
        "DriverStatus": [["Windows", ""]],
        "Plugins": {
            "Volume": VOLUME_DRIVERS,
            "Network": NETWORK_DRIVERS,
            "Authorization": null,
            "Log": LOG_DRIVERS,
        },
        "MemoryLimit": false,
        "SwapLimit": false,
        "CpuCfsPeriod": false,
        "CpuCfsQuota": false,
        "CPUShares": false,
        "CPUSet": false,
        "PidsLimit": false,
        "IPv4Forwarding": true,
        "Debug": false,
        // As on Windows: not counted.
        "NFd": -1,
        "OomKillDisable": false,
        "CgroupDriver": "",
        "OSType": "windows",
        "Architecture": "x86_64",
        "IndexServerAddress": INDEX_SERVER,
        "RegistryConfig": {
            "IndexConfigs": {
                "docker.io": { "Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true },
            },
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
            "Mirrors": null,
        },
        "GenericResources": null,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "ExperimentalBuild": false,
        "Runtimes": null,
        "DefaultRuntime": "",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": false,
            "Error": "",
            "RemoteManagers": null,
        },
        "LiveRestoreEnabled": false,
        "Isolation": "process",
        "InitBinary": "",
        "ContainerdCommit": { "ID": "" },
        "RuncCommit": { "ID": "" },
        "InitCommit": { "ID": "" },
        "SecurityOptions": null,
        "CDISpecDirs": [],
    })
}
