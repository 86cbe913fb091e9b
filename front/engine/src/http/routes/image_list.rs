//! `GET /images/json`.

use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::get;
use casement_layers::{Digest, Image, Reference, microsoft_name};
use serde_json::{Value, json};

use super::Api;
use super::images::{created, dangling, until};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::http::error::Outcome;
use crate::http::request::{Filters, Query};
use crate::http::version::ApiVersion;
use crate::{glob, label_filter};

/// Filters of the list.
const FILTERS: [&str; 7] = ["before", "dangling", "label", "label!", "reference", "since", "until"];

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/images/json", get(list))
}

async fn list(
    State(api): State<Api>,
    axum::Extension(version): axum::Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Outcome<Json<Vec<Value>>> {
    let query = Query::parse(&query.unwrap_or_default());
    let mut filters = query.filters(&FILTERS)?;
    // The parameter of clients before `reference` existed.
    if let Some(name) = query.text("filter").filter(|name| !name.is_empty()) {
        filters.entry("reference".to_owned()).or_default().push(name.to_owned());
    }
    let wish = Wish { dangling: dangling(&filters)?, until: until(&filters)?, filters };
    let shared_size = query.flag("shared-size");
    Ok(Json(api.blocking(move |engine| listing(engine, &wish, shared_size, false, version)).await?))
}

/// What is to be listed.
#[derive(Default)]
pub(super) struct Wish {
    dangling: Option<bool>,
    until: Option<jiff::Timestamp>,
    filters: Filters,
}

/// The images, newest first. `containers`: count theirs.
///
/// # Errors
/// When the layer store is damaged, or a filter names no image.
pub(super) fn listing(
    engine: &Engine,
    wish: &Wish,
    shared_size: bool,
    containers: bool,
    version: ApiVersion,
) -> Result<Vec<Value>> {
    let mut images = engine.all_images()?;
    let shared = if shared_size { Some(uses(engine, &images)) } else { None };
    wish.apply(engine, &mut images)?;
    images.sort_by_key(|image| std::cmp::Reverse(created(image.created.as_deref())));
    let used: Vec<String> =
        if containers { engine.list().into_iter().map(|container| container.image_id).collect() } else { Vec::new() };
    let line = |image: &Image| {
        let id = image.id.to_string();
        let shared_bytes = shared.as_ref().map(|uses| {
            let sizes = engine.image_layers(image).into_iter();
            sizes
                .filter(|(layer, _)| uses.get(layer).is_some_and(|count| *count > 1))
                .map(|(_, size)| size)
                .sum::<u64>()
        });
        let (mut tags, mut digests) = (image.references.clone(), repo_digests(image));
        if image.references.is_empty() && version < ApiVersion::minor(43) {
            (tags, digests) = (vec!["<none>:<none>".to_owned()], vec!["<none>@<none>".to_owned()]);
        }
        let mut line = json!({
            "Containers": if containers { json!(used.iter().filter(|used| **used == id).count()) } else { json!(-1) },
            "Created": created(image.created.as_deref()).as_second(),
            "Id": id,
            "Labels": image.config.labels,
            "ParentId": "",
            "RepoDigests": digests,
            "RepoTags": tags,
            "SharedSize": shared_bytes.map_or(json!(-1), |bytes| json!(bytes)),
            "Size": image.size,
        });
        if version < ApiVersion::minor(44) {
            line["VirtualSize"] = json!(image.size);
        }
        line
    };
    Ok(images.iter().map(line).collect())
}

/// `repository@digest` for each repository that has the image.
pub(super) fn repo_digests(image: &Image) -> Vec<String> {
    if !image.repository_digests.is_empty() {
        return image.repository_digests.clone();
    }
    let repository =
        |name: &String| name.rsplit_once(':').map_or(name.clone(), |(repository, _)| repository.to_owned());
    let mut digests: Vec<String> =
        image.references.iter().map(|name| format!("{}@{}", repository(name), image.manifest)).collect();
    digests.dedup();
    digests
}

/// How many images have each layer.
fn uses(engine: &Engine, images: &[Image]) -> BTreeMap<Digest, usize> {
    let mut uses = BTreeMap::new();
    for (layer, _) in images.iter().flat_map(|image| engine.image_layers(image)) {
        *uses.entry(layer).or_insert(0) += 1;
    }
    uses
}

impl Wish {
    fn apply(&self, engine: &Engine, images: &mut Vec<Image>) -> Result<()> {
        let texts = |name: &str| self.filters.get(name).map(Vec::as_slice).unwrap_or_default();
        for text in texts("before") {
            let limit = created(engine.image(text)?.created.as_deref());
            images.retain(|image| created(image.created.as_deref()) < limit);
        }
        for text in texts("since") {
            let limit = created(engine.image(text)?.created.as_deref());
            images.retain(|image| created(image.created.as_deref()) > limit);
        }
        images.retain(|image| {
            self.until.is_none_or(|until| created(image.created.as_deref()) < until)
                && self.dangling.is_none_or(|dangling| dangling == image.references.is_empty())
                && label_filter::admits(texts("label"), texts("label!"), &image.config.labels)
        });
        let patterns = texts("reference");
        if patterns.is_empty() {
            return Ok(());
        }
        for image in images.iter_mut() {
            let mut kept = Vec::new();
            for name in &image.references {
                if fits_any(patterns, name)? {
                    kept.push(name.clone());
                }
            }
            image.references = kept;
        }
        images.retain(|image| !image.references.is_empty());
        Ok(())
    }
}

/// Whether a name fits a pattern, with or without its tag, as it is or as Microsoft spells it.
fn fits_any(patterns: &[String], name: &str) -> Result<bool> {
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    let mut spellings = vec![name.to_owned(), repository.to_owned()];
    if let Some(base) = Reference::parse(name).ok().and_then(|reference| reference.base_name()) {
        let microsoft = microsoft_name(base);
        spellings.extend([format!("{microsoft}:{tag}"), microsoft]);
    }
    for pattern in patterns {
        let plain = ["docker.io/library/", "docker.io/"].into_iter().find_map(|host| pattern.strip_prefix(host));
        for spelling in &spellings {
            let fits = glob::matches(plain.unwrap_or(pattern), spelling);
            if fits.ok_or_else(|| Error::InvalidParameter("syntax error in pattern".to_owned()))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
