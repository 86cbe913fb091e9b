//! `/dev/fuse` and its two control calls.
#![allow(unsafe_code)]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{self, Opcode};
use std::sync::atomic::{AtomicBool, Ordering};

/// `FUSE_DEV_IOC_BACKING_OPEN`, `_IOW(229, 1, struct fuse_backing_map)`.
const BACKING_OPEN: Opcode = ioctl::opcode::write::<BackingMap>(229, 1);
/// `FUSE_DEV_IOC_BACKING_CLOSE`, `_IOW(229, 2, uint32_t)`.
const BACKING_CLOSE: Opcode = ioctl::opcode::write::<u32>(229, 2);

/// `struct fuse_backing_map`.
#[repr(C)]
#[derive(Clone, Copy)]
struct BackingMap {
    fd: i32,
    flags: u32,
    padding: u64,
}

/// The server's end of a mount.
#[derive(Debug)]
pub struct Device {
    file: OwnedFd,
    /// Whether reading it waits for a request.
    waits: AtomicBool,
}

impl Device {
    /// An end that is not connected to a mount yet.
    pub fn open() -> Result<Self, Errno> {
        let file = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
        Ok(Self { file, waits: AtomicBool::new(false) })
    }

    /// Puts `/dev/null` in the place of this end.
    pub fn close(&mut self) -> Result<(), Errno> {
        let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::dup3(&nothing, &mut self.file, rustix::io::DupFlags::CLOEXEC)
    }

    /// The next request; waits for it. `ENODEV`: the volume is no longer mounted.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            if let Some(length) = self.read_once(buffer, true)? {
                return Ok(length);
            }
        }
    }

    /// The next request, if there is one.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        self.read_once(buffer, false)
    }

    fn read_once(&self, buffer: &mut [u8], wait: bool) -> Result<Option<usize>, Errno> {
        // Reading that waits takes one call for a request, where `poll` and reading are two.
        if self.waits.swap(wait, Ordering::Relaxed) != wait {
            rustix::io::ioctl_fionbio(&self.file, !wait)?;
        }
        match rustix::io::read(&self.file, buffer) {
            Ok(length) => Ok(Some(length)),
            // It was just unmounted, or somebody has cut the connection (`/sys/fs/fuse/connections/N/abort`).
            Err(Errno::CONNABORTED) => Err(Errno::NODEV),
            // None, or it was interrupted before it was read.
            Err(Errno::AGAIN | Errno::INTR | Errno::NOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes an answer or a notice. `ENOENT`: nobody waits for it any more.
    pub fn write(&self, message: &[u8]) -> Result<(), Errno> {
        match rustix::io::write(&self.file, message) {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Lets the kernel read and write `file` directly for files that are opened with the number returned.
    pub fn open_backing(&self, file: BorrowedFd<'_>) -> Result<i32, Errno> {
        let map = BackingMap { fd: file.as_raw_fd(), flags: 0, padding: 0 };
        // SAFETY: the kernel reads one `fuse_backing_map` and answers with a number, which is what `Numbered` expects.
        unsafe { ioctl::ioctl(&self.file, Numbered::<BACKING_OPEN, BackingMap>(map)) }
    }

    /// Gives back a number of [`Device::open_backing`]; files that are open keep their backing file.
    pub fn close_backing(&self, number: i32) {
        // SAFETY: the kernel reads one `uint32_t`.
        let closed = unsafe { ioctl::ioctl(&self.file, Numbered::<BACKING_CLOSE, u32>(number as u32)) };
        if let Err(error) = closed {
            tracing::debug!(%error, number, "a backing file was not known");
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A control call that takes a pointer to a `T` and whose result is the number that the call returns.
struct Numbered<const CODE: Opcode, T>(T);

// SAFETY: `CODE` is one of the two calls above, whose argument is a `T`; neither writes to it.
unsafe impl<const CODE: Opcode, T> ioctl::Ioctl for Numbered<CODE, T> {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        CODE
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(&mut self.0).cast()
    }

    unsafe fn output_from_ptr(result: ioctl::IoctlOutput, _: *mut std::ffi::c_void) -> Result<i32, Errno> {
        Ok(result)
    }
}
