//! Security descriptors as text ([MS-DTYP] 2.5.1, "Security Descriptor String Format" of Microsoft Learn).

use std::fmt::Write;

/// Most entries that one list is read for; its size in bytes has 16 bits, so that no list has more.
const MAX_ACES: usize = 8_192;
const SELF_RELATIVE: u16 = 0x8000;
const DACL_PRESENT: u16 = 0x4;
const SACL_PRESENT: u16 = 0x10;

/// Two letters for accounts that are the same everywhere.
const ACCOUNTS: [(&str, &str); 29] = [
    ("S-1-1-0", "WD"),
    ("S-1-3-0", "CO"),
    ("S-1-3-1", "CG"),
    ("S-1-3-4", "OW"),
    ("S-1-5-2", "NU"),
    ("S-1-5-4", "IU"),
    ("S-1-5-6", "SU"),
    ("S-1-5-7", "AN"),
    ("S-1-5-9", "ED"),
    ("S-1-5-10", "PS"),
    ("S-1-5-11", "AU"),
    ("S-1-5-12", "RC"),
    ("S-1-5-18", "SY"),
    ("S-1-5-19", "LS"),
    ("S-1-5-20", "NS"),
    ("S-1-5-32-544", "BA"),
    ("S-1-5-32-545", "BU"),
    ("S-1-5-32-546", "BG"),
    ("S-1-5-32-547", "PU"),
    ("S-1-5-32-548", "AO"),
    ("S-1-5-32-549", "SO"),
    ("S-1-5-32-550", "PO"),
    ("S-1-5-32-551", "BO"),
    ("S-1-5-32-555", "RD"),
    ("S-1-15-2-1", "AC"),
    ("S-1-16-4096", "LW"),
    ("S-1-16-8192", "ME"),
    ("S-1-16-12288", "HI"),
    ("S-1-16-16384", "SI"),
];

/// Masks that have a name of their own.
const WHOLE_RIGHTS: [(u32, &str); 7] = [
    (0x1f_01ff, "FA"),
    (0x12_0089, "FR"),
    (0x12_0116, "FW"),
    (0x12_00a0, "FX"),
    (0xf_003f, "KA"),
    (0x2_0019, "KR"),
    (0x2_0006, "KW"),
];

/// Single rights; a mask with any other bit is written as a number.
const RIGHTS: [(u32, &str); 17] = [
    (0x1000_0000, "GA"),
    (0x8000_0000, "GR"),
    (0x4000_0000, "GW"),
    (0x2000_0000, "GX"),
    (0x1, "CC"),
    (0x2, "DC"),
    (0x4, "LC"),
    (0x8, "SW"),
    (0x10, "RP"),
    (0x20, "WP"),
    (0x40, "DT"),
    (0x80, "LO"),
    (0x100, "CR"),
    (0x1_0000, "SD"),
    (0x2_0000, "RC"),
    (0x4_0000, "WD"),
    (0x8_0000, "WO"),
];

const FLAGS: [(u8, &str); 7] =
    [(0x1, "OI"), (0x2, "CI"), (0x4, "NP"), (0x8, "IO"), (0x10, "ID"), (0x40, "SA"), (0x80, "FA")];

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
    for (letter, at, present, bits) in
        [('D', 16, DACL_PRESENT, [0x1000, 0x100, 0x400]), ('S', 12, SACL_PRESENT, [0x2000, 0x200, 0x800])]
    {
        if control & present == 0 {
            continue;
        }
        let _ = write!(out, "{letter}:");
        for (bit, text) in bits.into_iter().zip(["P", "AR", "AI"]) {
            if control & bit != 0 {
                out.push_str(text);
            }
        }
        match part(descriptor, at)? {
            Some(list) => access_list(list, &mut out)?,
            None => out.push_str("NO_ACCESS_CONTROL"),
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
    let (kind, with_objects) = match entry[0] {
        0x0 => ("A", false),
        0x1 => ("D", false),
        0x2 => ("AU", false),
        0x5 => ("OA", true),
        0x6 => ("OD", true),
        0x7 => ("OU", true),
        0x9 => ("XA", false),
        0xa => ("XD", false),
        0xd => ("XU", false),
        0x11 => ("ML", false),
        0x12 => ("RA", false),
        0x13 => ("SP", false),
        0x14 => ("TL", false),
        _ => return Err("has an entry of an unknown type"),
    };
    let mask = u32_at(entry, 4).ok_or("has an entry that is cut short")?;
    let mut at = 8;
    let mut objects = [String::new(), String::new()];
    if with_objects {
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
    for (bit, text) in FLAGS {
        if entry[1] & bit != 0 {
            out.push_str(text);
        }
    }
    out.push(';');
    if kind == "ML" {
        for (bit, text) in [(1, "NW"), (2, "NR"), (4, "NX")] {
            if mask & bit != 0 {
                out.push_str(text);
            }
        }
    } else {
        rights(mask, out);
    }
    let _ = write!(out, ";{};{};{}", objects[0], objects[1], account(sid));
    // Conditions and claims have a grammar of their own; their bytes say what is there.
    if matches!(kind, "XA" | "XD" | "XU" | "RA") {
        out.push(';');
        for byte in &entry[at + length..] {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out.push(')');
    Ok(())
}

fn rights(mask: u32, out: &mut String) {
    if let Some((_, name)) = WHOLE_RIGHTS.iter().find(|(whole, _)| *whole == mask) {
        out.push_str(name);
    } else if RIGHTS.iter().fold(mask, |rest, (bit, _)| rest & !bit) == 0 {
        RIGHTS.iter().filter(|(bit, _)| mask & bit != 0).for_each(|(_, name)| out.push_str(name));
    } else {
        let _ = write!(out, "{mask:#x}");
    }
}

fn account(sid: String) -> String {
    match ACCOUNTS.iter().find(|(known, _)| *known == sid) {
        Some((_, letters)) => (*letters).to_owned(),
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
    use casement_hive::Security;

    #[test]
    fn a_descriptor_is_written_as_windows_writes_it() {
        let default = Security::default();
        assert_eq!(text(default.bytes()).unwrap(), "O:BAG:SYD:(A;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)");
        // Owner ContainerUser, a protected list with one inherited entry, an integrity label.
        let user = [1, 2, 0, 0, 0, 0, 0, 5, 93, 0, 0, 0, 2, 0, 0, 0];
        let mut bytes = vec![1, 0, 0x14, 0x90, 20, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0, 64, 0, 0, 0];
        bytes.extend(user);
        bytes.extend([2, 0, 28, 0, 1, 0, 0, 0, 0x11, 0, 20, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 16, 0, 0x20, 0, 0]);
        bytes.extend([2, 0, 32, 0, 1, 0, 0, 0, 0, 0x13, 24, 0, 0xbf, 1, 0x13, 0]);
        bytes.extend(user);
        let expected = "O:S-1-5-93-2D:P(A;OICIID;0x1301bf;;;S-1-5-93-2)S:(ML;;NW;;;ME)";
        assert_eq!(text(&bytes).unwrap(), expected);
    }

    #[test]
    fn damaged_descriptors_are_refused_without_a_panic() {
        let default = Security::default();
        for end in 0..default.bytes().len() {
            assert!(text(&default.bytes()[..end]).is_err(), "{end}");
        }
        for at in 0..default.bytes().len() {
            for bit in 0..8 {
                let mut flipped = default.bytes().to_vec();
                flipped[at] ^= 1 << bit;
                let _ = text(&flipped);
            }
        }
    }
}
