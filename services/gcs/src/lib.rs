//! The bridge of the guest compute service (GCS): framing, message types, payloads and descriptor passing.
//!
//! The protocol is the one between the host's compute service and the guest agent of a utility VM, as the open guest
//! of microsoft/hcsshim speaks it (protocol version 4). Here it also connects clients to a silo host and a silo host
//! to its agent, over Unix sockets, where a message may carry the descriptors of a process's standard streams.

#![forbid(unsafe_code)]

pub mod client;
pub mod descriptors;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod message;
pub mod payload;

pub use client::Client;
pub use endpoint::Endpoint;
pub use error::GcsError;
pub use frame::{Frame, FrameError, FrameReader, MAX_MESSAGE};
pub use message::{Message, MessageKind, MessageType};
