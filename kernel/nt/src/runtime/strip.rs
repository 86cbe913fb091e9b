//! Strips the debug data from Wine's PE files: Debian ships 744 MB, 150 MB are left.

use super::error::RuntimeError;
use super::recipe::{SIGNATURE, SIGNATURE_OFFSET};
use crate::progress::Progress;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const OBJCOPY: &str = "x86_64-w64-mingw32-objcopy";

/// Strips each `from` into its `to` on all processors.
///
/// Sections stay aligned to pages in the file (4096): Wine maps such files, and reads all others into private memory.
pub fn strip_all(files: &[(PathBuf, PathBuf)], progress: &dyn Progress) -> Result<(), RuntimeError> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let failure: Mutex<Option<RuntimeError>> = Mutex::new(None);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    let failed = || failure.lock().unwrap_or_else(|e| e.into_inner());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while failed().is_none() {
                    let Some((from, to)) = files.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    if let Err(e) = strip(from, to) {
                        failed().get_or_insert(e);
                        return;
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(16) {
                        progress.report("stripping Windows files", done as f64 / files.len() as f64);
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

fn strip(from: &Path, to: &Path) -> Result<(), RuntimeError> {
    if !is_pe(from)? {
        std::fs::copy(from, to).map_err(RuntimeError::io("copy", from))?;
        return Ok(());
    }
    let output = Command::new(OBJCOPY)
        .args(["--strip-all", "--preserve-dates", "--file-alignment", "4096"])
        .args([from, to])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| match e.kind() {
            ErrorKind::NotFound => RuntimeError::MissingTool { tool: OBJCOPY, package: "binutils-mingw-w64-x86-64" },
            _ => RuntimeError::io("run", Path::new(OBJCOPY))(e),
        })?;
    if !output.status.success() {
        return Err(RuntimeError::Tool {
            tool: OBJCOPY,
            task: format!("strip {}", from.display()),
            output: super::archive::last_lines(&output.stderr),
        });
    }
    Ok(())
}

fn is_pe(path: &Path) -> Result<bool, RuntimeError> {
    let mut magic = [0u8; 2];
    let mut file = std::fs::File::open(path).map_err(RuntimeError::io("open", path))?;
    Ok(file.read_exact(&mut magic).is_ok() && &magic == b"MZ")
}

/// Whether the bytes are a PE file that Wine's loader takes for its own.
pub fn has_builtin_signature(file: &[u8]) -> bool {
    file.starts_with(b"MZ") && file.get(SIGNATURE_OFFSET..SIGNATURE_OFFSET + SIGNATURE.len()) == Some(SIGNATURE)
}

/// Writes the builtin signature over the DOS program of a PE file. `false` when there is no room for it.
pub fn add_builtin_signature(file: &mut [u8]) -> bool {
    let header = file.get(0x3c..0x40).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let room = header.is_some_and(|h| h as usize >= SIGNATURE_OFFSET + 2 * SIGNATURE.len());
    if !file.starts_with(b"MZ") || !room {
        return false;
    }
    match file.get_mut(SIGNATURE_OFFSET..SIGNATURE_OFFSET + 2 * SIGNATURE.len()) {
        Some(stub) => {
            stub.fill(0);
            stub[..SIGNATURE.len()].copy_from_slice(SIGNATURE);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_written_only_where_there_is_room() {
        let mut file = vec![0u8; 0x200];
        file[..2].copy_from_slice(b"MZ");
        file[0x3c] = 0x50;
        assert!(!add_builtin_signature(&mut file));
        file[0x3c] = 0x80;
        assert!(add_builtin_signature(&mut file));
        assert!(has_builtin_signature(&file));
        assert!(!add_builtin_signature(&mut file[..0x48]));
        assert!(!add_builtin_signature(&mut []));
    }
}
