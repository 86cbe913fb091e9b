//! The upper case of characters in names.

/// The upper case of a character, as NTFS sees it. Those above the basic plane are two surrogates there, which have none.
pub fn upcase(c: char) -> char {
    let Ok(unit) = u16::try_from(u32::from(c)) else { return c };
    char::from_u32(u32::from(casement_upcase::upcase(unit))).unwrap_or(c)
}
