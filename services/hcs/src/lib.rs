//! The Host Compute Service: compute systems made from v2 documents, one silo host process for each.

pub mod error;
pub mod limits;
pub mod protocol;
pub mod resolver;
pub mod service;
pub mod silo_host;
pub mod spec;
mod volume;

pub use casement_job::DEFAULT_PROCESS_LIMIT;
pub use error::ComputeError;
pub use resolver::Resolver;
pub use service::{ComputeService, System};
pub use spec::{ContainerExit, LogSettings, SiloSettings, SiloSpec, VolumeSpec};
pub use volume::Volume;
