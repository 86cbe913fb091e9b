//! Why an image cannot be opened or read.

use casement_layers::LayersError;
use thiserror::Error;

/// The failure to open, read or copy parts of an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// A file operation failed.
    #[error("cannot {action} {object}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object of it.
        object: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The image is for another system.
    #[error("{image} is for {os}, not for windows: only Windows images can be opened")]
    NotWindows {
        /// The image.
        image: String,
        /// Its system and architecture.
        os: String,
    },
    /// What was named is no image.
    #[error("{object} is no image: {why}")]
    NotAnImage {
        /// What was named.
        object: String,
        /// What it lacks.
        why: String,
    },
    /// There are several images where one was named.
    #[error("{object} holds {count} images, name one of them: {choices}", count = .choices.len(), choices = .choices.join(", "))]
    Ambiguous {
        /// The layout or archive.
        object: String,
        /// How to name each.
        choices: Vec<String>,
    },
    /// Part of an image does not parse.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// The part.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// One of the named limits was passed.
    #[error("{what} is too large: {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit: String,
    },
    /// The image has no such file, key or layer.
    #[error("{image} has no {what}{hint}")]
    NotThere {
        /// The image.
        image: String,
        /// What was asked for.
        what: String,
        /// What may help, with what separates it from the rest.
        hint: String,
    },
    /// What was asked for is of a kind that this cannot be done with.
    #[error("{object} {why}")]
    Unfit {
        /// What was asked for.
        object: String,
        /// Why it cannot be done.
        why: String,
    },
    /// The content of a layer is not at hand.
    #[error("layer {number} ({digest}) of {image} is not here: `casement pull --base-policy=fetch {image}` fetches it")]
    LayerNotHere {
        /// The image.
        image: String,
        /// Number of the layer, the base is 0.
        number: usize,
        /// Digest of its blob.
        digest: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] LayersError),
    /// A hive of the image does not load.
    #[error("{hive} of layer {layer}: {source}")]
    Hive {
        /// The hive's file.
        hive: String,
        /// Number of the layer.
        layer: usize,
        /// What is wrong with it.
        source: casement_hive::HiveError,
    },
    /// The volume could not be mounted or served.
    #[error(transparent)]
    Volume(#[from] casement_wcifs::WcifsError),
}

impl ViewError {
    pub(crate) fn io(action: &'static str, object: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, object: object.to_string(), source }
    }

    pub(crate) fn damaged(what: impl ToString, why: impl ToString) -> Self {
        Self::Damaged { what: what.to_string(), why: why.to_string() }
    }

    pub(crate) fn unfit(object: impl ToString, why: impl ToString) -> Self {
        Self::Unfit { object: object.to_string(), why: why.to_string() }
    }
}
