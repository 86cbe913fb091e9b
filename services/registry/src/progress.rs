//! What is told while an image comes or goes.

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The short id of a layer, or a tag; empty for what is said of the whole.
    pub id: String,
    /// `Downloading`, `Pull complete`, …
    pub status: String,
    /// Bytes that are done, and of how many.
    pub progress: Option<(u64, u64)>,
    /// Facts for programs: the end of a push.
    pub pushed: Option<Pushed>,
}

/// A tag that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The tag.
    pub tag: String,
    /// Digest of the manifest, `sha256:…`.
    pub digest: String,
    /// Bytes of the manifest.
    pub size: u64,
}

impl Event {
    /// Something about the whole.
    pub fn message(status: impl Into<String>) -> Self {
        Self::about("", status)
    }

    /// Something about a layer or a tag.
    pub fn about(id: impl Into<String>, status: impl Into<String>) -> Self {
        Self { id: id.into(), status: status.into(), progress: None, pushed: None }
    }

    /// How far a layer is.
    pub fn progress(id: impl Into<String>, status: impl Into<String>, done: u64, of: u64) -> Self {
        Self { progress: Some((done, of)), ..Self::about(id, status) }
    }
}

/// Who is told.
pub trait Reporter: Sync {
    /// Tells it. False when whoever asked has gone, and the work is to end.
    fn report(&self, event: Event) -> bool;
}

impl<F: Fn(Event) -> bool + Sync> Reporter for F {
    fn report(&self, event: Event) -> bool {
        self(event)
    }
}

/// Tells, and ends the work when nobody listens.
pub(crate) fn tell(reporter: &dyn Reporter, event: Event) -> Result<(), crate::RegistryError> {
    if reporter.report(event) { Ok(()) } else { Err(crate::RegistryError::Cancelled) }
}
