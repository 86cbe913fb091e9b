//! `/version`: the engine component of a Windows daemon.

use axum::Json;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use super::Api;
use crate::host;
use crate::http::headers::ENGINE_VERSION;
use crate::http::{MAXIMUM, MINIMUM};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/version", get(answer))
}

/// A build carries neither a time nor a Go version, so that the same source gives the same program.
async fn answer() -> Json<Value> {
    let kernel = host::kernel_version();
    Json(json!({
        "Platform": { "Name": format!("Casement {ENGINE_VERSION}: Windows containers on Linux, with Wine") },
        "Components": [{
            "Name": "Engine",
            "Version": ENGINE_VERSION,
            "Details": {
                "ApiVersion": MAXIMUM.to_string(),
                "Arch": "amd64",
                "BuildTime": "",
                "Experimental": "false",
                "GitCommit": "",
                "GoVersion": "",
                "KernelVersion": kernel,
                "MinAPIVersion": MINIMUM.to_string(),
                "Os": "windows",
            },
        }],
        "Version": ENGINE_VERSION,
        "ApiVersion": MAXIMUM.to_string(),
        "MinAPIVersion": MINIMUM.to_string(),
        "GitCommit": "",
        "GoVersion": "",
        "Os": "windows",
        "Arch": "amd64",
        "KernelVersion": kernel,
        "BuildTime": "",
    }))
}
