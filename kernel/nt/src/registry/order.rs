//! The order of keys and values in Wine's text: by lower case (`memicmp_strW`), where hives go by upper case.

use casement_hive::Name;

/// What a name is sorted by.
pub(super) fn lower(name: &Name) -> Vec<u16> {
    name.units().iter().map(|unit| lower_unit(*unit)).collect()
}

fn lower_unit(unit: u16) -> u16 {
    let lower = |c: char| {
        let mut lower = c.to_lowercase();
        lower.next().filter(|_| lower.next().is_none())
    };
    let lower = char::from_u32(unit.into()).and_then(lower);
    lower.and_then(|c| u16::try_from(u32::from(c)).ok()).unwrap_or(unit)
}

/// Names with what they name, in the order of the text.
pub(super) fn sorted<'a, T>(entries: impl Iterator<Item = (&'a Name, T)>) -> Vec<(&'a Name, T)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_cached_key(|(name, _)| lower(name));
    entries
}
