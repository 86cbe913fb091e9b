//! `docker build`: the engine as the workshop of the builder.

mod cache;
mod output_text;
mod outside;
mod remote;
mod workshop;

pub use cache::{CachedStep, Pruned, StepUsage};
pub use outside::Outside;
pub use remote::{Fetched, Remote};
pub use workshop::HostWorkshop;

pub(crate) use cache::{HASHES, STEPS};
