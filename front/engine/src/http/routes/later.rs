//! Calls that Casement does not have yet, or that no Windows daemon has: refused in so many words, never by "page not found".

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{any, delete, get, post};
use serde_json::json;

use super::Api;
use crate::http::error::ApiError;

/// What a daemon answers that is in no swarm. Docker's words.
const NO_MANAGER: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

pub(super) fn routes() -> Router<Api> {
    let mut router = Router::new()
        .route("/build/cancel", post(async || refused("building images")))
        .route("/session", any(async || refused("building images with BuildKit")))
        .route("/grpc", any(async || refused("building images with BuildKit")))
        .route("/containers/{id}/checkpoints", get(checkpoint).post(checkpoint))
        .route("/containers/{id}/checkpoints/{name}", delete(checkpoint))
        .route("/plugins", get(async || Json(json!([]))))
        .route("/plugins/privileges", get(async || refused("installing plugins")))
        .route("/plugins/pull", post(async || refused("installing plugins")))
        .route("/plugins/create", post(async || refused("installing plugins")))
        .route("/plugins/{*name}", any(no_plugin))
        .route("/swarm", get(no_manager))
        .route("/swarm/unlockkey", get(no_manager))
        .route("/swarm/update", post(no_manager))
        .route("/swarm/unlock", post(no_manager))
        .route("/swarm/init", post(async || refused("swarm mode")))
        .route("/swarm/join", post(async || refused("swarm mode")))
        .route("/swarm/leave", post(no_swarm));
    for kind in ["services", "nodes", "tasks", "secrets", "configs"] {
        router =
            router.route(&format!("/{kind}"), any(no_manager)).route(&format!("/{kind}/{{*rest}}"), any(no_manager));
    }
    router
}

/// The refusal of an operation.
pub(super) fn refused(what: &str) -> ApiError {
    ApiError::not_implemented(what)
}

/// As every Windows daemon.
async fn checkpoint() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "Windows: Containers do not support checkpoints")
}

async fn no_plugin(Path(name): Path<String>) -> ApiError {
    let verbs = ["json", "enable", "disable", "upgrade", "push", "set"];
    let name = name.rsplit_once('/').filter(|(_, verb)| verbs.contains(verb)).map_or(name.as_str(), |(name, _)| name);
    ApiError::not_found(format!("plugin \"{name}\" not found"))
}

async fn no_manager() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, NO_MANAGER)
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "This node is not part of a swarm")
}
