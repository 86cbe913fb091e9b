//! Images from and to registries and layout directories, and the substitution of Microsoft's base layers.

mod address;
mod auth;
mod bases;
mod client;
pub mod compatibility;
mod distribution;
mod documents;
mod download;
mod error;
mod foreign;
mod layout;
mod layout_writer;
mod name;
mod platform;
mod progress;
mod pull;
mod push;
mod settings;
mod substitute;
mod tls;
mod transport;
mod web;

pub use address::Distance;
pub use casement_layers::SUBSTITUTED_LABEL;
pub use distribution::{BaseSource, BuiltBases, Distribution};
pub use documents::RawManifest;
pub use error::RegistryError;
pub use layout::{PREFIX as LAYOUT_PREFIX, directory_and_tag};
pub use name::{registry_of, server_host};
pub use platform::{HostBuild, build_number};
pub use progress::{Event, Pushed, Reporter};
pub use pull::PullRequest;
pub use settings::{BasePolicy, CERTIFICATES, Credentials, RegistrySettings};
pub use web::WebFile;
