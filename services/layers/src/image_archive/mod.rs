//! Images as archives (`docker save`, `docker load`): an OCI layout with Docker's `manifest.json` beside it, in one tar stream.

mod documents;
mod load;
mod save;
mod spool;
#[cfg(test)]
mod tests;

pub use load::{LoadProgress, Loaded};
pub use save::Saving;
