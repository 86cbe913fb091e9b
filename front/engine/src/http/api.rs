//! What every route has at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use casement_registry::Distribution;

use super::error::{ApiError, Outcome};
use crate::engine::Engine;
use crate::error::Result;

/// The state of the API, shared by all connections.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What `docker info` says of a daemon besides what it finds out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Labels, `key=value`.
    pub labels: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

struct Shared {
    engine: Arc<Engine>,
    root: PathBuf,
    appearance: Appearance,
    distribution: Option<Arc<Distribution>>,
}

impl Api {
    /// The API of an engine whose state is below `root`; `distribution` is its way to registries.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        root: &Path,
        appearance: Appearance,
        distribution: Option<Arc<Distribution>>,
    ) -> Self {
        Self(Arc::new(Shared { engine, root: root.to_owned(), appearance, distribution }))
    }

    /// The engine.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// The way to registries.
    ///
    /// # Errors
    /// 501 when this daemon has none.
    pub(super) fn distribution(&self) -> Outcome<Arc<Distribution>> {
        self.0.distribution.clone().ok_or_else(|| ApiError::not_implemented("asking registries"))
    }

    /// What `docker info` says besides.
    pub(super) fn appearance(&self) -> &Appearance {
        &self.0.appearance
    }

    /// The root directory of the daemon's state.
    pub(super) fn root(&self) -> &Path {
        &self.0.root
    }

    /// Does something that blocks, off the threads that serve connections. It goes on to its end when the client goes away.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Engine>) -> Result<T> + Send + 'static,
    ) -> Outcome<T> {
        let engine = self.0.engine.clone();
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&engine))).await;
        match done {
            Ok(result) => result.map_err(ApiError::from),
            Err(panic) => Err(ApiError::internal(format!("the daemon failed to serve the request: {panic}"))),
        }
    }
}
