//! `/networks`: what exists so far, and refusals in so many words.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, later};
use crate::host::Host;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::{Filters, Query, json as body_json};
use crate::network::{Network, networks};

/// Filters of the list.
const FILTERS: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];
/// Filters of `prune`.
const PRUNE_FILTERS: [&str; 3] = ["label", "label!", "until"];
/// Names that nobody may give to a network.
const PREDEFINED: [&str; 3] = ["default", "nat", "none"];

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(create))
        .route("/networks/prune", post(prune))
        .route("/networks/{id}", get(inspect).delete(remove))
        .route("/networks/{id}/connect", post(connect))
        .route("/networks/{id}/disconnect", post(disconnect))
}

async fn all(api: &Api) -> Outcome<Vec<Network>> {
    let root = api.root().to_owned();
    api.blocking(move |engine| Ok(networks(&Host::look(&root)?, &root, &engine.list()))).await
}

/// The network of this name, id or unique beginning of an id.
async fn find(api: &Api, key: &str) -> Outcome<Network> {
    let mut networks = all(api).await?;
    let exact = networks.iter().position(|network| network.name == key || network.id == key);
    let fitting: Vec<usize> = (0..networks.len()).filter(|at| networks[*at].id.starts_with(key)).collect();
    let only = if let [at] = fitting[..] { Some(at) } else { None };
    match exact.or(only).filter(|_| !key.is_empty()) {
        Some(at) => Ok(networks.swap_remove(at)),
        None if !key.is_empty() && fitting.len() > 1 => Err(ApiError::bad_request(format!(
            "network {key} is ambiguous ({} matches found on ID prefix)",
            fitting.len()
        ))),
        _ => Err(ApiError::not_found(format!("network {key} not found"))),
    }
}

async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Json<Vec<Value>>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&FILTERS)?;
    check_type(&filters)?;
    let networks = all(&api).await?;
    Ok(Json(networks.iter().filter(|network| admits(&filters, network)).map(|network| view(network, false)).collect()))
}

fn check_type(filters: &Filters) -> Outcome<()> {
    let known = ["builtin", "custom"];
    match filters.get("type").into_iter().flatten().find(|value| !known.contains(&value.as_str())) {
        Some(value) => Err(ApiError::bad_request(format!("invalid filter: 'type'='{value}'"))),
        None => Ok(()),
    }
}

fn admits(filters: &Filters, network: &Network) -> bool {
    filters.iter().all(|(name, values)| {
        let fits = |value: &String| match name.as_str() {
            "driver" => network.driver == value,
            "name" => network.name.contains(value.as_str()),
            "id" => network.id.starts_with(value.as_str()),
            "scope" => value == "local",
            "type" => value == "builtin",
            "dangling" => matches!(value.as_str(), "0" | "false"),
            // No network has labels.
            _ => false,
        };
        values.is_empty() || values.iter().any(fits)
    })
}

async fn inspect(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let query = Query::parse(&query.unwrap_or_default());
    match query.text("scope") {
        None | Some("" | "local") => Ok(Json(view(&find(&api, &key).await?, true))),
        Some(_) => Err(ApiError::not_found(format!("network {key} not found"))),
    }
}

fn view(network: &Network, containers: bool) -> Value {
    let endpoint = |(id, name): (&String, &String)| {
        let none = json!({ "Name": name, "EndpointID": "", "MacAddress": "", "IPv4Address": "", "IPv6Address": "" });
        (id.clone(), none)
    };
    let members: serde_json::Map<String, Value> =
        if containers { network.containers.iter().map(endpoint).collect() } else { serde_json::Map::new() };
    json!({
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": true,
        "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Options": null, "Config": null },
        "Internal": false,
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": members,
        "Options": {},
        "Labels": {},
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    name: String,
}

async fn create(body: Body) -> ApiError {
    match body_json::<CreateRequest>(body).await {
        Err(error) => error,
        Ok(request) if PREDEFINED.contains(&request.name.as_str()) => ApiError::new(
            StatusCode::FORBIDDEN,
            format!("operation is not permitted on predefined {} network ", request.name),
        ),
        Ok(_) => later::refused("creating networks"),
    }
}

async fn remove(State(api): State<Api>, Path(key): Path<String>) -> ApiError {
    match find(&api, &key).await {
        Ok(network) => {
            let message = format!("{} is a pre-defined network and cannot be removed", network.name);
            ApiError::new(StatusCode::FORBIDDEN, message)
        }
        Err(error) => error,
    }
}

async fn connect(State(api): State<Api>, Path(key): Path<String>) -> ApiError {
    match find(&api, &key).await {
        Ok(_) => later::refused("connecting containers to networks"),
        Err(error) => error,
    }
}

async fn disconnect(State(api): State<Api>, Path(key): Path<String>) -> ApiError {
    match find(&api, &key).await {
        Ok(_) => later::refused("disconnecting containers from networks"),
        Err(error) => error,
    }
}

/// Predefined networks are never pruned, and there are no others.
async fn prune(RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&PRUNE_FILTERS)?;
    super::images::until(&filters)?;
    Ok(Json(json!({ "NetworksDeleted": null })))
}
