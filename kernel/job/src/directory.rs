//! One directory of a control group tree, reached by descriptor: its files are read and written by name only.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, openat},
    io::{Errno, read, retry_on_intr, write},
};

use crate::JobError;

/// No file that is read here comes near this size; reading stops there, in bytes.
const MAX_FILE_SIZE: usize = 4 << 20;

/// An open directory and the path it was opened by (for messages only).
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens `path`, which may lead through symbolic links: mount points of the host.
    pub fn open(path: &Path) -> Result<Self, JobError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(JobError::io("open", path))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a directory below this one; `None` when it is not there.
    pub fn below(&self, relative: &str) -> Result<Option<Self>, JobError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match openat(&self.fd, relative, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: self.path.join(relative) })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(JobError::io("open", self.path.join(relative))(error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens a file to read it, and to wait for its changes.
    pub fn open_file(&self, file: &str) -> Result<OwnedFd, JobError> {
        openat(&self.fd, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(JobError::io("open", self.path.join(file)))
    }

    /// The whole text of a file.
    pub fn read(&self, file: &str) -> Result<String, JobError> {
        let fd = self.open_file(file)?;
        let mut text = Vec::new();
        let mut block = [0u8; 4096];
        while text.len() < MAX_FILE_SIZE {
            let count =
                retry_on_intr(|| read(&fd, &mut block[..])).map_err(JobError::io("read", self.path.join(file)))?;
            if count == 0 {
                break;
            }
            text.extend_from_slice(&block[..count]);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Writes a file in one call, as the kernel wants it.
    pub fn write(&self, file: &str, value: &str) -> Result<(), JobError> {
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC;
        let written =
            openat(&self.fd, file, flags, Mode::empty()).and_then(|fd| retry_on_intr(|| write(&fd, value.as_bytes())));
        match written {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(JobError::Io { action: "write", path: self.path.join(file), source: io::Error::from(error) })
            }
        }
    }

    /// Writes a file when the kernel has it; says whether it has.
    pub fn write_if_there(&self, file: &str, value: &str) -> Result<bool, JobError> {
        match self.write(file, value) {
            Err(error) if is(&error, Errno::NOENT) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// The text of a file, or nothing when the kernel does not have it.
    pub fn read_if_there(&self, file: &str) -> Result<Option<String>, JobError> {
        match self.read(file) {
            // NODEV: the group was removed while it is open here. OPNOTSUPP: the file does not apply to the group.
            Err(error) if [Errno::NOENT, Errno::NODEV, Errno::OPNOTSUPP].iter().any(|code| is(&error, *code)) => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// A file that holds one number; `None` when it is not there or says `max`.
    pub fn number(&self, file: &str) -> Result<Option<u64>, JobError> {
        Ok(self.read_if_there(file)?.and_then(|text| text.trim().parse().ok()))
    }
}

/// Whether an error is that code of the kernel.
pub(crate) fn is(error: &JobError, code: Errno) -> bool {
    error.os_error() == Some(code.raw_os_error())
}

/// The value behind `key` in a file of `key value` lines.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        if name == key { value.trim().parse().ok() } else { None }
    })
}
