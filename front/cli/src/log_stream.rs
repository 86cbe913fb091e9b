//! Showing a log: each entry on the stream it came from, and on and on while the container runs.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use casement_engine::log::{LOG_FILE, LogEntry, LogReader, LogStream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use crate::silo::{Silo, Target};

/// How entries are shown.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// With the time in front.
    pub timestamps: bool,
    /// They come from a console: everything goes to standard output.
    pub console: bool,
}

/// Shows the log as it is now; `last` is how many entries, `None` means all.
///
/// # Errors
/// When the log cannot be read.
pub fn show(directory: &Path, last: Option<u64>, shape: Shape) -> Result<()> {
    let Some(mut reader) = open(directory, last)? else { return Ok(()) };
    drain(&mut reader, shape).map(drop)
}

/// Shows the log until the container has ended.
///
/// # Errors
/// When the log cannot be read or watched.
pub fn follow(directory: &Path, id: &str, last: Option<u64>, shape: Shape) -> Result<()> {
    let watch =
        inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).context("cannot watch files")?;
    // Watched before it is read: what comes in between is not missed.
    let watched = inotify::add_watch(&watch, directory.join(LOG_FILE), inotify::WatchFlags::MODIFY);
    let Some(mut reader) = open(directory, last)? else { return Ok(()) };
    watched.context("cannot watch the log")?;
    let ended = end_of(directory, id)?;
    loop {
        if drain(&mut reader, shape)? == Reader::Gone {
            return Ok(());
        }
        let mut polled = [PollFd::new(&watch, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(io::Error::from(errno)).context("cannot wait for the log"),
        }
        let over = !polled[1].revents().is_empty();
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut space);
        while events.next().is_ok() {}
        if over {
            drain(&mut reader, shape)?;
            return Ok(());
        }
    }
}

/// A pipe that is closed when the container has ended.
fn end_of(directory: &Path, id: &str) -> Result<io::PipeReader> {
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    // Without a silo host the container has ended already.
    if let Ok(silo) = Silo::connect(directory, id).map(Arc::new) {
        let waiting = std::thread::Builder::new().name("end".to_owned()).spawn(move || {
            let _writer = writer;
            // However the wait ends, the container is no more.
            let _ = silo.wait(Target::Main);
        });
        waiting.context("cannot wait for the end")?;
    }
    Ok(reader)
}

fn open(directory: &Path, last: Option<u64>) -> Result<Option<LogReader>> {
    let Some(mut reader) = LogReader::open(directory).context("cannot open the log")? else { return Ok(None) };
    if let Some(count) = last {
        reader.seek_tail(count).context("cannot find the last entries")?;
    }
    Ok(Some(reader))
}

/// Whether anyone reads what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

fn drain(reader: &mut LogReader, shape: Shape) -> Result<Reader> {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    while let Some(entry) = reader.next_entry().context("cannot read the log")? {
        let written = match entry.stream {
            LogStream::Stderr if !shape.console => write_entry(&mut stderr, &entry, shape),
            _ => write_entry(&mut stdout, &entry, shape),
        };
        if written.is_err() {
            return Ok(Reader::Gone);
        }
    }
    Ok(if stdout.flush().is_ok() { Reader::There } else { Reader::Gone })
}

fn write_entry(to: &mut impl Write, entry: &LogEntry, shape: Shape) -> io::Result<()> {
    if shape.timestamps {
        write!(to, "{} ", entry.time)?;
    }
    to.write_all(entry.log.as_bytes())
}
