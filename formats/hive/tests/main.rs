//! Hives as a whole: round trips, layers, hostile files, logs, and what other programs make
//! of ours and we of theirs.

mod hostile;
mod layers;
mod logs;
mod readers;
mod registries;
mod round_trip;
