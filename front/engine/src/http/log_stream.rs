//! A container's log as a client wants to see it: which entries, in which form, now or on and on.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::error::{ApiError, Outcome};
use super::frame::{FrameStream, frame};
use super::request::Query;
use super::stream::Pieces;
use crate::log::{LogEntry, LogReader, LogStream};

/// Bytes that are put together before they are sent.
const BATCH_BYTES: usize = 64 << 10;

/// What a client wants of a log.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    /// The last so many entries; `None` is all.
    pub(super) tail: Option<u64>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) timestamps: bool,
    pub(super) details: bool,
    /// Whether each entry is a frame.
    pub(super) framed: bool,
}

impl Selection {
    /// Reads a query.
    ///
    /// # Errors
    /// 400 for a stream or a time that is not valid.
    pub(super) fn parse(query: &Query, framed: bool) -> Outcome<Self> {
        let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
        if !stdout && !stderr {
            return Err(ApiError::bad_request("Bad parameters: you must choose at least one stream"));
        }
        Ok(Self {
            stdout,
            stderr,
            // Anything that is no number means all, as in Docker.
            tail: query.text("tail").and_then(|tail| tail.parse().ok()),
            since: moment(query, "since")?,
            until: moment(query, "until")?,
            timestamps: query.flag("timestamps"),
            details: query.flag("details"),
            framed,
        })
    }

    /// Everything, as attach with `logs=1` shows it.
    pub(super) fn everything(stdout: bool, stderr: bool, framed: bool) -> Self {
        let (tail, since, until) = (None, None, None);
        Self { stdout, stderr, tail, since, until, timestamps: false, details: false, framed }
    }

    fn render(&self, entry: &LogEntry, time: Timestamp, to: &mut BytesMut) {
        let mut text = String::with_capacity(entry.log.len() + 64);
        if self.timestamps {
            text.push_str(&format!("{time:.9} "));
        }
        if self.details {
            let details: Vec<_> = entry.attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text.push_str(&details.join(","));
            text.push(' ');
        }
        text.push_str(&entry.log);
        let stream = match entry.stream {
            LogStream::Stdout => FrameStream::Stdout,
            LogStream::Stderr => FrameStream::Stderr,
        };
        if self.framed {
            to.extend_from_slice(&frame(stream, text.as_bytes()));
        } else {
            to.extend_from_slice(text.as_bytes());
        }
    }
}

/// A time: seconds since the epoch with a fraction, or RFC 3339. Zero and nothing mean no bound.
fn moment(query: &Query, name: &str) -> Outcome<Option<Timestamp>> {
    let Some(text) = query.text(name).filter(|text| !matches!(*text, "" | "0")) else { return Ok(None) };
    let parsed = seconds(text).or_else(|| text.parse().ok());
    parsed.map(Some).ok_or_else(|| ApiError::bad_request(format!("invalid value for \"{name}\": {text}")))
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}")[..9].parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    let start = Timestamp::from_second(whole).ok()?;
    start.checked_add(jiff::SignedDuration::from_nanos(nanoseconds)).ok()
}

/// A log on its way to a client.
pub(super) struct LogStreamer {
    directory: PathBuf,
    selection: Selection,
    reader: Option<LogReader>,
    /// An entry after `until` was seen.
    over: bool,
}

impl LogStreamer {
    pub(super) fn new(directory: &Path, selection: Selection) -> Self {
        Self { directory: directory.to_owned(), selection, reader: None, over: false }
    }

