//! `POST /images/create`: pulls an image from a registry, or takes one out of a layout directory.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use casement_layers::Reference;
use casement_registry::{BasePolicy, LAYOUT_PREFIX, PullRequest, directory_and_tag};

use super::{Api, image_archives};
use crate::http::error::{ApiError, Outcome};
use crate::http::platform::Platform;
use crate::http::request::Query;
use crate::http::{progress_lines, registry_auth};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/images/create", post(create))
}

/// `docker run` comes here too when an image is missing.
async fn create(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let Some(image) = query.text("fromImage").filter(|image| !image.is_empty()) else {
        return image_archives::import(&api, &query, body).await;
    };
    let tag = query.text("tag").filter(|tag| !tag.is_empty());
    let policy = match query.text("basePolicy").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse::<BasePolicy>().map_err(ApiError::bad_request)?),
        None => None,
    };
    if let Some(platform) = query.text("platform").filter(|text| !text.is_empty()).map(Platform::parse).transpose()?
        && !platform.is_windows()
    {
        let text = format!("no matching manifest for {platform} in the manifest list entries");
        return Err(ApiError::new(StatusCode::NOT_FOUND, text));
    }
    if let Some(layout) = image.strip_prefix(LAYOUT_PREFIX) {
        return import_layout(&api, layout, tag, query.text("repo").unwrap_or_default(), policy).await;
    }
    let invalid = |_| ApiError::bad_request("invalid reference format");
    let name = match tag {
        Some(tag) if tag.contains(':') => format!("{image}@{tag}"),
        Some(tag) => format!("{image}:{tag}"),
        None => image.to_owned(),
    };
    let reference = Reference::parse(&name).map_err(invalid)?;
    let credentials = registry_auth::of(&headers);
    let distribution = api.distribution()?;
    let engine = api.engine().clone();
    progress_lines::answer(move |lines| {
        let mut references = vec![reference.clone()];
        // `docker pull -a` names neither tag nor digest.
        if reference.tag().is_none() && reference.digest().is_none() && reference.base_name().is_none() {
            let tags = distribution.tags(&reference, &credentials)?;
            let named =
                tags.iter().filter_map(|tag| Reference::parse(&format!("{}:{tag}", reference.repository())).ok());
            references = named.collect();
        }
        for reference in references {
            let request = PullRequest { reference: reference.clone(), credentials: credentials.clone(), policy };
            distribution.pull(&request, lines)?;
            if let Ok(image) = engine.image(&reference.to_string()) {
                engine.tell_of_image("pull", &image, &reference.to_string());
            }
        }
        Ok(())
    })
    .await
}

/// `fromImage=oci:DIR[:TAG]&repo=NAME`.
async fn import_layout(
    api: &Api,
    layout: &str,
    tag: Option<&str>,
    repository: &str,
    policy: Option<BasePolicy>,
) -> Outcome<Response> {
    let name = match tag {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    };
    let reference = Reference::parse(&name)
        .map_err(|_| ApiError::bad_request("repo: a name for the image of the layout is needed"))?;
    let name = format!("{}:{}", reference.repository(), reference.tag().unwrap_or("latest"));
    let (directory, chosen) = layout_place(layout)?;
    let distribution = api.distribution()?;
    progress_lines::answer(move |lines| distribution.import_layout(&directory, chosen.as_deref(), &name, policy, lines))
        .await
}

/// `DIR[:TAG]`, the rest of the name of a layout.
///
/// # Errors
/// 400 when the path is not absolute.
pub(super) fn layout_place(text: &str) -> Outcome<(PathBuf, Option<String>)> {
    let (directory, chosen) = directory_and_tag(text);
    let directory = PathBuf::from(directory);
    match directory.is_absolute() {
        true => Ok((directory, chosen.map(str::to_owned))),
        false => Err(ApiError::bad_request(format!("{}: the path of a layout is absolute", directory.display()))),
    }
}
