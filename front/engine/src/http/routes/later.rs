//! Calls that Casement does not have yet, or that no Windows daemon has: refused in so many words, never by "page not found".

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use serde_json::{Value, json};

use super::{Api, image_archives};
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;

/// What a daemon answers that is in no swarm. Docker's words.
const NO_MANAGER: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

pub(super) fn routes() -> Router<Api> {
    let mut router = Router::new()
        .route("/images/create", post(pull_or_import))
        .route("/images/search", get(async || refused("searching a registry")))
        .route("/build/cancel", post(async || refused("building images")))
        .route("/auth", post(async || refused("logging in to a registry")))
        .route("/distribution/{*name}", get(async || refused("asking a registry about images")))
        .route("/session", any(async || refused("building images with BuildKit")))
        .route("/grpc", any(async || refused("building images with BuildKit")))
        .route("/containers/{id}/export", get(export))
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

/// `docker run` comes here too when an image is missing.
async fn pull_or_import(State(api): State<Api>, RawQuery(query): RawQuery, body: Body) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let Some(image) = query.text("fromImage").filter(|image| !image.is_empty()) else {
        return image_archives::import(&api, &query, body).await;
    };
    let name = match query.text("tag").filter(|tag| !tag.is_empty()) {
        Some(tag) if tag.contains(':') => format!("{image}@{tag}"),
        Some(tag) => format!("{image}:{tag}"),
        None => image.to_owned(),
    };
    let reference = casement_layers::Reference::parse(&name).ok();
    let name = reference.as_ref().map_or(name, ToString::to_string);
    let text = match reference.as_ref().map(|reference| (reference.base_name(), reference.tag())) {
        Some((Some(base), Some(tag))) if tag.parse::<casement_nt::version::Tag>().is_ok() => {
            format!("make this one with `casement base build {base} --tag {tag}`")
        }
        Some((Some(base), _)) => format!(
            "make this one with `casement base build {base}`, which has the tags 1809, ltsc2019, ltsc2022 and ltsc2025"
        ),
        _ => "`docker images` lists what is there, and `casement base build` makes the base images nanoserver, servercore, server and windows".to_owned(),
    };
    Err(ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        format!("cannot pull {name}: pulling images is not implemented by this version of Casement; {text}"),
    ))
}

/// As every Windows daemon.
async fn export(State(api): State<Api>, Path(key): Path<String>) -> Outcome<Json<Value>> {
    api.engine().inspect(&key)?;
    let text = "the daemon on this operating system does not support exporting Windows containers";
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, text))
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
