//! Why the store refused or failed.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// The failure of an operation on images, layers or scratches.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayersError {
    /// A file operation failed.
    #[error("cannot {action} {path}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object of it.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No image has this name.
    #[error("no such image: {0}{hint}", hint = .1)]
    NoSuchImage(String, String),
    /// Several images begin with this id.
    #[error("image id {0} is ambiguous: give more digits")]
    AmbiguousId(String),
    /// The text cannot name an image.
    #[error("\"{0}\" is not an image name: write it like nanoserver:ltsc2022")]
    BadReference(String),
    /// The text is no digest.
    #[error("\"{0}\" is not a SHA-256 digest")]
    BadDigest(String),
    /// Content does not have the digest or size that was announced.
    #[error("content {expected} arrived damaged: it is {found}")]
    DigestMismatch {
        /// What was announced.
        expected: String,
        /// What arrived.
        found: String,
    },
    /// Something in the store does not parse.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// The object.
        what: String,
        /// The parser's words.
        why: String,
    },
    /// The image is for another system.
    #[error("image {image} is for {os}, not for windows/amd64")]
    WrongPlatform {
        /// The image.
        image: String,
        /// Its system and architecture.
        os: String,
    },
    /// A container id that cannot be a directory name.
    #[error("\"{0}\" is not a container id")]
    BadId(String),
    /// A container's scratch is already there.
    #[error("container {0} already has a scratch")]
    ScratchExists(String),
    /// A scratch of a size that no file system can have here.
    #[error("invalid size of a scratch: {0} bytes; from {min} to {max} are possible", min = crate::disk::MIN_SIZE, max = crate::disk::MAX_SIZE)]
    DiskSize(u64),
    /// The program that makes file systems is not there.
    #[error("a scratch of a given size needs mkfs.ext4: install e2fsprogs")]
    NoMkfs,
    /// No file system could be made.
    #[error("mkfs.ext4 could not make the scratch's file system: {0}")]
    Mkfs(String),
    /// No layer of the image has the registry.
    #[error("image {0} has no registry in its layers: it is not a bootable Windows image")]
    NoRegistry(String),
    /// An archive of images is refused; the text says why, in Docker's words where it has some.
    #[error("{0}")]
    Archived(String),
    /// A layer's archive is refused.
    #[error(transparent)]
    Archive(#[from] casement_layer_tar::LayerTarError),
    /// The registry text is refused.
    #[error(transparent)]
    Registry(#[from] casement_nt::registry::RegistryError),
    /// The runtime is missing or cannot be built.
    #[error(transparent)]
    Runtime(#[from] casement_nt::RuntimeError),
    /// Wine could not make the first prefix.
    #[error("Wine could not make the base of the images: {0}")]
    Prefix(String),
    /// A base image would break a promise about its content.
    #[error("base image {image}: {why}")]
    Base {
        /// The image.
        image: String,
        /// What is wrong.
        why: String,
    },
}

impl LayersError {
    pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged { what: what.into(), why: why.to_string() }
    }
}
