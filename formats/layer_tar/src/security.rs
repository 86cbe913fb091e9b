//! Self-relative security descriptors ([MS-DTYP] 2.4.6): whether bytes are one, and those of files that have none.

use crate::limits::MAX_SECURITY;
use crate::sddl;

/// All for the system and administrators, reading and running for users: what Windows' own files in `Program Files` have
/// but for inheritance.
const FILE: &str = "O:BAG:SYD:(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;BU)";
/// That of the root of `C:` in images: users may also make directories, and files in those that they have made.
const DIRECTORY: &str =
    "O:BAG:SYD:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CI;DC;;;BU)";

/// Bytes of the fixed part.
const HEADER: usize = 20;
/// `SE_SELF_RELATIVE`
const SELF_RELATIVE: u16 = 0x8000;

/// What a file has of which nothing is known.
pub fn of_files() -> Vec<u8> {
    sddl::parse(FILE).unwrap_or_default()
}

/// What a directory has of which nothing is known.
pub fn of_directories() -> Vec<u8> {
    sddl::parse(DIRECTORY).unwrap_or_default()
}

/// What directories have in which everyone who is `sid` may do all, such as those of a profile.
pub fn of_directories_for(sid: &str) -> Option<Vec<u8>> {
    sddl::parse(&format!("O:BAG:SYD:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{sid})"))
}

/// What a file has that `sid` was made the owner of, as Docker does it for `--chown`: who may also read, write, run, delete it and
/// change its permissions. `None` when that is no SID.
pub fn of_files_of(sid: &str) -> Option<Vec<u8>> {
    sddl::parse(&format!("O:{sid}G:SYD:P(A;;FA;;;BA)(A;;FA;;;SY)(A;;0x1701bf;;;{sid})"))
}

/// As [`of_files_of`], for a directory.
pub fn of_directories_of(sid: &str) -> Option<Vec<u8>> {
    sddl::parse(&format!("O:{sid}G:SYD:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1701bf;;;{sid})"))
}

/// Whether these bytes are a self-relative security descriptor whose parts are all within it.
pub fn is_valid(bytes: &[u8]) -> bool {
    let u16_at = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let offset = |at: usize| {
        let value = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        usize::try_from(value).ok()
    };
    let part = |at: usize, size: fn(&[u8]) -> Option<usize>| match offset(at) {
        Some(0) => true,
        Some(start) => match bytes.get(start..) {
            Some(rest) if start >= HEADER => size(rest).is_some_and(|size| size <= rest.len()),
            _ => false,
        },
        None => false,
    };
    bytes.len() >= HEADER
        && bytes.len() <= MAX_SECURITY
        && bytes[0] == 1
        && u16_at(2).is_some_and(|control| control & SELF_RELATIVE != 0)
        && part(4, sid_size)
        && part(8, sid_size)
        && part(12, acl_size)
        && part(16, acl_size)
}

fn sid_size(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [1, count, ..] if *count <= 15 => Some(8 + 4 * usize::from(*count)),
        _ => None,
    }
}

fn acl_size(bytes: &[u8]) -> Option<usize> {
    let size = usize::from(u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    (size >= 8).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_let_the_system_do_all_and_users_read() {
        let mut file = vec![1, 0, 4, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0];
        file.extend([1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]); // S-1-5-32-544
        file.extend([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]); // S-1-5-18
        file.extend([2, 0, 76, 0, 3, 0, 0, 0]);
        file.extend([0, 0, 20, 0, 0xff, 1, 0x1f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
        file.extend([0, 0, 24, 0, 0xff, 1, 0x1f, 0, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]);
        file.extend([0, 0, 24, 0, 0xa9, 0, 0x12, 0, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0]);
        assert_eq!(of_files(), file);
        assert!(is_valid(&of_files()) && is_valid(&of_directories()));
        assert!(is_valid(&of_directories_for("S-1-5-93-2-2").unwrap()));
        assert_eq!(of_directories_for("nobody"), None);
        for owned in [of_files_of("S-1-5-93-2-2").unwrap(), of_directories_of("S-1-5-93-2-2").unwrap()] {
            assert!(is_valid(&owned));
            let owner = u32::from_le_bytes(owned[4..8].try_into().unwrap()) as usize;
            assert_eq!(owned[owner..owner + 12], [1, 3, 0, 0, 0, 0, 0, 5, 93, 0, 0, 0]);
        }
        assert_eq!(of_files_of("root"), None);
    }

    #[test]
    fn descriptors_with_parts_outside_are_refused() {
        let good = of_directories();
        for end in 0..good.len() {
            assert!(!is_valid(&good[..end]), "{end}");
        }
        for (at, byte) in [(0, 2), (3, 0), (4, 1), (7, 0xff), (16, 0xff), (21, 16), (20, 2), (50, 0xff)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(!is_valid(&bad), "{at}");
        }
    }
}
