//! The paths of the API, a file for each group of calls.
//!
//! A handler takes [`Api`], the path's parts and the request, and returns [`Outcome`](super::error::Outcome). What blocks goes
//! through [`Api::blocking`].

mod archive;
mod attach;
mod build;
mod changes;
mod create;
mod df;
mod events;
mod exec;
mod image_archives;
mod image_inspect;
mod image_list;
mod images;
mod info;
mod inspect;
mod kill;
mod later;
mod list;
mod logs;
mod networks;
mod pause;
mod ping;
mod prune;
mod pull;
mod push;
mod registry;
mod remove;
mod rename;
mod resize;
mod start;
mod stats;
mod stop;
mod top;
mod update;
mod version;
mod volumes;
mod wait;

use axum::Router;
use axum::http::{Method, Uri};

use super::api::Api;
use super::error::ApiError;

/// Every route.
pub(super) fn router(api: Api) -> Router {
    Router::new()
        .merge(archive::routes())
        .merge(attach::routes())
        .merge(build::routes())
        .merge(changes::routes())
        .merge(create::routes())
        .merge(df::routes())
        .merge(events::routes())
        .merge(exec::routes())
        .merge(image_archives::routes())
        .merge(image_list::routes())
        .merge(images::routes())
        .merge(info::routes())
        .merge(inspect::routes())
        .merge(kill::routes())
        .merge(later::routes())
        .merge(list::routes())
        .merge(logs::routes())
        .merge(networks::routes())
        .merge(pause::routes())
        .merge(ping::routes())
        .merge(prune::routes())
        .merge(pull::routes())
        .merge(registry::routes())
        .merge(remove::routes())
        .merge(rename::routes())
        .merge(resize::routes())
        .merge(start::routes())
        .merge(stats::routes())
        .merge(stop::routes())
        .merge(top::routes())
        .merge(update::routes())
        .merge(version::routes())
        .merge(volumes::routes())
        .merge(wait::routes())
        .fallback(unknown)
        .with_state(api)
}

async fn unknown(_method: Method, _uri: Uri) -> ApiError {
    ApiError::not_found("page not found")
}
