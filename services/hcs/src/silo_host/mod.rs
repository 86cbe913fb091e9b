//! The silo host: one small process beside each compute system. It owns the silo's mounts, the main process's
//! streams, the log and the exit code, and outlives the daemon.
//!
//! One loop, and one thread until the silo was cloned; from then on a second one serves volume `C:`.

mod assemble;
mod host;
pub mod log;
mod requests;
mod statistics;
mod stdio;
pub mod volume;

pub(crate) use host::ports_of;
pub use stdio::Pipes;

use crate::error::ComputeError;
use crate::spec::{SiloSpec, file, read_json};
use casement_gcs::Endpoint;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Runs the silo host of the compute system in `directory` until that system has ended. `agent` is the guest
/// agent's program file.
///
/// Standard input is the first connection, a socket; standard output is the open lock file.
pub fn main(directory: &Path, agent: &Path) -> Result<(), ComputeError> {
    let (leash, lock) = inherited_descriptors().map_err(|e| ComputeError::file("take over", directory, e))?;
    let broken = |source| ComputeError::Bridge { peer: "the daemon".to_owned(), source };
    let leash = Endpoint::new(leash).map_err(broken)?;
    let spec_file = directory.join(file::SPEC);
    let spec: SiloSpec = read_json(&spec_file).map_err(|e| ComputeError::file("read", &spec_file, e))?;
    let _span = tracing::info_span!("silo", id = %spec.id).entered();
    let listener = listen(directory).map_err(|e| ComputeError::file("listen in", directory, e))?;
    let (bridge, agents_end) = UnixStream::pair().map_err(broken)?;
    let assembled = assemble::assemble(&spec, directory, agent, std::os::fd::AsFd::as_fd(&agents_end));
    drop(agents_end);
    let bridge = Endpoint::new(bridge).map_err(broken)?;
    let result = match assembled {
        Ok(assembled) => host::Host::new(spec, directory, leash, listener, bridge, assembled)?.run(),
        Err(e) => {
            requests::refuse_all(leash, &e);
            Err(e)
        }
    };
    drop(lock);
    result
}

fn inherited_descriptors() -> std::io::Result<(UnixStream, OwnedFd)> {
    use rustix::fs::{Mode, OFlags};
    let leash = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let lock = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok((leash.into(), lock))
}

/// A socket in `directory`, whose path may be longer than a socket address can hold.
fn listen(directory: &Path) -> std::io::Result<UnixListener> {
    let directory = std::fs::File::open(directory)?;
    let short = format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), file::SOCKET);
    let listener = UnixListener::bind(short)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
