//! Tables of the packet filter (nf_tables) over nfnetlink: description, atomic change, comparison.

pub(crate) mod build;
pub(crate) mod dump;
pub(crate) mod expression;
mod format;
pub(crate) mod table;
pub(crate) mod transaction;
