//! `GET /images/{name}/json` and `GET /images/{name}/history`.

use axum::Json;
use serde_json::{Map, Value, json};

use super::Api;
use super::image_list::repo_digests;
use super::images::created;
use crate::container::NEVER;
use crate::http::error::Outcome;
use crate::http::version::ApiVersion;

/// Everything about an image.
///
/// # Errors
/// 404 when it does not exist.
pub(super) async fn inspect(api: &Api, name: &str, version: ApiVersion) -> Outcome<Json<Value>> {
    let name = name.to_owned();
    let (image, document, left_out) = api
        .blocking(move |engine| {
            let image = engine.image(&name)?;
            let document = engine.image_document(&image)?;
            let left_out = engine.left_out(&image);
            Ok((image, document, left_out))
        })
        .await?;
    let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default();
    let comment = document["history"].as_array().and_then(|steps| steps.last()?.get("comment")?.as_str());
    let mut answer = json!({
        "Id": image.id.to_string(),
        "RepoTags": image.references,
        "RepoDigests": repo_digests(&image),
        "Parent": "",
        "Comment": comment.unwrap_or_default(),
        "Created": text("created"),
        "DockerVersion": "",
        "Author": text("author"),
        "Config": config(&document, version),
        "Architecture": text("architecture"),
        "Os": text("os"),
        "OsVersion": text("os.version"),
        "Size": image.size,
        "GraphDriver": { "Data": { "dir": image.layers.first() }, "Name": "windowsfilter" },
        "RootFS": { "Type": "layers", "Layers": document["rootfs"]["diff_ids"] },
        // Not recorded.
        "Metadata": { "LastTagTime": NEVER },
    });
    if let Some(replaced) = image.config.labels.get(casement_registry::SUBSTITUTED_LABEL) {
        answer["Casement"] = json!({ "BaseSubstituted": replaced, "Manifest": image.manifest, "LeftOut": left_out });
    }
    if version < ApiVersion::minor(44) {
        answer["VirtualSize"] = json!(image.size);
    }
    Ok(Json(answer))
}

/// The image's configuration, with the empty members that clients of this version expect.
fn config(document: &Value, version: ApiVersion) -> Value {
    let mut config: Map<String, Value> = Map::new();
    if version < ApiVersion::minor(50) {
        for name in ["AttachStderr", "AttachStdin", "AttachStdout", "OpenStdin", "StdinOnce", "Tty"] {
            config.insert(name.to_owned(), json!(false));
        }
        for name in ["Domainname", "Hostname", "Image"] {
            config.insert(name.to_owned(), json!(""));
        }
    }
    for name in ["Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "Volumes"] {
        config.insert(name.to_owned(), Value::Null);
    }
    for name in ["User", "WorkingDir"] {
        config.insert(name.to_owned(), json!(""));
    }
    config.extend(document["config"].as_object().cloned().unwrap_or_default());
    Value::Object(config)
}

/// How an image was made, the last step first.
///
/// # Errors
/// 404 when it does not exist.
pub(super) async fn history(api: &Api, name: &str) -> Outcome<Json<Vec<Value>>> {
    let name = name.to_owned();
    let (image, document, sizes) = api
        .blocking(move |engine| {
            let image = engine.image(&name)?;
            let document = engine.image_document(&image)?;
            let sizes = engine.image_layers(&image);
            Ok((image, document, sizes))
        })
        .await?;
    let mut sizes = sizes.into_iter().map(|(_, size)| size);
    let mut steps = Vec::new();
    for step in document["history"].as_array().into_iter().flatten() {
        let text = |field: &str| step.get(field).and_then(Value::as_str).unwrap_or_default();
        let empty = step.get("empty_layer").and_then(Value::as_bool).unwrap_or_default();
        steps.push(json!({
            "Id": "<missing>",
            "Created": created(step.get("created").and_then(Value::as_str)).as_second(),
            "CreatedBy": text("created_by"),
            "Tags": null,
            "Size": if empty { 0 } else { sizes.next().unwrap_or_default() },
            "Comment": text("comment"),
        }));
    }
    steps.reverse();
    if let Some(last) = steps.first_mut() {
        last["Id"] = json!(image.id.to_string());
        last["Tags"] = if image.references.is_empty() { Value::Null } else { json!(image.references) };
    }
    Ok(Json(steps))
}
