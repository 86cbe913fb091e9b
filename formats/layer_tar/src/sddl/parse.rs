//! From text to the self-relative descriptor.

use super::{
    ACE_FLAGS, ACE_TYPES, Body, DACL_PRESENT, LABEL_RIGHTS, LIST_FLAGS, NO_LIST, RIGHTS, SACL_PRESENT, SELF_RELATIVE,
    SIDS, WHOLE_RIGHTS,
};

/// A list of entries with the control bits that stand before it.
struct List {
    control: u16,
    /// `None`: the list that allows all.
    bytes: Option<Vec<u8>>,
}

/// The self-relative descriptor of this text; `None` if it does not parse.
pub fn parse(text: &str) -> Option<Vec<u8>> {
    let (mut owner, mut group, mut dacl, mut sacl) = (None, None, None, None);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (letter, after) = rest.split_at_checked(2)?;
        let end = next_part(after);
        let (body, next) = after.split_at_checked(end)?;
        match letter {
            "O:" if owner.is_none() => owner = Some(sid(body)?),
            "G:" if group.is_none() => group = Some(sid(body)?),
            "D:" if dacl.is_none() => dacl = Some(list(body)?),
            "S:" if sacl.is_none() => sacl = Some(list(body)?),
            _ => return None,
        }
        rest = next;
    }
    let mut control = SELF_RELATIVE;
    let mut part = |list: Option<List>, present: u16, shift: u16| {
        let list = list?;
        control |= present | list.control << shift;
        list.bytes
    };
    let dacl = part(dacl, DACL_PRESENT, 0);
    let sacl = part(sacl, SACL_PRESENT, 1);
    let mut descriptor = vec![1, 0];
    descriptor.extend(control.to_le_bytes());
    let mut bodies = Vec::new();
    for body in [owner, group, sacl, dacl] {
        let offset = match &body {
            Some(_) => u32::try_from(20 + bodies.len()).ok()?,
            None => 0,
        };
        descriptor.extend(offset.to_le_bytes());
        bodies.extend(body.into_iter().flatten());
    }
    descriptor.extend(bodies);
    Some(descriptor)
}

/// Where the next `O:`, `G:`, `D:` or `S:` begins; none is within the parentheses of an entry.
fn next_part(text: &str) -> usize {
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'O' | b'G' | b'D' | b'S' if depth == 0 && bytes.get(at + 1) == Some(&b':') => return at,
            _ => {}
        }
    }
    text.len()
}

fn list(text: &str) -> Option<List> {
    let start = text.find('(').unwrap_or(text.len());
    let (flags, mut entries) = text.split_at_checked(start)?;
    let mut control = 0;
    let mut flags = flags;
    let mut allows_all = false;
    while !flags.is_empty() {
        if let Some(rest) = flags.strip_prefix(NO_LIST) {
            (allows_all, flags) = (true, rest);
            continue;
        }
        let (name, bit) = LIST_FLAGS.into_iter().find(|(name, _)| flags.starts_with(name))?;
        control |= bit;
        flags = &flags[name.len()..];
    }
    let mut bytes = Vec::new();
    let (mut count, mut revision) = (0u16, 2u8);
    while !entries.is_empty() {
        let end = entries.find(')')?;
        let entry = entries.get(1..end).filter(|_| entries.starts_with('('))?;
        let (ace, has_guids) = ace(entry)?;
        if has_guids {
            revision = 4;
        }
        bytes.extend(ace);
        count = count.checked_add(1)?;
        entries = entries.get(end + 1..)?;
    }
    let size = u16::try_from(8 + bytes.len()).ok()?;
    let mut list = vec![revision, 0];
    [size, count, 0].iter().for_each(|field| list.extend(field.to_le_bytes()));
    list.extend(bytes);
    Some(List { control, bytes: (!allows_all).then_some(list) })
}

