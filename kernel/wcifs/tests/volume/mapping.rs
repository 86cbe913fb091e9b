//! Files mapped into memory.
#![allow(unsafe_code)]

use rustix::fd::AsFd;
use rustix::mm::{MapFlags, MsyncFlags, ProtFlags, mmap, msync, munmap};

/// A shared mapping of the start of a file.
pub struct Mapping {
    start: *mut std::ffi::c_void,
    length: usize,
}

impl Mapping {
    pub fn new(file: &impl AsFd, length: usize) -> Self {
        Self::with(file, length, ProtFlags::READ)
    }

    pub fn writable(file: &impl AsFd, length: usize) -> Self {
        Self::with(file, length, ProtFlags::READ | ProtFlags::WRITE)
    }

    fn with(file: &impl AsFd, length: usize, protection: ProtFlags) -> Self {
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, file, 0) }.unwrap();
        Self { start, length }
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is as long, and goes with this value.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }

    /// Changes bytes, and waits until the file has them.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.length);
        // SAFETY: within the mapping, which is writable; whoever else maps the file is prepared for changes.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.cast::<u8>().add(offset), bytes.len());
            msync(self.start, self.length, MsyncFlags::SYNC).unwrap();
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping.
        unsafe { munmap(self.start, self.length) }.unwrap();
    }
}
