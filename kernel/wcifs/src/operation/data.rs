//! Data: for kernels, or host file systems, that do not pass it through, and what never passes.

use crate::fuse::connection::MAX_DATA;
use crate::fuse::reply::Reply;
use crate::fuse::request::Body;
use crate::layer::SCRATCH;
use crate::volume::{Durability, Volume};
use rustix::fd::OwnedFd;
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

impl Volume {
    fn opened(&self, id: u64) -> Result<&OwnedFd, Errno> {
        self.node(id)?.open.as_ref().map(|open| &open.file).ok_or(Errno::BADF)
    }

    pub(super) fn read(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(8)?;
        let offset = body.u64()?;
        let size = body.u32()?.min(MAX_DATA) as usize;
        let file = self.opened(id)?;
        reply.filled(size, |buffer| {
            let mut done = 0;
            while done < buffer.len() {
                match rustix::io::pread(file, &mut buffer[done..], offset + done as u64)? {
                    0 => break,
                    count => done += count,
                }
            }
            Ok(done)
        })?;
        Ok(())
    }

    pub(super) fn write(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(8)?;
        let offset = body.u64()?;
        let size = body.u32()?;
        body.skip(20)?;
        let data = body.rest().get(..size as usize).ok_or(Errno::INVAL)?;
        let file = self.scratch_file(id).ok_or(Errno::BADF)?;
        let written = rustix::io::pwrite(file, data, offset)?;
        reply.u32(written as u32).u32(0);
        Ok(())
    }

    pub(super) fn sync_file(&mut self, id: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        body.skip(8)?;
        let only_data = body.u32()? & 1 != 0;
        if self.durability == Durability::Discarded {
            return Ok(());
        }
        match self.scratch_file(id) {
            Some(file) if only_data => rustix::fs::fdatasync(file),
            Some(file) => rustix::fs::fsync(file),
            // Nothing of a lower layer changes.
            None => Ok(()),
        }
    }

    pub(super) fn sync_directory(&mut self, id: u64) -> Result<(), Errno> {
        let node = self.node(id)?;
        if self.durability == Durability::Discarded || node.layer != SCRATCH {
            return Ok(());
        }
        rustix::fs::fsync(self.scratch().open_directory(&self.path(id)?)?)
    }

    pub(super) fn sync_all(&mut self) -> Result<(), Errno> {
        if self.durability == Durability::Discarded {
            return Ok(());
        }
        let directory = self.scratch().open_directory(b"")?;
        rustix::fs::syncfs(&directory)
    }

    pub(super) fn allocate(&mut self, id: u64, body: &mut Body<'_>) -> Result<(), Errno> {
        body.skip(8)?;
        let (offset, length) = (body.u64()?, body.u64()?);
        let mode = FallocateFlags::from_bits_retain(body.u32()?);
        let file = self.scratch_file(id).ok_or(Errno::BADF)?;
        rustix::fs::fallocate(file, mode, offset, length)
    }

    pub(super) fn seek(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(8)?;
        let offset = body.u64()?;
        let to = match body.u32()? {
            3 => SeekFrom::Data(offset),
            4 => SeekFrom::Hole(offset),
            _ => return Err(Errno::INVAL),
        };
        let at = rustix::fs::seek(self.opened(id)?, to)?;
        reply.u64(at);
        Ok(())
    }

    pub(super) fn copy_range(&mut self, id: u64, body: &mut Body<'_>, reply: &mut Reply) -> Result<(), Errno> {
        body.skip(8)?;
        let mut from = body.u64()?;
        let target = body.u64()?;
        body.skip(8)?;
        let mut to = body.u64()?;
        let length = body.u64()?.min(1 << 30) as usize;
        if self.node(target)?.layer != SCRATCH {
            return Err(Errno::BADF);
        }
        let (source, target) = (self.opened(id)?, self.opened(target)?);
        let copied = rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), length)?;
        reply.u32(copied as u32).u32(0);
        Ok(())
    }
}
