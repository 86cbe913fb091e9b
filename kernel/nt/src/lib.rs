//! The NT personality: what programs take for Windows. Here are the Wine runtime that stands in for the NT
//! kernel, its registry text, and the rules of command lines, environments, paths and versions.

pub mod command_line;
pub mod digest;
pub mod environment;
pub mod hives;
pub mod path;
pub mod progress;
pub mod registry;
pub mod runtime;
pub mod version;

pub use path::{NtPath, PathError};
pub use progress::Progress;
pub use runtime::{Runtime, RuntimeBuilder, RuntimeError, RuntimeInfo};
pub use version::{Tag, WindowsBuild};
