//! What programs do with a volume, one file for each kind of request.

mod attributes;
mod create;
mod data;
mod dispatch;
mod extended;
mod link;
mod open;
mod permission;
mod read_directory;
mod remove;
mod rename;
mod respelling;
mod wait;

pub use dispatch::Answered;
pub use respelling::Callers;
