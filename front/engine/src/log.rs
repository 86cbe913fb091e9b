//! Reading the log of a container: JSON lines, as Docker's `json-file` driver writes them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

/// File name of the log in the directory of a compute system.
pub const LOG_FILE: &str = "log.json";
/// Longest line of a log, in bytes: 16 KiB of text, each byte escaped as `\u00xx`, and what is around it.
const MAX_LINE_BYTES: usize = 128 << 10;
/// How much is read at once when looking for line ends from behind.
const BLOCK_BYTES: u64 = 64 << 10;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LogEntry {
    /// The text, with its line end unless the line continues in the next entry.
    pub log: String,
    /// Where it was written.
    pub stream: LogStream,
    /// When the silo host read it, RFC 3339.
    pub time: String,
}

/// The streams that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output, and the console.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A log being read.
pub struct LogReader {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl LogReader {
    /// Opens a log at its beginning. The log of a container that never ran is empty.
    ///
    /// # Errors
    /// When it exists and cannot be opened.
    pub fn open(directory: &Path) -> io::Result<Option<Self>> {
        match File::open(directory.join(LOG_FILE)) {
            Ok(file) => Ok(Some(Self { file: BufReader::new(file), line: Vec::new() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes to where the last `count` entries begin.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seek_tail(&mut self, count: u64) -> io::Result<()> {
        self.line.clear();
        let mut end = self.file.seek(SeekFrom::End(0))?;
        // The line end of the last entry is the first one found, and one more is the end of the entry before those wanted.
        let mut wanted = count.saturating_add(1);
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES);
            self.file.seek(SeekFrom::Start(start))?;
            block.clear();
            self.file.by_ref().take(end - start).read_to_end(&mut block)?;
            for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                wanted -= 1;
                if wanted == 0 {
                    self.file.seek(SeekFrom::Start(start + index as u64 + 1))?;
                    return Ok(());
                }
            }
            end = start;
        }
        self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }

    /// The next entry, or `None` at the present end of the log; more may come later.
    ///
    /// # Errors
    /// When the file cannot be read or is no log.
    pub fn next_entry(&mut self) -> io::Result<Option<LogEntry>> {
        let room = (MAX_LINE_BYTES - self.line.len()) as u64;
        self.file.by_ref().take(room).read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            if self.line.len() >= MAX_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the log is too long"));
            }
            return Ok(None);
        }
        let entry = serde_json::from_slice(&self.line)?;
        self.line.clear();
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(text: &str) -> String {
        format!("{{\"log\":\"{text}\\r\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00Z\"}}\n")
    }

    fn rest(reader: &mut LogReader) -> Vec<String> {
        std::iter::from_fn(|| reader.next_entry().unwrap()).map(|entry| entry.log.trim_end().to_owned()).collect()
    }

    #[test]
    fn a_log_is_read_while_it_grows() {
        let directory = tempfile::tempdir().unwrap();
        assert!(LogReader::open(directory.path()).unwrap().is_none());
        let mut file = File::create(directory.path().join(LOG_FILE)).unwrap();
        let (one, two) = (line("one"), line("two"));
        write!(file, "{one}{}", &two[..10]).unwrap();
        let mut reader = LogReader::open(directory.path()).unwrap().unwrap();
        assert_eq!(rest(&mut reader), ["one"]);
        write!(file, "{}", &two[10..]).unwrap();
        assert_eq!(rest(&mut reader), ["two"]);
    }

    #[test]
    fn the_tail_is_found_across_blocks() {
        let directory = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..3_000).map(|number| format!("line {number}")).collect();
        let content: String = texts.iter().map(|text| line(text)).collect();
        std::fs::write(directory.path().join(LOG_FILE), content).unwrap();
        let mut reader = LogReader::open(directory.path()).unwrap().unwrap();
        for count in [0, 1, 2, 1_500, 3_000, 9_999, u64::MAX] {
            reader.seek_tail(count).unwrap();
            let skipped = texts.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
            assert_eq!(rest(&mut reader), texts[skipped..], "{count}");
        }
    }

    #[test]
    fn a_damaged_log_is_an_error() {
        for content in ["nonsense\n".to_owned(), "x".repeat(MAX_LINE_BYTES + 1)] {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(LOG_FILE), content).unwrap();
            assert!(LogReader::open(directory.path()).unwrap().unwrap().next_entry().is_err());
        }
    }
}
