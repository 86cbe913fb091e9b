//! Security descriptors as text ("Security Descriptor String Format", Microsoft Learn), which old layers have in
//! `MSWINDOWS.sd`: parsed into the self-relative form. Conditions, and names that only a domain gives a meaning, are not known.

/// Control bits ([MS-DTYP] 2.4.6).
const DACL_PRESENT: u16 = 0x0004;
const SACL_PRESENT: u16 = 0x0010;
const SELF_RELATIVE: u16 = 0x8000;
/// Bits of the flags of a list, for the DACL; those of the SACL are twice as much.
const AUTO_INHERIT_REQUIRED: u16 = 0x0100;
const AUTO_INHERITED: u16 = 0x0400;
const PROTECTED: u16 = 0x1000;

const ACE_TYPES: [(&str, u8); 8] =
    [("A", 0), ("D", 1), ("AU", 2), ("AL", 3), ("OA", 5), ("OD", 6), ("OU", 7), ("ML", 0x11)];
const ACE_FLAGS: [(&str, u8); 7] =
    [("OI", 1), ("CI", 2), ("NP", 4), ("IO", 8), ("ID", 0x10), ("SA", 0x40), ("FA", 0x80)];
const RIGHTS: [(&str, u32); 28] = [
    ("GA", 0x1000_0000),
    ("GR", 0x8000_0000),
    ("GW", 0x4000_0000),
    ("GX", 0x2000_0000),
    ("RC", 0x2_0000),
    ("SD", 0x1_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("FA", 0x1f_01ff),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00a0),
    ("KA", 0xf_003f),
    ("KR", 0x2_0019),
    ("KW", 0x2_0006),
    ("KX", 0x2_0019),
    ("NW", 0x1),
    ("NR", 0x2),
    ("NX", 0x4),
];
/// Abbreviations of identifiers that are the same everywhere ("SID Strings", Microsoft Learn).
const SIDS: [(&str, &str); 33] = [
    ("AC", "S-1-15-2-1"),
    ("AN", "S-1-5-7"),
    ("AO", "S-1-5-32-548"),
    ("AU", "S-1-5-11"),
    ("BA", "S-1-5-32-544"),
    ("BG", "S-1-5-32-546"),
    ("BO", "S-1-5-32-551"),
    ("BU", "S-1-5-32-545"),
    ("CG", "S-1-3-1"),
    ("CO", "S-1-3-0"),
    ("ED", "S-1-5-9"),
    ("HI", "S-1-16-12288"),
    ("IU", "S-1-5-4"),
    ("LS", "S-1-5-19"),
    ("LW", "S-1-16-4096"),
    ("ME", "S-1-16-8192"),
    ("MP", "S-1-16-8448"),
    ("NO", "S-1-5-32-556"),
    ("NS", "S-1-5-20"),
    ("NU", "S-1-5-2"),
    ("OW", "S-1-3-4"),
    ("PO", "S-1-5-32-550"),
    ("PS", "S-1-5-10"),
    ("PU", "S-1-5-32-547"),
    ("RC", "S-1-5-12"),
    ("RD", "S-1-5-32-555"),
    ("RE", "S-1-5-32-552"),
    ("RU", "S-1-5-32-554"),
    ("SI", "S-1-16-16384"),
    ("SO", "S-1-5-32-549"),
    ("SU", "S-1-5-6"),
    ("SY", "S-1-5-18"),
    ("WD", "S-1-1-0"),
];

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
        let known = [("AR", AUTO_INHERIT_REQUIRED), ("AI", AUTO_INHERITED), ("P", PROTECTED)];
        if let Some(rest) = flags.strip_prefix("NO_ACCESS_CONTROL") {
            (allows_all, flags) = (true, rest);
            continue;
        }
        let (name, bit) = known.into_iter().find(|(name, _)| flags.starts_with(name))?;
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
    let kind = find(&ACE_TYPES, kind)?;
    let mut bits = 0;
    for flag in pairs(flags)? {
        bits |= find(&ACE_FLAGS, flag)?;
    }
    let has_guids = matches!(kind, 5..=7);
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
    pairs(text)?.try_fold(0, |mask, name| Some(mask | find(&RIGHTS, name)?))
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
    use crate::security::is_valid;

    #[test]
    fn texts_become_descriptors() {
        for text in [
            "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(D;;GW;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)",
            "D:(A;;FA;;;WD)S:(ML;;NW;;;LW)(AU;SAFA;FA;;;WD)",
            "O:S-1-5-18",
            "D:NO_ACCESS_CONTROL",
            "D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;AU)",
            "",
        ] {
            assert!(is_valid(&parse(text).unwrap()), "{text}");
        }
        let protected = parse("D:P(A;;0x1f01ff;;;SY)").unwrap();
        assert_eq!(protected[2..4], (SELF_RELATIVE | DACL_PRESENT | PROTECTED).to_le_bytes());
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
