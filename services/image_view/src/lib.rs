//! Opens Windows images without running them: a read-only view of an image's layers, straight from their archives, its
//! registry, comparing, copying out, and checking against the rules of the format.
//!
//! [`source::open`] finds an image, [`ImageView::of`] reads what is in it.

#![forbid(unsafe_code)]

pub mod check;
mod content;
pub mod describe;
pub mod diff;
pub mod entry;
mod error;
pub mod extract;
pub mod finding;
pub mod index;
mod inflate;
pub mod link;
pub mod mount;
pub mod name;
pub mod registry;
pub mod root_file_system;
pub mod rule;
mod scan;
pub mod source;
mod stamp;
pub mod tree;
mod view;

pub use casement_layer_tar::sddl;
pub use error::ViewError;
pub use name::{Space, ViewPath};
pub use registry::Registry;
pub use source::Source;
pub use stamp::Stamp;
pub use view::{ImageView, Layer};
