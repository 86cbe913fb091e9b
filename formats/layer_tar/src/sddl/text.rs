//! From the self-relative descriptor to text.

use super::{
    ACE_FLAGS, ACE_TYPES, Body, DACL_PRESENT, LABEL_RIGHTS, LIST_FLAGS, NO_LIST, RIGHTS, SACL_PRESENT, SELF_RELATIVE,
    SIDS, WHOLE_RIGHTS,
};
use std::fmt::Write;

/// Most entries that one list is read for; its size in bytes has 16 bits, so that no list has more.
const MAX_ACES: usize = 8_192;

/// The text of a self-relative descriptor: `O:BAG:SYD:(A;;FA;;;SY)`.
///
/// # Errors
/// What is wrong with the descriptor.
pub fn text(descriptor: &[u8]) -> Result<String, &'static str> {
    let head = descriptor.get(..20).ok_or("is shorter than its header")?;
    if head[0] != 1 {
        return Err("has another revision than 1");
    }
    let control = u16::from_le_bytes([head[2], head[3]]);
    if control & SELF_RELATIVE == 0 {
        return Err("is not self-relative");
    }
    let mut out = String::new();
    for (letter, at) in [('O', 4), ('G', 8)] {
        if let Some(sid) = part(descriptor, at)? {
            let _ = write!(out, "{letter}:{}", account(sid_at(sid)?.0));
        }
    }
    for (letter, at, present, shift) in [('D', 16, DACL_PRESENT, 0), ('S', 12, SACL_PRESENT, 1)] {
        if control & present == 0 {
            continue;
        }
        let _ = write!(out, "{letter}:");
        for (text, bit) in LIST_FLAGS {
            if control & bit << shift != 0 {
                out.push_str(text);
            }
        }
        match part(descriptor, at)? {
            Some(list) => access_list(list, &mut out)?,
            None => out.push_str(NO_LIST),
        }
    }
    Ok(out)
}

/// What the offset at `at` leads to.
fn part(descriptor: &[u8], at: usize) -> Result<Option<&[u8]>, &'static str> {
    let offset = u32_at(descriptor, at).ok_or("is shorter than its header")? as usize;
    match offset {
        0 => Ok(None),
        _ => descriptor.get(offset..).filter(|rest| !rest.is_empty()).map(Some).ok_or("has an offset behind its end"),
    }
}

fn access_list(list: &[u8], out: &mut String) -> Result<(), &'static str> {
    let size = usize::from(u16_at(list, 2).ok_or("has a list that is cut short")?);
    let count = usize::from(u16_at(list, 4).ok_or("has a list that is cut short")?);
    let list = list.get(..size).filter(|list| list.len() >= 8).ok_or("has a list that is cut short")?;
    if !matches!(list[0], 2 | 4) {
        return Err("has a list of an unknown revision");
    }
    let mut rest = &list[8..];
    for _ in 0..count.min(MAX_ACES) {
        let size = usize::from(u16_at(rest, 2).ok_or("has a list with fewer entries than it says")?);
        if size < 8 || size > rest.len() {
            return Err("has an entry that is longer than its list");
        }
        let (entry, after) = rest.split_at(size);
        ace(entry, out)?;
        rest = after;
    }
    Ok(())
}

fn ace(entry: &[u8], out: &mut String) -> Result<(), &'static str> {
    let known = ACE_TYPES.iter().find(|(_, kind, _)| *kind == entry[0]);
    let (kind, _, body) = *known.ok_or("has an entry of an unknown type")?;
    let mask = u32_at(entry, 4).ok_or("has an entry that is cut short")?;
    let mut at = 8;
    let mut objects = [String::new(), String::new()];
    if body == Body::Objects {
        let present = u32_at(entry, 8).ok_or("has an entry that is cut short")?;
        at = 12;
        for (bit, object) in [1, 2].into_iter().zip(&mut objects) {
            if present & bit != 0 {
                let guid = entry.get(at..at + 16).ok_or("has an entry that is cut short")?;
                *object = self::guid(guid);
                at += 16;
            }
        }
    }
    let (sid, length) = sid_at(entry.get(at..).ok_or("has an entry that is cut short")?)?;
    let _ = write!(out, "({kind};");
    for (text, bit) in ACE_FLAGS {
        if entry[1] & bit != 0 {
            out.push_str(text);
        }
    }
    out.push(';');
    match body {
        Body::Label => rights(mask, &[], &LABEL_RIGHTS, out),
        _ => rights(mask, &WHOLE_RIGHTS, &RIGHTS, out),
    }
    let _ = write!(out, ";{};{};{}", objects[0], objects[1], account(sid));
    // Conditions and claims have a grammar of their own; their bytes say what is there.
    if body == Body::Condition {
        out.push(';');
        for byte in &entry[at + length..] {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out.push(')');
    Ok(())
}

/// The name of the whole mask, or those of its bits; a mask with any other bit is written as a number.
fn rights(mask: u32, whole: &[(&str, u32)], single: &[(&str, u32)], out: &mut String) {
    if let Some((name, _)) = whole.iter().find(|(_, whole)| *whole == mask) {
        out.push_str(name);
    } else if single.iter().fold(mask, |rest, (_, bit)| rest & !bit) == 0 {
        single.iter().filter(|(_, bit)| mask & bit != 0).for_each(|(name, _)| out.push_str(name));
    } else {
        let _ = write!(out, "{mask:#x}");
    }
}

fn account(sid: String) -> String {
    match SIDS.iter().find(|(_, known)| *known == sid) {
        Some((letters, _)) => (*letters).to_owned(),
        None => sid,
    }
}

/// The identifier at the beginning of `bytes`, and its length.
fn sid_at(bytes: &[u8]) -> Result<(String, usize), &'static str> {
    let wrong = "has an account that is cut short";
    let head = bytes.get(..8).ok_or(wrong)?;
    let count = usize::from(head[1]);
    if head[0] != 1 || count > 15 {
        return Err("has an account that is none");
    }
    let authority = head[2..8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for number in 0..count {
        let _ = write!(text, "-{}", u32_at(bytes, 8 + 4 * number).ok_or(wrong)?);
    }
    Ok((text, 8 + 4 * count))
}

fn guid(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (place, at) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{:02x}", bytes.get(at).copied().unwrap_or(0));
    }
    text
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security;

    #[test]
    fn damaged_descriptors_are_refused_without_a_panic() {
        let good = security::of_directories();
        for end in 0..good.len() {
            assert!(text(&good[..end]).is_err(), "{end}");
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << bit;
                let _ = text(&flipped);
            }
        }
    }

    #[test]
    fn conditions_are_shown_as_their_bytes() {
        let mut bytes = vec![1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
        bytes.extend([2, 0, 32, 0, 1, 0, 0, 0, 9, 0, 24, 0, 0x89, 0, 0x12, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        bytes.extend(*b"artx");
        assert_eq!(text(&bytes).unwrap(), "D:(XA;;FR;;;WD;61727478)");
    }
}
