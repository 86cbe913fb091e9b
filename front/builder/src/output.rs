//! What a client sees of a build.

use crate::error::BuildError;
use serde_json::Value;

/// One piece of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Text.
    Out(String),
    /// Text that clients show in red: warnings, and what programs write to their standard error.
    Error(String),
    /// The id of an image that a stage came to.
    Image(String),
    /// A line of progress as clients know it, such as that of a pull.
    Progress(Value),
}

/// The client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl From<Gone> for BuildError {
    fn from(_: Gone) -> Self {
        Self::cancelled()
    }
}

/// Where the pieces go, in order.
pub trait Output: Send + Sync {
    /// Shows a piece.
    ///
    /// # Errors
    /// [`Gone`]
    fn show(&self, event: Event) -> Result<(), Gone>;

    /// Shows a line of text.
    ///
    /// # Errors
    /// [`Gone`]
    fn line(&self, text: std::fmt::Arguments<'_>) -> Result<(), Gone> {
        self.show(Event::Out(format!("{text}\n")))
    }

    /// Shows a warning.
    ///
    /// # Errors
    /// [`Gone`]
    fn warning(&self, text: std::fmt::Arguments<'_>) -> Result<(), Gone> {
        self.show(Event::Error(format!("{text}\n")))
    }
}
