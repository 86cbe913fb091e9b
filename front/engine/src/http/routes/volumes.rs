//! `/volumes`.

use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::images::dangling;
use super::{Api, later};
use crate::engine::Engine;
use crate::error::Error;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::{Query, json as body_json};
use crate::http::version::ApiVersion;
use crate::label_filter;
use crate::volumes::{DRIVER, NewVolume, PrunedVolumes, Volume, VolumeName, check_driver, check_options};

/// Filters of the list.
const FILTERS: [&str; 5] = ["dangling", "driver", "label", "label!", "name"];
/// Filters of `prune`.
const PRUNE_FILTERS: [&str; 3] = ["all", "label", "label!"];

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/prune", post(prune))
        .route("/volumes/{name}", get(inspect).delete(remove).put(update))
}

/// A volume as listings show it.
pub(super) fn view(engine: &Engine, volume: &Volume) -> Value {
    json!({
        "CreatedAt": volume.created,
        "Driver": DRIVER,
        "Labels": if volume.labels.is_empty() { Value::Null } else { json!(volume.labels) },
        "Mountpoint": engine.volume_directory(&volume.name),
        "Name": volume.name,
        "Options": null,
        "Scope": "local",
    })
}

async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&FILTERS)?;
    let dangling = dangling(&filters)?;
    let views = api
        .blocking(move |engine| {
            let texts = |name: &str| filters.get(name).map(Vec::as_slice).unwrap_or_default();
            let any =
                |name: &str, fits: &dyn Fn(&String) -> bool| texts(name).is_empty() || texts(name).iter().any(fits);
            let uses = engine.volume_uses();
            let admitted = |volume: &&Volume| {
                any("driver", &|driver| driver == DRIVER)
                    && any("name", &|part| volume.name.as_str().contains(&part.to_ascii_lowercase()))
                    && dangling.is_none_or(|dangling| dangling != uses.contains_key(volume.name.as_str()))
                    && label_filter::admits(texts("label"), texts("label!"), &volume.labels)
            };
            let volumes = engine.volumes()?;
            Ok(volumes.iter().filter(admitted).map(|volume| view(engine, volume)).collect::<Vec<_>>())
        })
        .await?;
    Ok(Json(json!({ "Volumes": views, "Warnings": null })))
}

async fn inspect(State(api): State<Api>, Path(name): Path<String>) -> Outcome<Json<Value>> {
    Ok(Json(api.blocking(move |engine| Ok(view(engine, &engine.volume(&name)?))).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    name: String,
    driver: String,
    driver_opts: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    cluster_volume_spec: Option<Value>,
}

async fn create(State(api): State<Api>, body: Body) -> Outcome<Response> {
    let request: CreateRequest = body_json(body).await?;
    if request.cluster_volume_spec.is_some() {
        return Err(later::refused("cluster volumes"));
    }
    let name = Some(request.name.clone()).filter(|name| !name.is_empty());
    let named = |error: Error| match error {
        Error::InvalidParameter(why) => Error::InvalidParameter(format!("create {}: {why}", request.name)),
        Error::NotFound(why) => Error::NotFound(format!("create {}: {why}", request.name)),
        other => other,
    };
    check_driver(&request.driver).map_err(named)?;
    check_options(&request.driver_opts).map_err(named)?;
    let name = name.map(|name| name.parse::<VolumeName>()).transpose().map_err(named)?;
    let new = NewVolume { name, labels: request.labels };
    let view = api.blocking(move |engine| Ok(view(engine, &engine.create_volume(new)?))).await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn remove(State(api): State<Api>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Outcome<StatusCode> {
    let force = Query::parse(&query.unwrap_or_default()).flag("force");
    api.blocking(move |engine| match engine.remove_volume(&name) {
        Err(Error::NotFound(_)) if force => Ok(()),
        other => other,
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Only cluster volumes can be changed.
async fn update() -> ApiError {
    later::refused("changing cluster volumes")
}

/// Without the filter `all`, only anonymous volumes; clients before API 1.42 mean all.
async fn prune(
    State(api): State<Api>,
    axum::Extension(version): axum::Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Outcome<Json<Value>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&PRUNE_FILTERS)?;
    let all = match filters.get("all").map(Vec::as_slice).unwrap_or_default() {
        [] => version < ApiVersion::minor(42),
        [value] => match value.as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            _ => return Err(ApiError::bad_request(format!("invalid filter 'all=[{value}]'"))),
        },
        many => return Err(ApiError::bad_request(format!("invalid filter 'all={many:?}'"))),
    };
    let PrunedVolumes { names, freed } = api
        .blocking(move |engine| {
            let labels = |name: &str| filters.get(name).map(Vec::as_slice).unwrap_or_default();
            engine.prune_volumes(|volume| {
                (all || volume.is_anonymous())
                    && label_filter::admits(labels("label"), labels("label!"), &volume.labels)
            })
        })
        .await?;
    Ok(Json(json!({ "VolumesDeleted": names, "SpaceReclaimed": freed })))
}
