//! Names of files: which there may be, and when two are the same.

use crate::upcase::upcase;
use rustix::io::Errno;
use std::hash::BuildHasher;

/// Longest name in UTF-16 units (NTFS).
pub const MAX_UNITS: usize = 255;

/// Characters that no name on NTFS has ([Naming Files, Paths, and Namespaces][1]); `:` would be a stream.
///
/// [1]: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const FORBIDDEN: &[char] = &['"', '*', '/', ':', '<', '>', '?', '\\', '|'];

/// Hashes names under the case rules. Seeded by chance, so that nobody can make names that collide.
#[derive(Debug, Clone, Default)]
pub struct Folding(hashbrown::DefaultHashBuilder);

/// How a name is written, as a number. Two spellings of one name have two numbers, with near certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling(u32);

impl Folding {
    /// The same for all spellings of a name.
    pub fn hash(&self, name: &str) -> u64 {
        use std::hash::Hasher;
        let mut hasher = self.0.build_hasher();
        if name.is_ascii() {
            let mut folded = [0u8; 64];
            for chunk in name.as_bytes().chunks(folded.len()) {
                let folded = &mut folded[..chunk.len()];
                folded.copy_from_slice(chunk);
                folded.make_ascii_uppercase();
                // Eight at a time, as chunks of any other size would make another hash of the same bytes.
                for word in folded.chunks(8) {
                    let mut bytes = [0; 8];
                    bytes[..word.len()].copy_from_slice(word);
                    hasher.write_u64(u64::from_le_bytes(bytes));
                }
            }
        } else {
            for c in name.chars().map(upcase) {
                hasher.write_u32(u32::from(c));
            }
        }
        hasher.finish()
    }

    /// The number of this spelling.
    pub fn spelling(&self, name: &[u8]) -> Spelling {
        Spelling(self.0.hash_one(name) as u32)
    }
}

impl Spelling {
    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Whether two names are the same file's.
pub fn same(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().map(upcase).eq(b.chars().map(upcase))
}

/// The name that a program asks for. What is not UTF-8 is no name of Windows.
///
/// # Errors
/// `ENOENT`, `ENAMETOOLONG`
pub fn wanted(name: &[u8]) -> Result<&str, Errno> {
    let text = std::str::from_utf8(name).map_err(|_| Errno::NOENT)?;
    if is_too_long(text) { Err(Errno::NAMETOOLONG) } else { Ok(text) }
}

fn is_too_long(text: &str) -> bool {
    text.len() > MAX_UNITS && text.encode_utf16().count() > MAX_UNITS
}

/// The name of a new file.
///
/// # Errors
/// `EINVAL` for what NTFS forbids, `EILSEQ` for what is not UTF-8, `ENAMETOOLONG`.
pub fn new_name(name: &[u8]) -> Result<&str, Errno> {
    let text = std::str::from_utf8(name).map_err(|_| Errno::ILSEQ)?;
    if text.is_empty() || text.chars().any(|c| c < ' ' || FORBIDDEN.contains(&c)) {
        return Err(Errno::INVAL);
    }
    if is_too_long(text) { Err(Errno::NAMETOOLONG) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_file() {
        let folding = Folding::default();
        for (a, b, equal) in [
            ("readme.txt", "README.TXT", true),
            ("straße", "STRASSE", false),
            ("straße", "STRAßE", true),
            ("İ", "i", false),
            ("ı", "I", false),
            ("\u{212a}", "k", false),
            ("Ünïcode", "üNÏCODE", true),
            ("a", "ab", false),
            ("𐐨", "𐐀", false),
        ] {
            assert_eq!(same(a, b), equal, "{a} {b}");
            assert_eq!(folding.hash(a) == folding.hash(b), equal, "{a} {b}");
        }
        let long = "x".repeat(200);
        assert_eq!(folding.hash(&long), folding.hash(&long.to_uppercase()));
        assert_ne!(folding.spelling(b"a"), folding.spelling(b"A"));
    }

    #[test]
    fn new_names_are_names_of_ntfs() {
        for name in ["a", "con", "a.", " b ", "ß", "日本"] {
            assert!(new_name(name.as_bytes()).is_ok(), "{name}");
        }
        for name in ["a:b", "a\\b", "a*", "\u{1}", "", "a|b", "\"", "<", "a?"] {
            assert_eq!(new_name(name.as_bytes()), Err(Errno::INVAL), "{name}");
        }
        assert_eq!(new_name(b"\xff"), Err(Errno::ILSEQ));
        for look in [new_name, wanted] {
            assert_eq!(look("x".repeat(256).as_bytes()), Err(Errno::NAMETOOLONG));
            assert!(look("日".repeat(255).as_bytes()).is_ok());
        }
    }
}
