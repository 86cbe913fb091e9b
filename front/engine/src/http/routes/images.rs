//! `/images`: names hold slashes, so the calls on one image are told apart by their last part.

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::json;

use super::{Api, image_archives, image_inspect, push};
use crate::http::error::{ApiError, Outcome};
use crate::http::request::{Filters, Query};
use crate::http::time;
use crate::http::version::ApiVersion;
use crate::image_removal::Deletions;
use crate::label_filter;

/// Filters of `prune`.
const PRUNE_FILTERS: [&str; 4] = ["dangling", "label", "label!", "until"];

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/images/prune", post(prune)).route("/images/{*rest}", get(show).post(change).delete(remove))
}

async fn show(
    State(api): State<Api>,
    axum::Extension(version): axum::Extension<ApiVersion>,
    Path(rest): Path<String>,
) -> Outcome<Response> {
    match rest.rsplit_once('/') {
        Some((name, "json")) => Ok(image_inspect::inspect(&api, name, version).await?.into_response()),
        Some((name, "history")) => Ok(image_inspect::history(&api, name).await?.into_response()),
        Some((name, "get")) => image_archives::save(&api, vec![name.to_owned()]).await,
        _ => Err(ApiError::not_found("page not found")),
    }
}

async fn change(
    State(api): State<Api>,
    Path(rest): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Outcome<Response> {
    match rest.rsplit_once('/') {
        Some((name, "tag")) => {
            let query = Query::parse(&query.unwrap_or_default());
            let text = |name| query.text(name).unwrap_or_default().to_owned();
            let (name, repository, tag) = (name.to_owned(), text("repo"), text("tag"));
            api.blocking(move |engine| engine.tag_image(&name, &repository, &tag)).await?;
            Ok(StatusCode::CREATED.into_response())
        }
        Some((name, "push")) => push::push(&api, name, &Query::parse(&query.unwrap_or_default()), &headers).await,
        _ => Err(ApiError::not_found("page not found")),
    }
}

/// `noprune` keeps untagged parents; images here have no parents of their own, so that there is nothing to keep.
async fn remove(State(api): State<Api>, Path(name): Path<String>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let force = Query::parse(&query.unwrap_or_default()).flag("force");
    let done = api.blocking(move |engine| engine.remove_image(&name, force)).await?;
    Ok(Json(done.lines).into_response())
}

async fn prune(State(api): State<Api>, RawQuery(query): RawQuery) -> Outcome<Response> {
    let filters = Query::parse(&query.unwrap_or_default()).filters(&PRUNE_FILTERS)?;
    let all = !dangling(&filters)?.unwrap_or(true);
    let before = until(&filters)?;
    let Deletions { lines, freed } = api
        .blocking(move |engine| {
            let labels = |name: &str| filters.get(name).map(Vec::as_slice).unwrap_or_default();
            engine.prune_images(all, |image| {
                let old = before.is_none_or(|before| created(image.created.as_deref()) < before);
                old && label_filter::admits(labels("label"), labels("label!"), &image.config.labels)
            })
        })
        .await?;
    let deleted = if lines.is_empty() { json!(null) } else { json!(lines) };
    Ok(Json(json!({ "ImagesDeleted": deleted, "SpaceReclaimed": freed })).into_response())
}

/// The filter `dangling`.
///
/// # Errors
/// 400 when it is neither true nor false.
pub(super) fn dangling(filters: &Filters) -> Outcome<Option<bool>> {
    let Some(values) = filters.get("dangling") else { return Ok(None) };
    let truth = |value: &String| match value.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    };
    match values.as_slice() {
        [] => Ok(None),
        [value] => match truth(value) {
            Some(truth) => Ok(Some(truth)),
            None => Err(ApiError::bad_request(format!("invalid filter 'dangling=[{value}]'"))),
        },
        many => Err(ApiError::bad_request(format!("invalid filter 'dangling={many:?}'"))),
    }
}

/// The filter `until`.
///
/// # Errors
/// 400 when it is no moment, or given more than once.
pub(super) fn until(filters: &Filters) -> Outcome<Option<Timestamp>> {
    match filters.get("until").map(Vec::as_slice).unwrap_or_default() {
        [] => Ok(None),
        [text] => Ok(Some(time::moment(text)?)),
        _ => Err(ApiError::bad_request("more than one until filter specified")),
    }
}

/// When an image was made; the beginning of time when it does not say.
pub(super) fn created(text: Option<&str>) -> Timestamp {
    text.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}
