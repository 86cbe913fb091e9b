//! Hives as a whole: round trips, layers, hostile files and logs.

mod hostile;
mod layers;
mod logs;
mod registries;
mod round_trip;
