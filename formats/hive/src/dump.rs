//! A hive as text, for people and for `diff`.

use crate::name::Name;
use crate::security::Security;
use crate::tree::{Entry, Flags, Key, Semantics, Tree};
use crate::value::{self, Value};
use std::collections::HashMap;
use std::fmt::{self, Write};

/// Bytes of data in one line.
const LINE: usize = 32;

/// Writes all keys and values of `tree`: a line for each key in brackets and below it a line for each value, in the order
/// of hives. Descriptors get numbers in the order in which they appear and stand at the end.
///
/// # Errors
/// Only those of `out`.
pub fn dump(tree: &Tree, out: &mut impl Write) -> fmt::Result {
    let mut dumper = Dumper { out: &mut *out, securities: Vec::new(), known: HashMap::new() };
    dumper.key(&mut String::new(), &tree.root_name, &tree.root)?;
    let securities = dumper.securities;
    for (number, security) in securities.iter().enumerate() {
        write!(out, "\nsecurity {} =", number + 1)?;
        bytes(out, security.bytes())?;
    }
    if !securities.is_empty() {
        out.write_char('\n')?;
    }
    Ok(())
}

struct Dumper<'o, 'a, W> {
    out: &'o mut W,
    securities: Vec<&'a Security>,
    known: HashMap<&'a Security, usize>,
}

impl<'a, W: Write> Dumper<'_, 'a, W> {
    fn key(&mut self, path: &mut String, name: &'a Name, key: &'a Key) -> fmt::Result {
        let length = path.len();
        if length > 0 {
            path.push('\\');
        }
        escaped(path, name, ']')?;
        let number = match self.known.get(&key.security) {
            Some(number) => *number,
            None => {
                self.securities.push(&key.security);
                self.known.insert(&key.security, self.securities.len());
                self.securities.len()
            }
        };
        let out = &mut *self.out;
        write!(out, "[{path}] {} security {number}", key.time)?;
        if let Some(class) = &key.class {
            out.write_str(" class \"")?;
            escaped(out, class, '"')?;
            out.write_char('"')?;
        }
        flags(out, key.flags)?;
        out.write_str(match key.layer.semantics {
            Semantics::Merge => "",
            Semantics::Tombstone => " tombstone",
            Semantics::SupersedeLocal => " supersede-local",
            Semantics::SupersedeTree => " supersede-tree",
        })?;
        out.write_str(if key.layer.inherit_class { " inherit-class\n" } else { "\n" })?;
        for (name, entry) in key.entries() {
            out.write_str("  \"")?;
            escaped(out, name, '"')?;
            out.write_str("\" = ")?;
            match entry {
                Entry::Tombstone => out.write_str("tombstone")?,
                Entry::Value(value) => self::entry(out, value)?,
            }
            out.write_char('\n')?;
        }
        for (name, subkey) in key.subkeys() {
            self.key(path, name, subkey)?;
        }
        path.truncate(length);
        Ok(())
    }
}

fn flags(out: &mut impl Write, flags: Flags) -> fmt::Result {
    let mut rest = flags.node;
    for (bit, name) in [(Flags::LINK, "link"), (Flags::NO_DELETE, "no-delete")] {
        if rest & bit != 0 {
            write!(out, " {name}")?;
        }
        rest &= !bit;
    }
    for (name, bits) in [("flags", rest), ("control", flags.control)] {
        if bits != 0 {
            write!(out, " {name} {bits:#x}")?;
        }
    }
    Ok(())
}

fn entry(out: &mut impl Write, value: &Value) -> fmt::Result {
    match value::type_name(value.kind()) {
        Some(name) => out.write_str(name)?,
        None => write!(out, "type {:#x}", value.kind())?,
    }
    let mut units = value.units();
    let whole = value.data().len().is_multiple_of(2);
    match value.kind() {
        value::STRING | value::EXPAND_STRING | value::MULTI_STRING if whole && units.last() == Some(&0) => {
            units.pop();
            text(out, units)
        }
        value::LINK if whole => text(out, units),
        _ => match value.as_dword() {
            Some(number) => write!(out, " {number:#x}"),
            None => bytes(out, value.data()),
        },
    }
}

fn text(out: &mut impl Write, units: Vec<u16>) -> fmt::Result {
    out.write_str(" \"")?;
    escaped(out, &Name::from_units(units), '"')?;
    out.write_char('"')
}

fn bytes(out: &mut impl Write, data: &[u8]) -> fmt::Result {
    for line in data.chunks(LINE) {
        out.write_str(if data.len() > LINE { "\n   " } else { "" })?;
        line.iter().try_for_each(|byte| write!(out, " {byte:02x}"))?;
    }
    Ok(())
}

/// Text in which everything that is no visible character is escaped, so that two texts are the same only if all units are.
fn escaped(out: &mut impl Write, name: &Name, end: char) -> fmt::Result {
    for c in char::decode_utf16(name.units().iter().copied()) {
        match c {
            Ok(c) if c == '\\' || c == end => write!(out, "\\{c}")?,
            Ok(c) if c.is_control() || c.is_whitespace() && c != ' ' => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            Ok(c) => out.write_char(c)?,
            Err(lone) => write!(out, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
        }
    }
    Ok(())
}
