//! Why a stream cannot be unpacked.

use std::io;

/// What is wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// No code, length, distance or kind of block that RFC 1951 has.
    Deflate,
    /// No header of a member that RFC 1952 has.
    Header,
    /// What came out has another checksum or length than the member states.
    Checksum,
    /// It ends within the header of a member or what follows its blocks.
    Truncated,
    /// It ends within the blocks of a member.
    Incomplete,
}

/// The texts and kinds are flate2's, so that it makes no difference who unpacked.
impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        let text = match damage {
            Damage::Deflate => "corrupt deflate stream",
            Damage::Header => "invalid gzip header",
            Damage::Checksum => "corrupt gzip stream does not have a matching checksum",
            Damage::Incomplete => return io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete deflate stream"),
            Damage::Truncated => return io::ErrorKind::UnexpectedEof.into(),
        };
        io::Error::new(io::ErrorKind::InvalidInput, text)
    }
}
