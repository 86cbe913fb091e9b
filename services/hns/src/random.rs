//! Random numbers and identifiers.

use casement_schema::Guid;

/// This many random bytes.
fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut filled = 0;
    while filled < LENGTH {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            // getrandom(2) without flags fails for no other reason on the kernels that this program runs on.
            Err(error) => unreachable!("getrandom: {error}"),
        }
    }
    bytes
}

/// A new identifier.
pub(crate) fn guid() -> Guid {
    Guid::from_random_bytes(bytes())
}

/// A number below `end`, which is not 0.
pub(crate) fn below(end: u64) -> u64 {
    // The remainder favours no number noticeably: 64 bits are far more than any `end` here.
    u64::from_ne_bytes(bytes()) % end
}

/// Any 16 bits.
pub(crate) fn word() -> u16 {
    u16::from_ne_bytes(bytes())
}
