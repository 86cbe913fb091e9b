//! What POSIX asks of a file system, as far as a volume of Windows has it. CONFORMANCE.md says which parts of pjdfstest and
//! xfstests these stand for, and which are left out.

mod attributes;
mod content;
mod listing;
pub mod permissions;
mod refusals;
mod times;

use rustix::fs::{Nsecs, Timestamps};
use rustix::io::Errno;

/// The result of a call of the standard library as those of `rustix` are.
fn os<T>(result: std::io::Result<T>) -> Result<T, Errno> {
    result.map_err(|e| Errno::from_io_error(&e).unwrap())
}

/// The start of 1970 and these nanoseconds, or what `utimensat` has them mean.
fn both_times(nanoseconds: Nsecs) -> Timestamps {
    let time = rustix::fs::Timespec { tv_sec: 0, tv_nsec: nanoseconds };
    Timestamps { last_access: time, last_modification: time }
}

fn now() -> Timestamps {
    both_times(rustix::fs::UTIME_NOW)
}
