//! How much of what was sent to a client it has not read yet.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `TIOCOUTQ`, `SIOCOUTQ` for sockets: of a unix socket, what the peer has not read; of a TCP socket, what it has not
/// acknowledged (unix(7), tcp(7)).
const OUT_QUEUE: Opcode = 0x5411;

/// Bytes that are still on their way, with the kernel's own bookkeeping; 0 when all was read.
pub(super) fn unread(socket: impl AsFd) -> rustix::io::Result<c_int> {
    // SAFETY: the call writes one int, for which the getter has room, and changes nothing.
    unsafe { ioctl(socket, Getter::<OUT_QUEUE, c_int>::new()) }
}
