//! Registry hives (`regf`): reads and writes them, replays the logs of dirty ones, and knows the layered keys of
//! differencing hives: merges a chain of layers, and makes the difference of two registries. `FORMAT.md` beside this
//! crate describes the format and where each fact comes from.
//!
//! [`Hive::read`] gives a [`Tree`] of keys, which is changed in memory and written as a whole by [`Hive::write`].

#![forbid(unsafe_code)]

mod base_block;
mod big_data;
mod bins;
mod cells;
mod diff;
mod dump;
mod error;
mod field;
mod key_node;
pub mod limits;
mod list;
mod log;
mod merge;
mod name;
mod read;
mod security;
mod time;
mod tree;
pub mod value;
mod value_node;
mod write;

pub use base_block::{BaseBlock, Minor};
pub use diff::{Times, diff};
pub use dump::dump;
pub use error::HiveError;
pub use log::recover;
pub use merge::{compose, flatten, merge};
pub use name::Name;
pub use security::Security;
pub use time::NtTime;
pub use tree::{Entry, Flags, Key, Layer, Semantics, Tree};
pub use value::Value;

/// A hive: the registry tree and what else its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hive {
    /// The keys.
    pub tree: Tree,
    /// The fields of the base block.
    pub base: BaseBlock,
}