/// An entry, and whether it names objects.
fn ace(text: &str) -> Option<(Vec<u8>, bool)> {
    let fields: Vec<&str> = text.split(';').map(str::trim).collect();
    let [kind, flags, rights, object, inherited, account] = fields.as_slice() else { return None };
    let (_, kind, body_of) = *ACE_TYPES.iter().find(|(name, ..)| name == kind)?;
    if body_of == Body::Condition {
        return None;
    }
    let mut bits = 0;
    for flag in pairs(flags)? {
        bits |= find(&ACE_FLAGS, flag)?;
    }
    let has_guids = body_of == Body::Objects;
    let mut body = mask(rights)?.to_le_bytes().to_vec();
    if has_guids {
        let (object, inherited) = (guid(object)?, guid(inherited)?);
        let present = u32::from(object.is_some()) | u32::from(inherited.is_some()) << 1;
        body.extend(present.to_le_bytes());
        body.extend(object.into_iter().chain(inherited).flatten());
    } else if !object.is_empty() || !inherited.is_empty() {
        return None;
    }
    body.extend(sid(account)?);
    let mut ace = vec![kind, bits];
    ace.extend(u16::try_from(4 + body.len()).ok()?.to_le_bytes());
    ace.extend(body);
    Some((ace, has_guids))
}

fn mask(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    pairs(text)?.try_fold(0, |mask, name| {
        let tables = [&WHOLE_RIGHTS[..], &RIGHTS, &LABEL_RIGHTS];
        Some(mask | tables.into_iter().find_map(|table| find(table, name))?)
    })
}

fn sid(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = find(&SIDS, text).unwrap_or(text);
    let mut numbers = text.strip_prefix("S-1-")?.split('-');
    let authority = numbers.next()?;
    let authority: u64 = match authority.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => authority.parse().ok()?,
    };
    let parts = numbers.map(|n| n.parse::<u32>().ok()).collect::<Option<Vec<_>>>()?;
    if parts.len() > 15 || authority >= 1 << 48 {
        return None;
    }
    let mut sid = vec![1, parts.len() as u8];
    sid.extend(&authority.to_be_bytes()[2..]);
    parts.iter().for_each(|part| sid.extend(part.to_le_bytes()));
    Some(sid)
}

/// A GUID in its mixed byte order; `Some(None)` for an empty field.
fn guid(text: &str) -> Option<Option<[u8; 16]>> {
    if text.is_empty() {
        return Some(None);
    }
    let groups: Vec<&str> = text.split('-').collect();
    if !text.is_ascii() || groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let number = u128::from_str_radix(&groups.concat(), 16).ok()?;
    let mut bytes = number.to_be_bytes();
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Some(Some(bytes))
}

fn pairs(text: &str) -> Option<impl Iterator<Item = &str>> {
    let whole = text.is_ascii() && text.len().is_multiple_of(2);
    whole.then(|| (0..text.len()).step_by(2).map(move |at| &text[at..at + 2]))
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_list_says_so() {
        let protected = parse("D:P(A;;0x1f01ff;;;SY)").unwrap();
        assert_eq!(protected[2..4], (SELF_RELATIVE | DACL_PRESENT | 0x1000).to_le_bytes());
        assert_eq!(parse("D:P(A;;FA;;;SY)").unwrap(), protected);
    }

    #[test]
    fn what_is_no_descriptor_is_refused() {
        for text in [
            "X:BA",
            "O:",
            "O:DA",
            "O:BAO:BA",
            "D:(A;;FA;;;)",
            "D:(A;;FA;;)",
            "D:(A;;ZZ;;;SY)",
            "D:(A;O;FA;;;SY)",
            "D:(A;;FA;;;SY",
            "D:Q(A;;FA;;;SY)",
            "D:(XA;;FA;;;SY;(1==1))",
            "O:S-1-5-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
            "O:S-1-99999999999999999999",
            "D:ü",
            "ü",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
