//! Why a hive is refused.

use thiserror::Error;

/// The failure to read, recover or write a hive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HiveError {
    /// The base block is not that of a hive that can be read.
    #[error("no registry hive: {0}")]
    NotAHive(&'static str),
    /// A bin's header is damaged.
    #[error("registry hive: the bin at {offset:#x} {why}")]
    BadBin {
        /// Where it begins, from the first bin.
        offset: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A cell is damaged, or something points to it that must not.
    #[error("registry hive: the cell at {offset:#x} {why}")]
    BadCell {
        /// Where it begins, from the first bin.
        offset: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two keys, or two values of a key, differ in case only.
    #[error("registry hive: \"{name}\" is there twice in one key")]
    Twice {
        /// The name.
        name: String,
    },
    /// One of the [limits](crate::limits) was passed.
    #[error("registry hive: {0}")]
    TooLarge(&'static str),
    /// A key or value that a hive cannot hold.
    #[error("registry hive: \"{name}\" cannot be written: {why}")]
    Unwritable {
        /// The name of the key or value.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
