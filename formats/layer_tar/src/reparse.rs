//! Symbolic links and mount points: as text in archives, as `REPARSE_DATA_BUFFER` in NTFS ([MS-FSCC] 2.1.2).

use crate::limits::MAX_REPARSE;

/// `IO_REPARSE_TAG_SYMLINK`
pub const TAG_SYMBOLIC_LINK: u32 = 0xA000_000C;
/// `IO_REPARSE_TAG_MOUNT_POINT`
pub const TAG_MOUNT_POINT: u32 = 0xA000_0003;
/// The target of a symbolic link is relative to where the link is.
const RELATIVE: u32 = 1;
/// Tag, length of the data, reserved.
const HEADER: usize = 8;

/// A symbolic link or a mount point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReparsePoint {
    /// Where it leads, with backslashes: `..\x`, `C:\x`, `\\server\share`, `\\?\Volume{…}\`.
    pub target: String,
    /// A mount point (junction) rather than a symbolic link.
    pub is_mount_point: bool,
}

impl ReparsePoint {
    /// The buffer as Windows keeps it; `None` for a target that is too long for one.
    pub fn to_buffer(&self) -> Option<Vec<u8>> {
        let target = self.target.as_str();
        let is_drive = matches!(target.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        let (native, relative) = if let Some(rest) = target.strip_prefix(r"\\?\") {
            (format!(r"\??\{rest}"), false)
        } else if let Some(rest) = target.strip_prefix(r"\\") {
            (format!(r"\??\UNC\{rest}"), false)
        } else if is_drive {
            (format!(r"\??\{target}"), false)
        } else {
            (target.to_owned(), true)
        };
        let (native, shown) = (utf16(&native), utf16(target));
        let flags = if self.is_mount_point { 0 } else { 4 };
        let length = 8 + flags + native.len() + shown.len();
        if HEADER + length > MAX_REPARSE {
            return None;
        }
        // Both texts end with a zero that does not count.
        let fields = [0, native.len() - 2, native.len(), shown.len() - 2];
        let tag = if self.is_mount_point { TAG_MOUNT_POINT } else { TAG_SYMBOLIC_LINK };
        let mut buffer = Vec::with_capacity(HEADER + length);
        buffer.extend(tag.to_le_bytes());
        buffer.extend((length as u16).to_le_bytes());
        buffer.extend([0, 0]);
        fields.iter().for_each(|field| buffer.extend((*field as u16).to_le_bytes()));
        if !self.is_mount_point {
            buffer.extend(if relative { RELATIVE } else { 0 }.to_le_bytes());
        }
        buffer.extend(native);
        buffer.extend(shown);
        Some(buffer)
    }

    /// Reads a buffer; `None` for other reparse points and damaged ones.
    pub fn from_buffer(buffer: &[u8]) -> Option<Self> {
        let u16_at = |at: usize| Some(usize::from(u16::from_le_bytes(buffer.get(at..at + 2)?.try_into().ok()?)));
        let tag = u32::from_le_bytes(buffer.get(..4)?.try_into().ok()?);
        let texts = match tag {
            TAG_MOUNT_POINT => HEADER + 8,
            TAG_SYMBOLIC_LINK => HEADER + 12,
            _ => return None,
        };
        let text = |field: usize| {
            let (offset, length) = (u16_at(field)?, u16_at(field + 2)?);
            let bytes = buffer.get(texts + offset..texts + offset + length)?;
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        };
        // The text that is shown may be empty; the native one says the same.
        let target = match text(HEADER + 4)? {
            shown if shown.is_empty() => text(HEADER)?.replacen(r"\??\", "", 1),
            shown => shown,
        };
        Some(Self { target, is_mount_point: tag == TAG_MOUNT_POINT })
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_read_back() {
        for target in [r"C:\Users", r"..\x", r"\\server\share\x", r"\\?\Volume{1}\", "ü", r"\rooted"] {
            for is_mount_point in [false, true] {
                let point = ReparsePoint { target: target.to_owned(), is_mount_point };
                assert_eq!(ReparsePoint::from_buffer(&point.to_buffer().unwrap()), Some(point));
            }
        }
        let point = ReparsePoint { target: "x".repeat(20_000), is_mount_point: false };
        assert_eq!(point.to_buffer(), None);
    }

    #[test]
    fn a_link_to_a_drive_is_laid_out_as_in_windows() {
        let buffer = ReparsePoint { target: r"C:\a".to_owned(), is_mount_point: false }.to_buffer().unwrap();
        let head = [0x0c, 0, 0, 0xa0, 40, 0, 0, 0, 0, 0, 16, 0, 18, 0, 8, 0, 0, 0, 0, 0, b'\\', 0, b'?', 0];
        assert_eq!(buffer[..head.len()], head);
        assert_eq!(buffer.len(), 48);
    }

    #[test]
    fn damaged_buffers_are_none() {
        let buffer = ReparsePoint { target: r"C:\a".to_owned(), is_mount_point: true }.to_buffer().unwrap();
        for end in 0..buffer.len() - 2 {
            assert_eq!(ReparsePoint::from_buffer(&buffer[..end]), None, "{end}");
        }
        for at in 0..buffer.len() {
            for bit in 0..8 {
                let mut flipped = buffer.clone();
                flipped[at] ^= 1 << bit;
                let _ = ReparsePoint::from_buffer(&flipped);
            }
        }
    }
}
