//! Strings in registry text: ASCII, with C escapes for all other UTF-16 units (`dump_strW` and `parse_strW` of Wine).

/// The escapes that have a letter.
const LETTERS: [(u16, char); 8] = [(7, 'a'), (8, 'b'), (9, 't'), (10, 'n'), (11, 'v'), (12, 'f'), (13, 'r'), (27, 'e')];

/// Appends `units` to `out`. `special` are the characters that need a backslash besides the backslash itself.
pub(super) fn append(out: &mut String, units: &[u16], special: [char; 2]) {
    for (at, unit) in units.iter().enumerate() {
        let next = units.get(at + 1).and_then(|u| char::from_u32((*u).into()));
        let character = char::from_u32((*unit).into()).filter(char::is_ascii);
        match (character, LETTERS.iter().find(|(u, _)| u == unit)) {
            (_, Some((_, letter))) => out.extend(['\\', *letter]),
            (None, _) if next.is_some_and(|c| c.is_ascii_hexdigit()) => out.push_str(&format!("\\x{unit:04x}")),
            (None, _) => out.push_str(&format!("\\x{unit:x}")),
            (Some(c), _) if c < ' ' => match next {
                Some('0'..='7') => out.push_str(&format!("\\{unit:03o}")),
                _ => out.push_str(&format!("\\{unit:o}")),
            },
            (Some(c), _) => {
                if c == '\\' || special.contains(&c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
}

/// Reads up to the first unescaped `end` and gives the units and the rest behind it.
pub(super) fn read(text: &str, end: char) -> Option<(Vec<u16>, &str)> {
    let mut units = Vec::new();
    let mut rest = text;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        if c == end {
            return Some((units, rest));
        }
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        let escaped = rest.chars().next()?;
        rest = &rest[escaped.len_utf8()..];
        match escaped {
            'x' => {
                let digits = rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
                match u16::from_str_radix(&rest[..digits], 16) {
                    Ok(unit) => units.push(unit),
                    // Wine takes the letter for itself then.
                    Err(_) => units.push(u16::from(b'x')),
                }
                rest = &rest[digits..];
            }
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let first = escaped.to_digit(8)?;
                let unit = rest[..more].chars().filter_map(|c| c.to_digit(8)).fold(first, |n, d| n * 8 + d);
                units.push(u16::try_from(unit).ok()?);
                rest = &rest[more..];
            }
            other => match LETTERS.iter().find(|(_, letter)| *letter == other) {
                Some((unit, _)) => units.push(*unit),
                None => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            },
        }
    }
}
