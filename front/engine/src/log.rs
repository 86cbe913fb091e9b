//! Reading the log of a container: JSON lines, as Docker's `json-file` driver writes them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// File name of the log in the directory of a compute system.
pub const LOG_FILE: &str = "log.json";
/// Longest line of a log, in bytes: 16 KiB of text, each byte escaped as `\u00xx`, and what is around it.
const MAX_LINE_BYTES: usize = 128 << 10;
/// Most rotated files of a log.
const MAX_ROTATED: u32 = 1_000;
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
    /// What the log options add: labels and variables of the container.
    #[serde(default)]
    pub attrs: BTreeMap<String, String>,
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

/// A log being read: its rotated files, oldest first, then the newest one, and on into those that come after it.
pub struct LogReader {
    directory: PathBuf,
    /// What is still to be read, oldest first; never empty.
    files: VecDeque<BufReader<File>>,
    line: Vec<u8>,
}

impl LogReader {
    /// Opens a log at its beginning. The log of a container that never ran is empty.
    ///
    /// # Errors
    /// When it exists and cannot be opened.
    pub fn open(directory: &Path) -> io::Result<Option<Self>> {
        let files: VecDeque<_> = open_all(directory)?.into_iter().map(BufReader::new).collect();
        let reader = Self { directory: directory.to_owned(), files, line: Vec::new() };
        Ok((!reader.files.is_empty()).then_some(reader))
    }

    /// Goes to where the last `count` entries begin. To be called before anything was read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn seek_tail(&mut self, count: u64) -> io::Result<()> {
        self.line.clear();
        let mut wanted = count;
        let mut kept = VecDeque::new();
        while let Some(mut file) = self.files.pop_back() {
            wanted -= seek_tail(&mut file, wanted)?;
            kept.push_front(file);
            if wanted == 0 {
                break;
            }
        }
        self.files = kept;
        Ok(())
    }

    /// The next entry, or `None` at the present end of the log; more may come later.
    ///
    /// # Errors
    /// When a file cannot be read or is no log.
    pub fn next_entry(&mut self) -> io::Result<Option<LogEntry>> {
        loop {
            let Some(file) = self.files.front_mut() else { return Ok(None) };
            let room = (MAX_LINE_BYTES - self.line.len()) as u64;
            file.by_ref().take(room).read_until(b'\n', &mut self.line)?;
            if self.line.last() == Some(&b'\n') {
                let entry = serde_json::from_slice(&self.line)?;
                self.line.clear();
                return Ok(Some(entry));
            }
            if self.line.len() >= MAX_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the log is too long"));
            }
            if self.files.len() > 1 {
                // Nothing is written to it any more: what it ends with is all that a silo host wrote that was killed.
                self.line.clear();
                self.files.pop_front();
            } else if !self.find_newer()? {
                return Ok(None);
            }
        }
    }

    /// Looks whether the newest file has been rotated away, and opens what came after it.
    fn find_newer(&mut self) -> io::Result<bool> {
        let Some(last) = self.files.back() else { return Ok(false) };
        let own = identity(last.get_ref())?;
        match std::fs::metadata(self.directory.join(LOG_FILE)) {
            Ok(newest) if (newest.dev(), newest.ino()) != own => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(false),
        }
        let mut newer = open_all(&self.directory)?;
        // If the own file is not among them, it was removed as the oldest, and all of them are newer.
        for (index, file) in newer.iter().enumerate() {
            if identity(file)? == own {
                newer.drain(..=index);
                break;
            }
        }
        self.files.extend(newer.into_iter().map(BufReader::new));
        Ok(self.files.len() > 1)
    }
}

/// Device and inode: what a file keeps when it is renamed.
fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Opens all files of a log, oldest first: `log.json.2`, `log.json.1`, `log.json`.
fn open_all(directory: &Path) -> io::Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    for number in 0..=MAX_ROTATED {
        let name = if number == 0 { LOG_FILE.to_owned() } else { format!("{LOG_FILE}.{number}") };
        match File::open(directory.join(name)) {
            Ok(file) => {
                let known: io::Result<Vec<_>> = files.iter().map(identity).collect();
                // A rotation while they are opened shows a file a second time, under its new name.
                if !known?.contains(&identity(&file)?) {
                    files.push(file);
                }
            }
            // During a rotation there is no newest file for an instant.
            Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    files.reverse();
    Ok(files)
}

/// Goes to where the last `count` entries of one file begin, and says how many they are: fewer if it has no more.
fn seek_tail(file: &mut BufReader<File>, count: u64) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut found = 0;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.by_ref().take(end - start).read_to_end(&mut block)?;
        for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            // The line end of the last entry is the first one found, and one more is the end of the entry before those wanted.
            if found == count {
                file.seek(SeekFrom::Start(start + index as u64 + 1))?;
                return Ok(count);
            }
            found += 1;
        }
        end = start;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(found)
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
        for count in [0, 1, 2, 1_500, 3_000, 9_999, u64::MAX] {
            let mut reader = LogReader::open(directory.path()).unwrap().unwrap();
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

    fn numbered(numbers: std::ops::Range<u32>) -> String {
        numbers.map(|number| line(&format!("line {number}"))).collect()
    }

    #[test]
    fn rotated_files_are_read_in_their_order_and_by_their_tail() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("log.json.2"), numbered(0..10)).unwrap();
        std::fs::write(path("log.json.1"), numbered(10..20)).unwrap();
        std::fs::write(path(LOG_FILE), numbered(20..25)).unwrap();
        let expected: Vec<_> = (0..25).map(|number| format!("line {number}")).collect();
        for count in [0, 1, 5, 6, 15, 16, 25, 99] {
            let mut reader = LogReader::open(directory.path()).unwrap().unwrap();
            reader.seek_tail(count).unwrap();
            assert_eq!(rest(&mut reader), expected[expected.len().saturating_sub(count as usize)..], "{count}");
        }
    }

    #[test]
    fn a_reader_follows_through_rotations() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path(LOG_FILE), numbered(0..2)).unwrap();
        let mut reader = LogReader::open(directory.path()).unwrap().unwrap();
        assert_eq!(rest(&mut reader), ["line 0", "line 1"]);
        let mut old = File::options().append(true).open(path(LOG_FILE)).unwrap();
        old.write_all(line("line 2").as_bytes()).unwrap();
        std::fs::rename(path(LOG_FILE), path("log.json.1")).unwrap();
        assert_eq!(rest(&mut reader), ["line 2"]);
        std::fs::write(path(LOG_FILE), numbered(3..5)).unwrap();
        assert_eq!(rest(&mut reader), ["line 3", "line 4"]);
        std::fs::rename(path("log.json.1"), path("log.json.2")).unwrap();
        std::fs::rename(path(LOG_FILE), path("log.json.1")).unwrap();
        std::fs::write(path(LOG_FILE), numbered(5..6)).unwrap();
        assert_eq!(rest(&mut reader), ["line 5"]);
        std::fs::remove_file(path("log.json.2")).unwrap();
        std::fs::remove_file(path("log.json.1")).unwrap();
        std::fs::remove_file(path(LOG_FILE)).unwrap();
        std::fs::write(path(LOG_FILE), numbered(6..7)).unwrap();
        assert_eq!(rest(&mut reader), ["line 6"]);
    }
}
