//! Attacks on the host and on other containers, from inside a container and through the command line. Each test carries the id of
//! the attack that it holds off (R: set-up of the silo, W: the silo and Wine) and the promise in its name.
//!
//! A Windows program can issue Linux system calls as it likes; `rawsys.exe` and `linux.exe` of `tests/programs` do.

mod attacker;
mod files;
mod identity;
mod lifetime;
mod neighbours;
mod processes;
mod setup;
mod system_calls;
mod volume;
mod windows_paths;
