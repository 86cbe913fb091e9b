//! What programs write, as text: a character that comes in two pieces is put together.

/// Puts pieces of UTF-8 together; what is none becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Text {
    rest: Vec<u8>,
}

impl Text {
    /// The text of a piece, without the beginning of a character that has not come to its end.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => match self.rest.utf8_chunks().last() {
                // Something else is wrong before: only an unfinished end waits.
                Some(chunk) if !chunk.invalid().is_empty() && is_unfinished(chunk.invalid()) => {
                    self.rest.len() - chunk.invalid().len()
                }
                _ => self.rest.len(),
            },
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        text
    }

    /// What is left at the end.
    pub(super) fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }
}

fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_in_pieces() {
        let mut text = Text::default();
        let bytes = "aé\u{20ac}z".as_bytes();
        let shown: Vec<String> = bytes.chunks(1).map(|byte| text.piece(byte)).collect();
        assert_eq!(shown.concat(), "aé\u{20ac}z");
        assert_eq!((text.piece(b"\xffx\xe2\x82"), text.end()), ("\u{fffd}x".to_owned(), "\u{fffd}".to_owned()));
    }
}
