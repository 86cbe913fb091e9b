//! The keys that leave a container without ending it.

use super::error::{ApiError, Outcome};

/// Ctrl-P, Ctrl-Q.
const DEFAULT: [u8; 2] = [16, 17];
/// Most keys.
const MAX_KEYS: usize = 64;

/// Looks for the keys in what a client types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

impl DetachKeys {
    /// Reads `ctrl-a,b,…`. Nothing at all means the default.
    ///
    /// # Errors
    /// 400 in Docker's words.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        if text.is_empty() {
            return Ok(Self { keys: DEFAULT.to_vec(), matched: 0 });
        }
        let keys: Option<Vec<u8>> = text.split(',').take(MAX_KEYS + 1).map(key).collect();
        let keys = keys.filter(|keys| keys.len() <= MAX_KEYS);
        let keys = keys.ok_or_else(|| ApiError::bad_request(format!("Invalid detach keys ({text}) provided")))?;
        Ok(Self { keys, matched: 0 })
    }

    /// The keys as bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.keys
    }

    /// Takes what was typed. What is not part of the keys goes to `passed`; says whether all of them were typed. Keys of a begun
    /// sequence are held back until it is known whether they belong to it.
    pub(super) fn typed(&mut self, bytes: &[u8], passed: &mut Vec<u8>) -> bool {
        for byte in bytes {
            if self.keys[self.matched] != *byte {
                passed.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if self.keys[self.matched] == *byte {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return true;
                }
            } else {
                passed.push(*byte);
            }
        }
        false
    }
}

/// One key: a character, or `ctrl-` and a letter or one of `@[\]^_`.
fn key(text: &str) -> Option<u8> {
    match (text.as_bytes(), text.strip_prefix("ctrl-").map(str::as_bytes)) {
        ([byte], _) => Some(*byte),
        (_, Some([byte @ (b'a'..=b'z')])) => Some(byte - b'a' + 1),
        (_, Some([byte @ (b'@' | b'['..=b'_')])) => Some(byte - b'@'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(keys: &str, pieces: &[&str]) -> (String, bool) {
        let (mut keys, mut passed) = (DetachKeys::parse(keys).unwrap(), Vec::new());
        let detached = pieces.iter().any(|piece| keys.typed(piece.as_bytes(), &mut passed));
        (String::from_utf8(passed).unwrap(), detached)
    }

    #[test]
    fn keys_are_read_as_docker_reads_them() {
        assert_eq!(DetachKeys::parse("").unwrap().bytes(), [16, 17]);
        assert_eq!(DetachKeys::parse("ctrl-a,x,ctrl-@,ctrl-_").unwrap().bytes(), [1, b'x', 0, 31]);
        for text in ["ctrl-", "ctrl-A", "ab", ",", "ctrl-1", &"a,".repeat(MAX_KEYS + 1)] {
            assert_eq!(DetachKeys::parse(text).unwrap_err().message, format!("Invalid detach keys ({text}) provided"));
        }
    }

    #[test]
    fn the_keys_are_found_across_pieces_and_not_passed_on() {
        assert_eq!(pass("", &["abc\x10", "\x11rest"]), ("abc".to_owned(), true));
        assert_eq!(pass("a,a,b", &["xaaab"]), ("xaaab".to_owned(), false));
        assert_eq!(pass("a,b", &["aab"]), ("a".to_owned(), true));
    }

    #[test]
    fn what_only_looks_like_the_keys_is_passed_on() {
        assert_eq!(pass("", &["\x10", "x\x10", "\x10y"]), ("\x10x\x10\x10y".to_owned(), false));
    }
}
