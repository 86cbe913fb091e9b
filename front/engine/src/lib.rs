//! The engine: containers by name, made of images and run by the compute service, as people and tools know them.
//!
//! [`Engine`] holds the operations and knows nothing of the wire; [`server`] and [`client`] are the two ends of the control socket.

pub mod api;
pub mod archive;
pub mod attach;
pub mod client;
pub mod clock;
pub mod compute;
pub mod container;
mod container_events;
pub mod document;
pub mod engine;
mod entry;
pub mod error;
pub mod event_filter;
pub mod events;
pub mod exec;
pub mod host;
pub mod host_compute;
pub mod http;
pub mod id;
pub mod image;
pub mod image_store;
pub mod inspect;
mod lifecycle;
pub mod limits;
pub mod log;
mod log_options;
mod merge;
pub mod model;
pub mod name;
mod removal;
mod resources;
mod restart;
mod rules;
pub mod server;
pub mod signal;
mod size;
mod status_text;
pub mod stop;
pub mod store;
pub mod volume;
mod wire;

pub use container::{Container, ContainerSettings, State, Status};
pub use document::ExecSettings;
pub use engine::Engine;
pub use error::{Error, ErrorKind};
pub use id::ContainerId;
pub use lifecycle::SILO_HOST_LOST;
pub use name::ContainerName;
pub use server::Server;
pub use signal::Signal;
pub use stop::StopOptions;
