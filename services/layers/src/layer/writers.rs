//! Threads that write the files of a layer.

use super::data_streams::Stream;
use super::ntfs::{self, On};
use super::unpack::Failure;
use crate::error::LayersError;
use casement_layer_tar::{LayerPath, Metadata, attribute};
use casement_wcifs::metadata::Place;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// One that writes while the other waits for the disk.
const THREADS: usize = 2;
/// Files that are handed over and not written yet.
const QUEUE: usize = 32;
/// Unit of what is written, and of holes.
const PIECE: usize = 64 << 10;
/// Unit of what is written of large files.
pub(super) const LARGE_PIECE: usize = 512 << 10;

/// The content of a file, in a buffer that was in use before and may be longer.
#[derive(Default)]
pub(super) struct Content {
    buffer: Vec<u8>,
    length: usize,
}

impl Content {
    /// Fills it with `length` bytes.
    pub(super) fn fill(&mut self, from: &mut impl Read, length: usize) -> io::Result<()> {
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        self.length = length;
        from.read_exact(&mut self.buffer[..length])
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// A file that is to be made.
pub(super) struct NewFile {
    pub(super) parent: Arc<OwnedFd>,
    pub(super) name: String,
    pub(super) metadata: Metadata,
    pub(super) content: Content,
    pub(super) streams: Vec<(String, Stream)>,
}

impl NewFile {
    fn write(&self) -> Result<(), Failure> {
        self.make(|file| match self.is_sparse() {
            true => write_sparse(file, &mut self.content.bytes(), self.content.length as u64),
            false => file.write_all(self.content.bytes()),
        })
    }

    /// Writes the file with `size` bytes of `content`, which go through `piece`.
    pub(super) fn write_from(&self, content: &mut impl Read, size: u64, piece: &mut [u8]) -> Result<(), Failure> {
        self.make(|file| match self.is_sparse() {
            true => write_sparse(file, content, size),
            false => write_all_of(file, content, size, piece),
        })
    }

    fn is_sparse(&self) -> bool {
        self.metadata.attributes & attribute::SPARSE_FILE != 0
    }

    fn make(&self, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Failure> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = ntfs::file_mode(&self.metadata);
        let mut file = File::from(rustix::fs::openat(&*self.parent, self.name.as_str(), flags, mode)?);
        fill(&mut file)?;
        let place = Place::File(&file);
        ntfs::write(&place, &self.metadata, On::File)?;
        for (name, stream) in &self.streams {
            stream.keep(name, &place)?;
        }
        Ok(rustix::fs::futimens(&file, &ntfs::times(&self.metadata))?)
    }
}

fn write_all_of(file: &mut File, content: &mut impl Read, size: u64, piece: &mut [u8]) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        let wanted = left.min(piece.len() as u64) as usize;
        content.read_exact(&mut piece[..wanted])?;
        file.write_all(&piece[..wanted])?;
        left -= wanted as u64;
    }
    Ok(())
}

/// Archives have the holes of sparse files as zeroes; here they are holes again.
fn write_sparse(file: &mut File, content: &mut impl Read, size: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut left = size;
    while left > 0 {
        let wanted = left.min(PIECE as u64) as usize;
        content.read_exact(&mut piece[..wanted])?;
        match piece[..wanted].iter().all(|byte| *byte == 0) {
            true => drop(file.seek(SeekFrom::Current(wanted as i64))?),
            false => file.write_all(&piece[..wanted])?,
        }
        left -= wanted as u64;
    }
    file.set_len(size)
}

type Job = (LayerPath, NewFile);

/// The threads.
pub(super) struct Writers<'a> {
    jobs: SyncSender<Job>,
    /// Buffers that were written and can be filled again.
    spare: Mutex<Receiver<Vec<u8>>>,
    threads: Vec<ScopedJoinHandle<'a, Result<(), LayersError>>>,
}

impl<'a> Writers<'a> {
    pub(super) fn start<'b>(scope: &'a Scope<'a, 'b>) -> Self {
        let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE);
        let (back, spare) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..THREADS).map(|_| {
            let (queue, back) = (queue.clone(), back.clone());
            scope.spawn(move || write_all(&queue, &back))
        });
        Self { jobs, spare: Mutex::new(spare), threads: threads.collect() }
    }

    /// Room for the content of a file.
    pub(super) fn room(&self) -> Content {
        let buffer = self.spare.lock().unwrap_or_else(PoisonError::into_inner).try_recv().unwrap_or_default();
        Content { buffer, length: 0 }
    }

    /// Hands a file over. When all threads have failed this fails, too; [`Writers::finish`] says why.
    pub(super) fn write(&self, path: LayerPath, file: NewFile) -> Result<(), LayersError> {
        let gone = |_| LayersError::damaged("layer", "it cannot be written");
        self.jobs.send((path, file)).map_err(gone)
    }

    /// Waits until all is written.
    pub(super) fn finish(self) -> Result<(), LayersError> {
        drop(self.jobs);
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(LayersError::damaged("layer", "a writer panicked")));
            result = result.and(ended);
        }
        result
    }
}

/// Ends at the first file that cannot be written; the other threads go on with what there is, and the sender hears of it at the end.
fn write_all(queue: &Mutex<Receiver<Job>>, back: &mpsc::Sender<Vec<u8>>) -> Result<(), LayersError> {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((path, mut file)) = next else { return Ok(()) };
        file.write().map_err(|e| e.about(&path))?;
        // Nobody takes it any more at the end.
        let _ = back.send(std::mem::take(&mut file.content.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeroes_become_holes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut content = vec![0u8; 5 << 20];
        content[3 << 20] = 7;
        let mut file = File::create(&path).unwrap();
        write_sparse(&mut file, &mut &content[..], content.len() as u64).unwrap();
        assert!(std::fs::read(&path).unwrap() == content);
        assert!(std::fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20);
        assert!(write_sparse(&mut file, &mut &content[..10], 11).is_err());
    }
}
