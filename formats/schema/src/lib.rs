//! Documents of the Host Compute System (HCS), schema 2.x, of the network services HNS and HCN, and their error codes,
//! named as Microsoft names them.
//!
//! Every type has the JSON name of the official schema (Microsoft, "HCS JSON schema reference", and the Go
//! declarations of microsoft/hcsshim). Members that hold their zero value are left out when written and take it
//! when absent, so a document round-trips. Members that are unknown are ignored, as newer schema versions add some.

#![forbid(unsafe_code)]

pub mod compute_system;
pub mod container;
pub mod credential_guard;
pub mod device_extension;
pub mod error;
pub mod guest;
pub mod guid;
pub mod hcn;
pub mod hns;
pub mod host_processor;
pub mod hv_socket;
pub mod json;
pub mod migration;
pub mod modify;
pub mod network;
pub mod operation;
pub mod process;
pub mod properties;
pub mod registry;
pub mod result;
pub mod statistics;
pub mod storage;
pub mod validate;
pub mod version;
pub mod virtual_machine;

pub use compute_system::{ComputeSystem, HostedSystem};
pub use error::{HResult, HcsError, Win32Error};
pub use guid::Guid;
pub use json::{DocumentError, from_json, to_json};
pub use result::ResultDocument;
pub use validate::ValidationError;
pub use version::Version;
