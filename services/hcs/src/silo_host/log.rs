//! The log of a container's main process: a file of JSON lines, as Docker's `json-file` driver writes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Longest text of one entry, in bytes; a longer line continues in further entries (Docker's limit).
const MAX_ENTRY: usize = 16 * 1024;

/// One entry of the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The text, with its line end unless the line continues in the next entry.
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// When it was read from the program, RFC 3339.
    pub time: String,
}

/// An output stream of the main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

impl Stream {
    /// The stream's name in an entry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

/// Writes entries; keeps the last, unfinished line of each stream.
pub struct LogWriter {
    file: File,
    unfinished: [Vec<u8>; 2],
}

impl LogWriter {
    /// Opens the log for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file, unfinished: [Vec::new(), Vec::new()] })
    }

    /// Takes what the program wrote; whole lines go to the file at once.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.unfinished[stream as usize]);
        line.extend(bytes);
        let mut entries = Vec::new();
        let mut rest = line.as_slice();
        while let Some(end) = entry_end(rest) {
            append(&mut entries, stream, &rest[..end])?;
            rest = &rest[end..];
        }
        let unfinished = rest.to_vec();
        self.unfinished[stream as usize] = unfinished;
        self.file.write_all(&entries)
    }

    /// Writes the unfinished lines too.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut entries = Vec::new();
        for stream in [Stream::Out, Stream::Err] {
            let line = std::mem::take(&mut self.unfinished[stream as usize]);
            if !line.is_empty() {
                append(&mut entries, stream, &line)?;
            }
        }
        self.file.write_all(&entries)
    }
}

/// Where the first entry of `bytes` ends, if it is whole.
fn entry_end(bytes: &[u8]) -> Option<usize> {
    let head = &bytes[..bytes.len().min(MAX_ENTRY)];
    match head.iter().position(|b| *b == b'\n') {
        Some(at) => Some(at + 1),
        None if bytes.len() >= MAX_ENTRY => Some(MAX_ENTRY),
        None => None,
    }
}

fn append(entries: &mut Vec<u8>, stream: Stream, text: &[u8]) -> io::Result<()> {
    let entry = Entry {
        log: String::from_utf8_lossy(text).into_owned(),
        stream: stream.name().to_owned(),
        time: Timestamp::now().to_string(),
    };
    serde_json::to_writer(&mut *entries, &entry)?;
    entries.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<(String, String)> {
        std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str::<Entry>(l).unwrap())
            .map(|e| (e.stream, e.log))
            .collect()
    }

    #[test]
    fn lines_are_entries_whatever_the_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut log = LogWriter::open(&path).unwrap();
        log.write(Stream::Out, b"one\r\ntw").unwrap();
        log.write(Stream::Err, b"oops\n").unwrap();
        log.write(Stream::Out, b"o\r\nthree").unwrap();
        assert_eq!(read(&path).len(), 3);
        log.finish().unwrap();
        let expected = [("stdout", "one\r\n"), ("stderr", "oops\n"), ("stdout", "two\r\n"), ("stdout", "three")];
        let expected: Vec<_> = expected.map(|(s, l)| (s.to_owned(), l.to_owned())).into();
        assert_eq!(read(&path), expected);
    }

    #[test]
    fn a_line_without_end_is_cut_and_costs_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut log = LogWriter::open(&path).unwrap();
        log.write(Stream::Out, &vec![b'x'; 3 * MAX_ENTRY + 5]).unwrap();
        assert_eq!(log.unfinished[0].len(), 5);
        assert_eq!(read(&path).len(), 3);
    }
}
