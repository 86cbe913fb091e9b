//! `GET /system/df`: what takes how much of the disk.

use axum::Json;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::image_list::{Wish, listing};
use super::{Api, volumes};
use crate::engine::Engine;
use crate::error::Result;
use crate::http::error::{ApiError, Outcome};
use crate::http::request::Query;
use crate::http::version::ApiVersion;
use crate::listing::ListOptions;
use crate::size;

/// What may be asked for.
const TYPES: [&str; 4] = ["container", "image", "volume", "build-cache"];

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/system/df", get(usage))
}

async fn usage(
    State(api): State<Api>,
    axum::Extension(version): axum::Extension<ApiVersion>,
    RawQuery(query): RawQuery,
) -> Outcome<Json<Value>> {
    let query = Query::parse(&query.unwrap_or_default());
    let asked: Vec<String> = query.texts("type").map(str::to_owned).collect();
    if let Some(unknown) = asked.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        return Err(ApiError::bad_request(format!("unknown object type: {unknown}")));
    }
    Ok(Json(api.blocking(move |engine| measure(engine, &asked, version)).await?))
}

fn measure(engine: &Engine, asked: &[String], version: ApiVersion) -> Result<Value> {
    let wanted = |kind: &str| asked.is_empty() || asked.iter().any(|asked| asked == kind);
    let mut answer = Map::new();
    if wanted("image") {
        answer.insert("LayersSize".to_owned(), json!(engine.layers_size()?));
        answer.insert("Images".to_owned(), json!(listing(engine, &Wish::default(), true, true, version)?));
    }
    if wanted("container") {
        let everything = ListOptions { all: true, limit: None, size: true, filters: Default::default() };
        answer.insert("Containers".to_owned(), json!(engine.listing(&everything)?));
    }
    if wanted("volume") {
        let uses = engine.volume_uses();
        let mut views = Vec::new();
        for volume in engine.volumes()? {
            let mut view = volumes::view(engine, &volume);
            let bytes = size::of_directory(&engine.volume_directory(&volume.name));
            let count = uses.get(volume.name.as_str()).copied().unwrap_or_default();
            view["UsageData"] = json!({ "RefCount": count, "Size": bytes });
            views.push(view);
        }
        answer.insert("Volumes".to_owned(), json!(views));
    }
    if wanted("build-cache") {
        let (records, bytes) = build_cache(engine)?;
        answer.insert("BuildCache".to_owned(), records);
        if version < ApiVersion::minor(42) {
            answer.insert("BuilderSize".to_owned(), json!(bytes));
        }
    }
    Ok(Value::Object(answer))
}

/// The steps of builds that are kept, and the bytes that no image with a name shares with them.
fn build_cache(engine: &Engine) -> Result<(Value, u64)> {
    let usage = engine.build_cache_usage()?;
    let bytes = usage.iter().filter(|step| !step.shared).map(|step| step.bytes).sum();
    let records = usage.iter().map(|usage| {
        json!({
            "ID": usage.step.key.rsplit(':').next(),
            "Type": "regular",
            "Description": usage.step.what,
            "InUse": false,
            "Shared": usage.shared,
            "Size": usage.bytes,
            "CreatedAt": usage.step.created,
            "LastUsedAt": usage.step.created,
            "UsageCount": 1,
        })
    });
    Ok((Some(records.collect::<Vec<_>>()).filter(|records| !records.is_empty()).into(), bytes))
}
