//! `POST /containers/create`.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use crate::container::ContainerSettings;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::http::error::Outcome;
use crate::http::platform::Platform;
use crate::http::request::{Query, document, read};
use crate::model::{Config, HostConfig};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/containers/create", post(create))
}

/// What a create request has besides its [`Config`], whose members stand beside these.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    host_config: HostConfig,
    networking_config: NetworkingConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkingConfig {
    endpoints_config: std::collections::BTreeMap<String, serde_json::Value>,
}

async fn create(State(api): State<Api>, RawQuery(query): RawQuery, body: Body) -> Outcome<Response> {
    let query = Query::parse(&query.unwrap_or_default());
    let platform = query.text("platform").filter(|text| !text.is_empty()).map(Platform::parse).transpose()?;
    let body = document(body).await?;
    let (config, request): (Config, CreateRequest) = (read(&body)?, read(&body)?);
    let name = query.text("name").filter(|name| !name.is_empty()).map(str::parse).transpose()?;
    let mut settings = ContainerSettings {
        name,
        config,
        host_config: request.host_config,
        endpoints: request.networking_config.endpoints_config,
        of_build: false,
    };
    let (id, warnings) = api
        .blocking(move |engine| {
            let warnings = engine.settle(&mut settings)?;
            check_platform(engine, &settings.config.image, platform.as_ref())?;
            Ok((engine.create(&settings)?.id, warnings))
        })
        .await?;
    let answer = json!({ "Id": id, "Warnings": warnings });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// All images are for Windows on amd64.
fn check_platform(engine: &Engine, image: &str, platform: Option<&Platform>) -> Result<()> {
    match platform.filter(|platform| !platform.is_windows()) {
        None => Ok(()),
        Some(platform) => {
            let found = engine.image(image)?;
            Err(Error::NotFound(format!(
                "image with reference {image} was found but its platform (windows({})/amd64) does not match the specified platform ({platform})",
                found.os_version
            )))
        }
    }
}
