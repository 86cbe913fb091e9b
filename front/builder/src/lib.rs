//! `docker build`: evaluates Dockerfiles as the classic builder of a Windows engine does.
//!
//! The builder knows neither the wire nor the compute service: what it needs of them is [`Workshop`], and what a client sees
//! goes to an [`Output`].

mod arguments;
mod build;
mod cancel;
mod config_steps;
mod configuration;
mod context;
mod copy;
mod copy_sources;
mod copy_write;
mod environment;
mod error;
mod output;
mod paths;
mod ports;
mod run;
mod settings;
mod stage;
mod stage_order;
mod workshop;

pub use build::{Built, build};
pub use cancel::{Cancel, Registration};
pub use casement_dockerfile::MAX_DOCKERFILE;
pub use configuration::apply_changes;
pub use context::{Context, DEFAULT_DOCKERFILE, MAX_CONTEXT};
pub use environment::set as set_variable;
pub use error::{BuildError, ErrorKind, Result};
pub use output::{Event, Gone, Output};
pub use settings::{BuildSettings, Secret};
pub use workshop::{Downloaded, Mount, MountSource, Request, Snapshot, Step, Workshop};
