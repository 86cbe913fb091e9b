//! Questions to registries: `POST /auth`, `GET /distribution/{name}/json`, and `GET /images/search`, which is refused.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use casement_layers::Reference;
use serde_json::{Value, json};

use super::Api;
use crate::http::error::{ApiError, Outcome};
use crate::http::registry_auth::{self, AuthConfig};
use crate::http::request;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/auth", post(login))
        .route("/distribution/{*name}", get(describe))
        .route("/images/search", get(search))
}

async fn login(State(api): State<Api>, body: Body) -> Outcome<Json<Value>> {
    let account: AuthConfig = request::json(body).await?;
    let distribution = api.distribution()?;
    let server = account.server().to_owned();
    let credentials = account.credentials();
    let done = tokio::task::spawn_blocking(move || distribution.login(&server, &credentials)).await;
    done.map_err(|panic| ApiError::internal(format!("the daemon failed to serve the request: {panic}")))??;
    Ok(Json(json!({ "Status": "Login Succeeded", "IdentityToken": "" })))
}

async fn describe(State(api): State<Api>, Path(rest): Path<String>, headers: HeaderMap) -> Outcome<Json<Value>> {
    let name = rest.strip_suffix("/json").ok_or_else(|| ApiError::not_found("page not found"))?;
    let reference = Reference::parse(name).map_err(|_| ApiError::bad_request("invalid reference format"))?;
    let credentials = registry_auth::of(&headers);
    let distribution = api.distribution()?;
    let done = tokio::task::spawn_blocking(move || distribution.describe(&reference, &credentials)).await;
    let (raw, platforms) =
        done.map_err(|panic| ApiError::internal(format!("the daemon failed to serve the request: {panic}")))??;
    let descriptor = json!({ "mediaType": raw.media_type, "digest": raw.digest, "size": raw.bytes.len() });
    Ok(Json(json!({ "Descriptor": descriptor, "Platforms": platforms })))
}

/// Only Docker's own registry has ever answered searches, with its own list of images for Linux.
async fn search() -> ApiError {
    let text = "Casement does not search registries: look at https://hub.docker.com or https://mcr.microsoft.com, and pull the image by its name";
    ApiError::new(StatusCode::NOT_IMPLEMENTED, text)
}
