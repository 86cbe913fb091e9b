//! `/networks`.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use crate::container::Container;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::{Filters, Query, json as body_json};
use crate::label_filter;
use crate::networks::{Network, NetworkRequest};

/// Filters of the list.
const FILTERS: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];
/// Filters of `prune`.
const PRUNE_FILTERS: [&str; 3] = ["label", "label!", "until"];
/// The option that names the object of the network service.
const OBJECT_OPTION: &str = "com.docker.network.windowsshim.hnsid";
/// The option that names the switch.
const SWITCH_OPTION: &str = "com.docker.network.windowsshim.networkname";

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(create))
        .route("/networks/prune", post(prune))
        .route("/networks/{id}", get(inspect).delete(remove))
        .route("/networks/{id}/connect", post(connect))
        .route("/networks/{id}/disconnect", post(disconnect))
}

async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Json<Vec<Value>>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&FILTERS)?;
    check_type(&filters)?;
    let networks = api
        .blocking(move |engine| {
            let networks = engine.networks()?.into_iter();
            let with_members = networks.map(|network| {
                let is_free = engine.members(&network).is_empty();
                (network, is_free)
            });
            Ok(with_members.collect::<Vec<_>>())
        })
        .await?;
    let shown = networks.iter().filter(|(network, is_free)| admits(&filters, network, *is_free));
    Ok(Json(shown.map(|(network, _)| view(network, &[])).collect()))
}

fn check_type(filters: &Filters) -> Outcome<()> {
    let known = ["builtin", "custom"];
    match filters.get("type").into_iter().flatten().find(|value| !known.contains(&value.as_str())) {
        Some(value) => Err(ApiError::bad_request(format!("invalid filter: 'type'='{value}'"))),
        None => Ok(()),
    }
}

fn admits(filters: &Filters, network: &Network, is_free: bool) -> bool {
    filters.iter().all(|(name, values)| {
        if name == "label" {
            return label_filter::admits(values, &[], &network.docker.labels);
        }
        let fits = |value: &String| match name.as_str() {
            "driver" => network.docker.driver == *value,
            "name" => network.docker.name.contains(value.as_str()),
            "id" => network.id.starts_with(value.as_str()),
            "scope" => value == "local",
            "type" => network.is_predefined() == (value == "builtin"),
            "dangling" => (is_free && !network.is_predefined()) == matches!(value.as_str(), "1" | "true"),
            _ => false,
        };
        values.is_empty() || values.iter().any(fits)
    })
}

async fn inspect(State(api): State<Api>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let query = Query::parse(&query.unwrap_or_default());
    match query.text("scope") {
        None | Some("" | "local") => {}
        Some(_) => return Err(ApiError::not_found(format!("network {key} not found"))),
    }
    let (network, members) = api
        .blocking(move |engine| {
            let network = engine.find_network(&key)?;
            let members = engine.members(&network);
            Ok((network, members))
        })
        .await?;
    Ok(Json(view(&network, &members)))
}

fn view(network: &Network, members: &[Container]) -> Value {
    let docker = &network.docker;
    let member = |container: &Container| {
        let attachment = container.network.endpoints.get(&docker.name).cloned().unwrap_or_default();
        let with_prefix = |address: &str, length: u8| {
            if address.is_empty() { String::new() } else { format!("{address}/{length}") }
        };
        let endpoint = if network.object.is_some() { attachment.id() } else { String::new() };
        let shown = json!({
            "Name": container.name,
            "EndpointID": endpoint,
            "MacAddress": attachment.mac_address,
            "IPv4Address": with_prefix(&attachment.address, attachment.prefix_length),
            "IPv6Address": with_prefix(&attachment.address_v6, attachment.prefix_length_v6),
        });
        (container.id.to_string(), shown)
    };
    let containers: serde_json::Map<String, Value> = members.iter().map(member).collect();
    let mut options = docker.options.clone();
    if let Some(object) = &network.object {
        options.insert(OBJECT_OPTION.to_owned(), object.to_string().to_ascii_uppercase());
        options.insert(SWITCH_OPTION.to_owned(), network.switch.clone());
    }
    let ipam = if network.object.is_some() { "windows" } else { "default" };
    json!({
        "Name": docker.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": docker.driver,
        "EnableIPv4": true,
        "EnableIPv6": docker.enable_ipv6,
        "IPAM": { "Driver": ipam, "Options": null, "Config": if network.object.is_some() { json!(network.ranges) } else { Value::Null } },
        "Internal": docker.internal,
        "Attachable": docker.attachable,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": containers,
        "Options": options,
        "Labels": docker.labels,
    })
}

async fn create(State(api): State<Api>, body: Body) -> Outcome<Response> {
    let request: NetworkRequest = body_json(body).await?;
    let network = api.blocking(move |engine| engine.create_network(&request)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": network.id, "Warning": "" }))).into_response())
}

async fn remove(State(api): State<Api>, Path(key): Path<String>) -> Outcome<StatusCode> {
    api.blocking(move |engine| engine.remove_network(&key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Membership {
    container: String,
    endpoint_config: Value,
}

async fn connect(State(api): State<Api>, Path(key): Path<String>, body: Body) -> Outcome<StatusCode> {
    let request: Membership = body_json(body).await?;
    api.blocking(move |engine| engine.connect_network(&key, &request.container, request.endpoint_config)).await?;
    Ok(StatusCode::OK)
}

async fn disconnect(State(api): State<Api>, Path(key): Path<String>, body: Body) -> Outcome<StatusCode> {
    let request: Membership = body_json(body).await?;
    api.blocking(move |engine| engine.disconnect_network(&key, &request.container)).await?;
    Ok(StatusCode::OK)
}

async fn prune(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Json<Value>> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&PRUNE_FILTERS)?;
    let until = super::images::until(&filters)?;
    let removed = api
        .blocking(move |engine| {
            let labels = |name: &str| filters.get(name).map(Vec::as_slice).unwrap_or_default();
            let fits =
                |network: &Network| label_filter::admits(labels("label"), labels("label!"), &network.docker.labels);
            engine.prune_networks(until, fits)
        })
        .await?;
    Ok(Json(json!({ "NetworksDeleted": if removed.is_empty() { Value::Null } else { json!(removed) } })))
}
