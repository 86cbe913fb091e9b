//! Renames that only change how a name is written.
//!
//! Linux looks up both names of a rename before it asks a file system, and does nothing if they are the same file, as
//! hard links would be. `rename("readme", "README")` would therefore never come here. So the lookup of the second name
//! has to find nothing, and only for this caller; what the caller is doing is in its `/proc`, as it waits for the answer.

use crate::name;
use std::os::unix::fs::FileExt;

/// `rename`, `renameat` and `renameat2` on x86-64, each with the places of the two paths among the arguments.
const RENAMES: [(u64, usize, usize); 3] = [(82, 0, 1), (264, 1, 3), (316, 1, 3)];
/// Looks at a thread that has sent its request but does not sleep yet.
const LOOKS: usize = 1000;
/// Bytes of the longest path (`PATH_MAX`).
const MAX_PATH: usize = 4096;

/// Whether a thread that looks for `name` is about to give a file that name which has it already in another spelling.
pub fn is_target_of_respelling(thread: u32, wanted: &str) -> bool {
    let Some((old, new)) = paths(thread) else { return false };
    let (old, new) = (last_step(&old), last_step(&new));
    new == wanted.as_bytes() && old != new && std::str::from_utf8(old).is_ok_and(|old| name::same(old, wanted))
}

/// The two paths of the rename that a thread is in.
fn paths(thread: u32) -> Option<(Vec<u8>, Vec<u8>)> {
    let file = std::fs::File::open(format!("/proc/{thread}/syscall")).ok()?;
    let mut buffer = [0; 256];
    let text = (0..LOOKS).find_map(|_| {
        let length = file.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        if text.starts_with("running") {
            std::thread::yield_now();
            return None;
        }
        Some(text.to_owned())
    })?;
    let mut words = text.split_whitespace();
    let call: u64 = words.next()?.parse().ok()?;
    let (_, old, new) = *RENAMES.iter().find(|(number, ..)| *number == call)?;
    let arguments: Vec<u64> =
        words.map_while(|w| u64::from_str_radix(w.strip_prefix("0x")?, 16).ok()).take(6).collect();
    let memory = std::fs::File::open(format!("/proc/{thread}/mem")).ok()?;
    Some((string(&memory, *arguments.get(old)?)?, string(&memory, *arguments.get(new)?)?))
}

/// The string at an address of another process.
fn string(memory: &std::fs::File, address: u64) -> Option<Vec<u8>> {
    let mut string = Vec::new();
    let mut buffer = [0; 256];
    while string.len() < MAX_PATH {
        let at = address.checked_add(string.len() as u64)?;
        // Not beyond the page, as the next one may not be there.
        let most = (4096 - at % 4096).min(buffer.len() as u64) as usize;
        let length = memory.read_at(&mut buffer[..most], at).ok().filter(|length| *length > 0)?;
        let end = buffer[..length].iter().position(|b| *b == 0);
        string.extend_from_slice(&buffer[..end.unwrap_or(length)]);
        if end.is_some() {
            return Some(string);
        }
    }
    None
}

fn last_step(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_is_the_name() {
        for (path, step) in [("a", "a"), ("/x/b", "b"), ("x/c/", "c"), ("/", "")] {
            assert_eq!(last_step(path.as_bytes()), step.as_bytes());
        }
    }

    #[test]
    fn this_thread_renames_nothing() {
        assert!(!is_target_of_respelling(std::process::id(), "x"));
    }

    #[test]
    fn strings_are_read_across_pages() {
        let text = format!("{}\0", "x".repeat(3000));
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let read = string(&memory, text.as_ptr() as u64).unwrap();
        assert_eq!(read.len(), 3000);
        assert!(string(&memory, 0).is_none());
    }
}
