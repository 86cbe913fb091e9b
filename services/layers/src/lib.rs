//! Images, layers, scratches and volumes: what Windows has windowsfilter and wclayer for.
//!
//! Everything lives under one root: `content/` (OCI blobs by digest), `images.json` (names), `layers/` (unpacked),
//! `scratches/` (what containers change), `runtimes/` (Wine, see `casement-nt`).

mod atomic;
pub mod base;
mod commit;
pub mod content;
mod derive;
mod digest;
mod disk;
mod error;
mod export;
pub mod image;
mod image_archive;
mod import;
pub mod layer;
pub mod oci;
mod of_each_start;
mod receive;
mod reference;
mod registry;
mod scratch;
mod steps;
mod store;
pub mod volume;
pub mod zstd;

pub use base::{BaseBuilder, Flavour};
pub use commit::{AfterCommit, CommitOptions, Listing};
pub use derive::Derived;
pub use digest::Digest;
pub use error::LayersError;
pub use export::Exporting;
pub use image::{Image, ImageConfig, Removed};
pub use image_archive::{LoadProgress, Loaded, Saving};
pub use import::Import;
pub use receive::{ORIGINAL_LAYERS, ORIGINAL_MANIFEST, Original, Receiving, SUBSTITUTED_LABEL};
pub use reference::{DEFAULT_TAG, Reference, microsoft_name};
pub use registry::HIVES;
pub use scratch::{REGISTRY_FILES, Scratch};
pub use store::Store;
pub use volume::UnionMount;

/// Whether this is a SID that can own files.
pub fn is_sid(text: &str) -> bool {
    casement_layer_tar::security::of_files_of(text).is_some()
}

#[cfg(test)]
mod tests;
