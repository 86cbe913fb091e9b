//! The raw Linux call that has no safe wrapper.
#![allow(unsafe_code)]

use std::io;

/// Moves the calling thread into a new network namespace.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: only the calling thread's network namespace changes; no descriptor table or memory is unshared.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