    /// Sends what is there. Fails when the client has gone or the log cannot be read.
    pub(super) async fn show(self, pieces: &Pieces) -> io::Result<Self> {
        let mut streamer = self;
        loop {
            let (next, batch) = streamer.batch().await?;
            streamer = next;
            if batch.is_empty() {
                return Ok(streamer);
            }
            pieces.send(batch).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
    }

    /// Writes what is there.
    pub(super) async fn write(self, sink: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let mut streamer = self;
        loop {
            let (next, batch) = streamer.batch().await?;
            streamer = next;
            if batch.is_empty() {
                return sink.flush().await;
            }
            sink.write_all(&batch).await?;
        }
    }

    /// Sends what is there and what comes, until `end` and what was written before it.
    pub(super) async fn follow(mut self, pieces: &Pieces, end: impl Future<Output = ()>) -> io::Result<()> {
        // Before the first look: nothing that is written later is missed.
        let changes = Changes::watch(&self.directory)?;
        let deadline = self.selection.until;
        let over = async {
            match deadline {
                // One that cannot be waited for lies in the past.
                Some(until) => {
                    let left = until.duration_since(Timestamp::now());
                    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        };
        let (mut end, mut over) = (std::pin::pin!(end), std::pin::pin!(over));
        loop {
            self = self.show(pieces).await?;
            if self.over {
                return Ok(());
            }
            tokio::select! {
                changed = changes.next() => changed?,
                () = &mut end => break,
                () = &mut over => break,
                () = pieces.closed() => return Ok(()),
            }
        }
        self.show(pieces).await.map(drop)
    }

    /// Reads on a thread for what blocks.
    async fn batch(self) -> io::Result<(Self, Bytes)> {
        tokio::task::spawn_blocking(move || {
            let mut streamer = self;
            let batch = streamer.read_batch()?;
            Ok((streamer, batch))
        })
        .await
        .map_err(io::Error::other)?
    }

    fn read_batch(&mut self) -> io::Result<Bytes> {
        if self.reader.is_none() {
            self.reader = LogReader::open(&self.directory)?;
            if let (Some(reader), Some(count)) = (&mut self.reader, self.selection.tail) {
                reader.seek_tail(count)?;
            }
        }
        let mut batch = BytesMut::new();
        while let Some(reader) = self.reader.as_mut().filter(|_| batch.len() < BATCH_BYTES && !self.over) {
            let Some(entry) = reader.next_entry()? else { break };
            let time: Timestamp = entry.time.parse().map_err(io::Error::other)?;
            let shown = match entry.stream {
                LogStream::Stdout => self.selection.stdout,
                LogStream::Stderr => self.selection.stderr,
            };
            self.over = self.selection.until.is_some_and(|until| time > until);
            if shown && !self.over && self.selection.since.is_none_or(|since| time >= since) {
                self.selection.render(&entry, time, &mut batch);
            }
        }
        Ok(batch.freeze())
    }
}

/// Changes of the files in a directory.
struct Changes(AsyncFd<rustix::fd::OwnedFd>);

impl Changes {
    #[expect(
        deprecated,
        reason = "its successor is unsafe because of types that change their descriptor; OwnedFd keeps it"
    )]
    fn watch(directory: &Path) -> io::Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&queue, directory, events)?;
        Ok(Self(AsyncFd::new(queue)?))
    }

    /// Waits for a change.
    async fn next(&self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let mut ready = self.0.readable().await?;
            match rustix::io::read(&self.0, &mut buffer[..]) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_forms() {
        let parse = |text: &str| moment(&Query::parse(&format!("since={text}")), "since");
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("0").unwrap(), None);
        assert_eq!(parse("1.5").unwrap().unwrap().to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(parse("1136073600.000000001").unwrap().unwrap().to_string(), "2006-01-01T00:00:00.000000001Z");
        assert_eq!(parse("2026-01-01T00:00:00Z").unwrap().unwrap().to_string(), "2026-01-01T00:00:00Z");
        for text in ["x", "1.", "1.x", "99999999999999999999", "1.-5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_entry_is_shown_with_what_was_asked_for() {
        let entry = LogEntry {
            log: "text\r\n".to_owned(),
            stream: LogStream::Stderr,
            time: String::new(),
            attrs: [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())].into(),
        };
        let mut selection = Selection::everything(true, true, false);
        let render = |selection: &Selection| {
            let mut text = BytesMut::new();
            selection.render(&entry, Timestamp::UNIX_EPOCH, &mut text);
            text
        };
        assert_eq!(&render(&selection)[..], b"text\r\n");
        (selection.details, selection.timestamps) = (true, true);
        assert_eq!(&render(&selection)[..], b"1970-01-01T00:00:00.000000000Z a=1,b=2 text\r\n");
        selection.framed = true;
        assert_eq!(&render(&selection)[..8], b"\x02\0\0\0\0\0\0\x2d");
    }
}
