//! The log of a container's main process: a file of JSON lines, as Docker's `json-file` driver writes them, and the older files
//! that it leaves when it has become too large: `log.json.1` is the youngest of these.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::spec::LogSettings;

/// Longest text of one entry, in bytes; a longer line continues in further entries (Docker's limit).
const MAX_ENTRY: usize = 16 * 1024;

/// One entry of the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The text, with its line end unless the line continues in the next entry.
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// What the log options add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
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
    path: PathBuf,
    settings: LogSettings,
    file: File,
    /// Bytes in the file.
    length: u64,
    unfinished: [Vec<u8>; 2],
}

impl LogWriter {
    /// Opens the log for appending.
    pub fn open(path: &Path, settings: LogSettings) -> io::Result<Self> {
        let file = append_to(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), settings, file, length, unfinished: [Vec::new(), Vec::new()] })
    }

    /// Takes what the program wrote; whole lines go to the file at once.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.unfinished[stream as usize]);
        line.extend(bytes);
        let mut batch = Vec::new();
        let mut rest = line.as_slice();
        let mut result = Ok(());
        while let Some(end) = entry_end(rest) {
            result = result.and(self.append(&mut batch, stream, &rest[..end]));
            rest = &rest[end..];
        }
        self.unfinished[stream as usize] = rest.to_vec();
        result.and(self.flush(&mut batch))
    }

    /// Writes the unfinished lines too.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut batch = Vec::new();
        for stream in [Stream::Out, Stream::Err] {
            let line = std::mem::take(&mut self.unfinished[stream as usize]);
            if !line.is_empty() {
                self.append(&mut batch, stream, &line)?;
            }
        }
        self.flush(&mut batch)
    }

    /// Adds an entry to what is written next. A file that is full goes aside before, so that no entry is split.
    fn append(&mut self, batch: &mut Vec<u8>, stream: Stream, text: &[u8]) -> io::Result<()> {
        let full = self.settings.max_bytes.is_some_and(|most| self.length + batch.len() as u64 >= most);
        if full {
            self.flush(batch)?;
            self.rotate()?;
        }
        let entry = Entry {
            log: String::from_utf8_lossy(text).into_owned(),
            stream: stream.name().to_owned(),
            attrs: self.settings.attributes.clone(),
            time: Timestamp::now().to_string(),
        };
        serde_json::to_writer(&mut *batch, &entry)?;
        batch.push(b'\n');
        Ok(())
    }

    fn flush(&mut self, batch: &mut Vec<u8>) -> io::Result<()> {
        self.file.write_all(batch)?;
        self.length += batch.len() as u64;
        batch.clear();
        Ok(())
    }

    /// Begins a new file. Readers follow by the identity of files: what they have open stays whole until they have read it.
    fn rotate(&mut self) -> io::Result<()> {
        let older = self.settings.max_files.saturating_sub(1);
        // Renaming over the oldest one removes it.
        for number in (1..older).rev() {
            present(std::fs::rename(aside(&self.path, number), aside(&self.path, number + 1)))?;
        }
        if older == 0 {
            present(std::fs::remove_file(&self.path))?;
        } else {
            present(std::fs::rename(&self.path, aside(&self.path, 1)))?;
        }
        self.file = append_to(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// The name of an older file.
fn aside(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// Success, also if there was no such file.
fn present(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(path: &Path) -> Vec<Entry> {
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn read(path: &Path) -> Vec<(String, String)> {
        entries(path).into_iter().map(|entry| (entry.stream, entry.log)).collect()
    }

    fn open(path: &Path) -> LogWriter {
        LogWriter::open(path, LogSettings::default()).unwrap()
    }

    #[test]
    fn lines_are_entries_whatever_the_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut log = open(&path);
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
        let mut log = open(&path);
        log.write(Stream::Out, &vec![b'x'; 3 * MAX_ENTRY + 5]).unwrap();
        assert_eq!(log.unfinished[0].len(), 5);
        assert_eq!(read(&path).len(), 3);
    }

    #[test]
    fn full_files_go_aside_and_the_oldest_is_removed() {
        for (max_files, kept) in [(3, 3), (1, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log.json");
            let settings = LogSettings { max_bytes: Some(300), max_files, attributes: BTreeMap::new() };
            // Opened anew in the middle, as at a restart of the container.
            for half in 0..2 {
                let mut log = LogWriter::open(&path, settings.clone()).unwrap();
                for number in 0..20 {
                    log.write(Stream::Out, format!("{}\n", half * 20 + number).as_bytes()).unwrap();
                }
            }
            let files: Vec<PathBuf> = (1..kept).rev().map(|n| aside(&path, n)).chain([path.clone()]).collect();
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), files.len());
            let numbers: Vec<u32> =
                files.iter().flat_map(|file| read(file)).map(|(_, text)| text.trim().parse().unwrap()).collect();
            let first = numbers[0];
            assert_eq!(numbers, (first..40).collect::<Vec<_>>(), "no line is lost, doubled or out of place");
            for file in &files[..files.len() - 1] {
                let length = file.metadata().unwrap().len();
                assert!((300..400).contains(&length), "{length}: a file is full when the next entry comes");
            }
        }
    }

    #[test]
    fn entries_carry_the_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let attributes = BTreeMap::from([("tier".to_owned(), "front".to_owned())]);
        let mut log = LogWriter::open(&path, LogSettings { attributes: attributes.clone(), ..LogSettings::default() });
        log.as_mut().unwrap().write(Stream::Out, b"x\n").unwrap();
        assert_eq!(entries(&path)[0].attrs, attributes);
    }
}
