//! Pulls against a registry of the tests' own on loopback, which counts what it is asked for and breaks what it is told to.

mod bases;
mod hostile;
mod images;
mod layouts;
mod pulls;
mod server;
mod setting;
