//! Files of `/proc` about the threads that send requests, kept open: most requests come from few threads.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Threads whose file stays open.
const KEPT: usize = 8;

/// One file of each of the last threads.
#[derive(Debug)]
pub struct ThreadFiles {
    name: &'static str,
    recent: VecDeque<(u32, File)>,
}

impl ThreadFiles {
    /// Files `/proc/…/task/…/name`: of the thread itself.
    pub fn new(name: &'static str) -> Self {
        Self { name, recent: VecDeque::new() }
    }

    /// The start of a thread's file, now.
    pub fn read<'a>(&mut self, thread: u32, buffer: &'a mut [u8]) -> Option<&'a str> {
        let known = self.recent.iter().position(|(known, _)| *known == thread);
        let read = |file: &File, buffer: &mut [u8]| file.read_at(buffer, 0).ok().filter(|length| *length > 0);
        let length = match known.and_then(|at| read(&self.recent[at].1, buffer)) {
            Some(length) => length,
            None => {
                // The number of a thread that is gone may be another one's by now.
                if let Some(at) = known {
                    self.recent.remove(at);
                }
                let file = File::open(format!("/proc/{thread}/task/{thread}/{}", self.name)).ok()?;
                let length = read(&file, buffer)?;
                self.recent.truncate(KEPT - 1);
                self.recent.push_front((thread, file));
                length
            }
        };
        std::str::from_utf8(&buffer[..length]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_gone_has_no_file() {
        let mut files = ThreadFiles::new("stat");
        let mut buffer = [0; 64];
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        for _ in 0..2 * KEPT {
            let text = files.read(child.id(), &mut buffer).unwrap();
            assert!(text.starts_with(&child.id().to_string()), "{text}");
        }
        assert_eq!(files.recent.len(), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(files.read(child.id(), &mut buffer), None);
        assert!(files.recent.is_empty());
    }
}
