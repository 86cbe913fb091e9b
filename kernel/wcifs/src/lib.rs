//! The union file system of volume `C:`: read-only layers under a scratch, case-insensitive and case-preserving by the
//! rules of NTFS, served over FUSE with data passed through by the kernel. What `wcifs.sys` is on Windows.
//!
//! [`MountPlan`] says what is in a volume; [`MountPlan::mount`] gives a [`Session`] that serves it. README.md has the
//! design, FORMAT.md what is on disk.

mod attributes;
mod changes;
mod copy_up;
mod directory;
mod error;
mod fuse;
mod layer;
mod lease;
mod merge;
pub mod metadata;
mod mount;
mod mount_table;
mod name;
mod node;
mod operation;
mod polling;
mod session;
mod thread_files;
pub mod upcase;
mod volume;

pub use changes::{Change, ChangeKind, changes};
pub use error::WcifsError;
pub use layer::MAX_LAYERS;
pub use mount::MountPlan;
pub use mount_table::{FILE_SYSTEM, MountPoint, mount_points};
pub use session::{Serving, Session};
pub use volume::Durability;
