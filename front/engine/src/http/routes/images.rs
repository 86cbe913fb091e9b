//! `/images`: names hold slashes, so the calls on one image are told apart by their last part.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;

use super::{Api, later};
use crate::http::error::ApiError;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/images/{*rest}", any(one))
}

async fn one(Path(rest): Path<String>) -> ApiError {
    match rest.rsplit_once('/') {
        Some((_, "push")) => later::refused("pushing images"),
        Some((_, "get")) => later::refused("saving images"),
        _ => ApiError::not_found("page not found"),
    }
}
