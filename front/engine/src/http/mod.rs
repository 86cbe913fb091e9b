//! The Docker Engine API: what the stock `docker` command and its kin talk to, as a Windows daemon speaks it.
//!
//! [`listener`] accepts connections and bounds them, [`routes`] maps paths to one file per group of calls; the other modules are the
//! parts that routes are made of.

mod api;
mod blocking_body;
mod connection;
mod detach_keys;
mod error;
mod frame;
mod group;
mod headers;
mod hijack;
mod line;
mod listener;
mod log_stream;
mod origin;
mod platform;
pub(crate) mod progress_lines;
mod registry_auth;
mod relay;
mod request;
mod request_body;
mod routes;
mod stream;
mod time;
mod tls;
mod unread;
mod version;

pub use api::{Api, Appearance};
pub use listener::{DOCKER_SOCKET_FILE, HttpServer};
pub use version::{MAXIMUM, MINIMUM};
