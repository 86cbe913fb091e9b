//! The harness of the suites: a host with a daemon of its own, commands with a time limit, terminals, and a look at what is left over.
//!
//! ```no_run
//! let host = casement_tests::Host::start();
//! let output = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "ver"]).succeeded();
//! assert!(output.stdout.contains("Microsoft Windows"));
//! ```
//!
//! The runtime and the base images are made once, by `test.sh`, in the root that `CASEMENT_TEST_ROOT` names; every [`Host`] gets
//! them by hard links. The test programs are in the directory that `CASEMENT_TEST_PROGRAMS` names.

pub mod background;
pub mod deadline;
mod docker;
pub mod host;
mod leftovers;
pub mod network;
pub mod output;
pub mod places;
pub mod process;
pub mod registry;
pub mod terminal;
pub mod tracer;
pub mod unix_images;

pub use background::Background;
pub use host::Host;
pub use network::Network;
pub use output::Output;
pub use registry::Registry;
pub use terminal::Terminal;
