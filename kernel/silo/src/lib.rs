//! Server silos: the namespaces, mounts, identities, capabilities and system call filters that stand in for
//! the silo objects of the NT kernel.
//!
//! Everything here runs in a process with a single thread (the silo host): it clones.

pub mod disk;
mod errand;
mod error;
pub mod identity;
pub mod launch;
pub mod linux;
pub mod mount;
pub mod root;
mod seccomp;

pub use errand::Errand;
pub use error::{Context, SiloError};
pub use identity::IdRange;
pub use launch::{Launch, Silo};
pub use seccomp::Filter;

/// An error and its causes on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
