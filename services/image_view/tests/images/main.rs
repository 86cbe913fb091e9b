//! Images that the tests compose are opened, read, copied out, compared and checked.

mod check;
mod compose;
mod extract;
mod hostile;
mod registry;
mod sources;
mod view;
