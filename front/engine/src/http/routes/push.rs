//! `POST /images/{name}/push`: to a registry, or into a layout directory.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use casement_layers::Reference;
use casement_registry::{Event, LAYOUT_PREFIX, Reporter as _};

use super::Api;
use super::pull::layout_place;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::http::{progress_lines, registry_auth};

/// Pushes one tag of a repository, or all of them when none is named. `layout=oci:DIR[:TAG]`, which is our own, names a layout directory
/// that they go to; there they keep their tags unless one is named.
///
/// # Errors
/// 404 when there is no such image; what else fails is told in the answer.
pub(super) async fn push(api: &Api, name: &str, query: &Query, headers: &HeaderMap) -> Outcome<Response> {
    let tag = query.text("tag").filter(|tag| !tag.is_empty());
    let whole = tag.map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"));
    let reference = Reference::parse(&whole).map_err(|_| ApiError::bad_request("invalid reference format"))?;
    if reference.digest().is_some() {
        return Err(ApiError::bad_request("cannot push a digest reference"));
    }
    let repository = reference.repository().to_owned();
    let wanted = repository.clone();
    let all = api.blocking(|engine| engine.all_images()).await?;
    let mut names: Vec<String> = all.into_iter().flat_map(|image| image.references).collect();
    names.retain(|name| match (name.rsplit_once(':'), reference.tag()) {
        (Some((repository, _)), None) => repository == wanted,
        (Some((repository, tag)), Some(wished)) => repository == wanted && tag == wished,
        (None, _) => false,
    });
    names.sort();
    let references: Vec<Reference> = names.iter().filter_map(|name| Reference::parse(name).ok()).collect();
    if references.is_empty() {
        let text = match reference.tag() {
            Some(tag) => format!("tag does not exist: {repository}:{tag}"),
            None => format!("An image does not exist locally with the tag: {repository}"),
        };
        return Err(ApiError::new(StatusCode::NOT_FOUND, text));
    }
    let layout = match query.text("layout").filter(|text| !text.is_empty()) {
        Some(text) => {
            let place = text.strip_prefix(LAYOUT_PREFIX);
            Some(layout_place(place.ok_or_else(|| ApiError::bad_request("layout: it begins with oci:"))?)?)
        }
        None => None,
    };
    let credentials = registry_auth::of(headers);
    let distribution = api.distribution()?;
    let engine = api.engine().clone();
    progress_lines::answer(move |lines| {
        let target = match &layout {
            Some((directory, _)) => directory.display().to_string(),
            None => with_host(&repository),
        };
        lines.report(Event::message(format!("The push refers to repository [{target}]")));
        for reference in references {
            match &layout {
                Some((directory, tag)) => {
                    distribution.push_to_layout(&reference, directory, tag.as_deref(), lines)?;
                }
                None => distribution.push(&reference, &credentials, lines)?,
            }
            if let Ok(image) = engine.image(&reference.to_string()) {
                engine.tell_of_image("push", &image, &reference.to_string());
            }
        }
        Ok(())
    })
    .await
}

/// A repository as Docker writes it out in full.
fn with_host(repository: &str) -> String {
    match repository.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => repository.to_owned(),
        Some(_) => format!("docker.io/{repository}"),
        None => format!("docker.io/library/{repository}"),
    }
}
