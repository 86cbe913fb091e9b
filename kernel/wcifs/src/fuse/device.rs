//! `/dev/fuse` and its two control calls.
#![allow(unsafe_code)]

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{self, Opcode};

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
pub struct Device(OwnedFd);

impl Device {
    /// An end that is not connected to a mount yet.
    pub fn open() -> Result<Self, Errno> {
        rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).map(Self)
    }

    /// Puts `/dev/null` in the place of this end.
    pub fn close(&mut self) -> Result<(), Errno> {
        let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::dup3(&nothing, &mut self.0, rustix::io::DupFlags::CLOEXEC)
    }

    /// The next request; waits for it. `ENODEV`: the volume is no longer mounted.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            let mut events = [PollFd::new(self, PollFlags::IN)];
            match rustix::event::poll(&mut events, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
            if let Some(length) = self.try_read(buffer)? {
                return Ok(length);
            }
        }
    }

    /// The next request, if there is one.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        match rustix::io::read(&self.0, buffer) {
            Ok(length) => Ok(Some(length)),
            // None, or it was interrupted before it was read.
            Err(Errno::AGAIN | Errno::INTR | Errno::NOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes an answer or a notice. `ENOENT`: nobody waits for it any more.
    pub fn write(&self, message: &[u8]) -> Result<(), Errno> {
        match rustix::io::write(&self.0, message) {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Lets the kernel read and write `file` directly for files that are opened with the number returned.
    pub fn open_backing(&self, file: BorrowedFd<'_>) -> Result<i32, Errno> {
        let map = BackingMap { fd: file.as_raw_fd(), flags: 0, padding: 0 };
        // SAFETY: the kernel reads one `fuse_backing_map` and answers with a number, which is what `Numbered` expects.
        unsafe { ioctl::ioctl(&self.0, Numbered::<BACKING_OPEN, BackingMap>(map)) }
    }

    /// Gives back a number of [`Device::open_backing`]; files that are open keep their backing file.
    pub fn close_backing(&self, number: i32) {
        // SAFETY: the kernel reads one `uint32_t`.
        let closed = unsafe { ioctl::ioctl(&self.0, Numbered::<BACKING_CLOSE, u32>(number as u32)) };
        if let Err(error) = closed {
            tracing::debug!(%error, number, "a backing file was not known");
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
