//! Files with a file system in them, mounted by way of a loop device that vanishes with its last user: also when every process
//! that knows of it is killed.
#![allow(unsafe_code)]

use crate::error::{Context, SiloError};
use crate::mount::{DetachedMount, Restrictions};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;

/// `LOOP_CTL_GET_FREE` of `linux/loop.h`.
const GET_FREE: libc::c_ulong = 0x4c82;
/// `LOOP_CONFIGURE` (Linux 5.8).
const CONFIGURE: libc::c_ulong = 0x4c0a;
/// `LO_FLAGS_AUTOCLEAR`: gone with the last user.
const AUTO_CLEAR: u32 = 4;
/// How often others may take the device that was found free.
const ATTEMPTS: usize = 1000;

/// `struct loop_info64`.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    raw_device: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encryption: u32,
    key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    key: [u8; 32],
    initial: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// Mounts the ext4 file system in the file `image` on the directory `target`, as data, in this process's own mount namespace.
///
/// # Errors
/// When there is no loop device to be had, or the file is damaged.
pub fn mount(image: &Path, target: &Path) -> Result<(), SiloError> {
    let shown = image.to_string_lossy();
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(image, flags, Mode::empty()).during("open", &shown)?;
    let (device, name) = attach(&file).during("attach to a loop device", &shown)?;
    // The tables of inodes of a new file system are holes of the file: nothing need be written to them.
    let mounted = DetachedMount::new("ext4", &[("source", &name), ("noinit_itable", "")])?;
    mounted.restrict(Restrictions::DATA)?.attach(target)?;
    drop(device);
    Ok(())
}

/// A loop device for `file` and its name. Without a mount it is free again when the descriptor is closed.
fn attach(file: &OwnedFd) -> rustix::io::Result<(OwnedFd, String)> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let control = rustix::fs::open("/dev/loop-control", flags, Mode::empty())?;
    for _ in 0..ATTEMPTS {
        let number = control_call(&control, GET_FREE, std::ptr::null_mut())?;
        let name = format!("/dev/loop{number}");
        let device = match rustix::fs::open(&name, flags, Mode::empty()) {
            // Another one took it, and may have given it up already.
            Err(Errno::NXIO | Errno::BUSY) => continue,
            other => other?,
        };
        match configure(&device, std::os::fd::AsFd::as_fd(file)) {
            Err(Errno::BUSY) => {}
            other => return other.map(|()| (device, name)),
        }
    }
    Err(Errno::BUSY)
}

fn configure(device: &OwnedFd, file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    // SAFETY: plain data for which all zeroes is valid.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = file.as_raw_fd() as u32;
    config.info.flags = AUTO_CLEAR;
    control_call(device, CONFIGURE, (&raw mut config).cast()).map(drop)
}

fn control_call(fd: &OwnedFd, code: libc::c_ulong, argument: *mut libc::c_void) -> rustix::io::Result<i32> {
    // SAFETY: of the two calls one takes no argument and the other a `loop_config`, which it only reads.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), code, argument) };
    if result < 0 {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    } else {
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_reads_the_sizes_of_its_header() {
        assert_eq!(size_of::<LoopInfo>(), 232);
        assert_eq!(size_of::<LoopConfig>(), 304);
    }
}
