//! What a user of `casement` can rely on, held by real programs in real containers. One module per topic.

mod builds;
mod command_lines;
mod console;
mod directories;
mod doctor;
mod environment;
mod exec;
mod exit_codes;
mod hostile;
mod lifecycle;
mod limits;
mod names;
mod programs;
mod refusals;
mod storage;
mod streams;
mod users;
mod versions;
mod volume;
