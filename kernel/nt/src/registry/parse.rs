//! Reads registry text. Containers write these files, so nothing in them is trusted.

use super::value::{BINARY, DWORD, EXPAND_STRING, MULTI_STRING, STRING};
use super::{Folded, Key, Registry, Value, escape};
use std::collections::BTreeMap;
use thiserror::Error;

/// First line of a file.
pub(super) const HEADER: &str = "WINE REGISTRY Version 2";
/// Begins the comment that names the root.
pub(super) const ROOT_COMMENT: &str = ";; All keys relative to ";
/// Largest file in bytes.
pub const MAX_TEXT: usize = 256 << 20;
/// Most keys in one file.
pub const MAX_KEYS: usize = 1_000_000;
/// Deepest key (Windows allows 512 levels).
pub const MAX_DEPTH: usize = 512;
/// Longest name of a key in UTF-16 units (Windows allows 255; Wine's own class keys stay below).
pub const MAX_NAME: usize = 1024;

/// Why a registry text is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RegistryError {
    /// The first line is another one.
    #[error("registry text does not begin with \"{HEADER}\"")]
    NotARegistry,
    /// A line that does not parse.
    #[error("registry text, line {line}: {why}")]
    BadLine {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// One of the named limits was passed.
    #[error("registry text has {0}")]
    TooLarge(&'static str),
}

impl Registry {
    /// Parses the text of a registry file.
    ///
    /// # Errors
    /// [`RegistryError`] names the first bad line.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        if bytes.len() > MAX_TEXT {
            return Err(RegistryError::TooLarge("more than 256 MB"));
        }
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l)).enumerate();
        if lines.next().is_none_or(|(_, line)| line != HEADER) {
            return Err(RegistryError::NotARegistry);
        }
        let mut registry = Self { root: String::new(), architecture: None, keys: BTreeMap::new() };
        let mut current: Option<Folded> = None;
        let mut joined = String::new();
        for (index, line) in lines {
            let bad = |why| RegistryError::BadLine { line: index + 1, why };
            // A value's bytes go on in the next line after a backslash; strings always end with a quote.
            let line = match joined.is_empty() {
                true => line,
                false => {
                    joined.push_str(line.trim_start());
                    &joined
                }
            };
            if let Some(head) = line.strip_suffix('\\').filter(|h| h.ends_with(',') || h.ends_with(':')) {
                joined = head.to_owned();
                continue;
            }
            let key = current.as_ref().and_then(|k| registry.keys.get_mut(k));
            match (line.chars().next(), key) {
                (None, _) => {}
                (Some(';'), _) => {
                    if let Some(root) = line.strip_prefix(ROOT_COMMENT) {
                        registry.root = root.to_owned();
                    }
                }
                (Some('#'), key) => option(&mut registry.architecture, key, line).map_err(bad)?,
                (Some('['), _) => current = Some(registry.read_key(line).map_err(bad)?),
                (Some('"' | '@'), Some(key)) => read_value(key, line).map_err(bad)?,
                (Some('"' | '@'), None) => return Err(bad("a value without a key")),
                _ => return Err(bad("neither a key nor a value")),
            }
            joined.clear();
            if registry.keys.len() > MAX_KEYS {
                return Err(RegistryError::TooLarge("more than 1000000 keys"));
            }
        }
        match joined.is_empty() {
            true => Ok(registry),
            false => Err(RegistryError::TooLarge("a value that does not end")),
        }
    }

    fn read_key(&mut self, line: &str) -> Result<Folded, &'static str> {
        let (units, _time) = escape::read(&line[1..], ']').ok_or("a key without an end")?;
        let path = String::from_utf16_lossy(&units);
        let mut depth = 0;
        for part in path.split('\\') {
            depth += 1;
            if part.is_empty() || part.encode_utf16().count() > MAX_NAME || part.contains(['\0', super::SEPARATOR]) {
                return Err("a key with a bad name");
            }
        }
        if depth > MAX_DEPTH {
            return Err("a key that is too deep");
        }
        let folded = Folded::new(&path);
        self.keys.entry(folded.clone()).or_insert_with(|| Key { path, ..Key::default() });
        Ok(folded)
    }
}

fn option(architecture: &mut Option<String>, key: Option<&mut Key>, line: &str) -> Result<(), &'static str> {
    match (line, key) {
        ("#link", Some(key)) => key.link = true,
        (_, Some(key)) if line.starts_with("#class=") => {
            let quoted = line["#class=".len()..].strip_prefix('"').ok_or("a class without quotes")?;
            let (units, _) = escape::read(quoted, '"').ok_or("a class without an end")?;
            key.class = Some(String::from_utf16_lossy(&units));
        }
        (_, None) if line.starts_with("#arch=") => *architecture = Some(line["#arch=".len()..].to_owned()),
        // Times, and what later versions of Wine add.
        _ => {}
    }
    Ok(())
}

fn read_value(key: &mut Key, line: &str) -> Result<(), &'static str> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => {
            let (units, rest) = escape::read(quoted, '"').ok_or("a name without an end")?;
            (String::from_utf16_lossy(&units), rest)
        }
        None => (String::new(), &line[1..]),
    };
    let data = rest.strip_prefix('=').ok_or("a value without '='")?;
    key.set(&name, parse_data(data)?);
    Ok(())
}

fn parse_data(data: &str) -> Result<Value, &'static str> {
    if let Some(digits) = data.strip_prefix("dword:") {
        let number = u32::from_str_radix(digits, 16).map_err(|_| "a bad number")?;
        return Ok(Value::raw(DWORD, number.to_le_bytes().to_vec()));
    }
    if let Some(text) = data.strip_prefix('"') {
        return string(STRING, text);
    }
    if let Some(rest) = data.strip_prefix("str(") {
        let (kind, text) = rest.split_once("):\"").ok_or("a bad string")?;
        return match u32::from_str_radix(kind, 16) {
            Ok(kind @ (STRING | EXPAND_STRING | MULTI_STRING)) => string(kind, text),
            _ => Err("a string of a type that has none"),
        };
    }
    if let Some(bytes) = data.strip_prefix("hex:") {
        return Ok(Value::raw(BINARY, hex(bytes)?));
    }
    let rest = data.strip_prefix("hex(").ok_or("a value of an unknown form")?;
    let (kind, bytes) = rest.split_once("):").ok_or("a bad type")?;
    let kind = u32::from_str_radix(kind, 16).map_err(|_| "a bad type")?;
    Ok(Value::raw(kind, hex(bytes)?))
}

fn string(kind: u32, text: &str) -> Result<Value, &'static str> {
    let (mut units, rest) = escape::read(text, '"').ok_or("a string without an end")?;
    if !rest.is_empty() {
        return Err("text behind a string");
    }
    units.push(0);
    Ok(Value::raw(kind, units.into_iter().flat_map(u16::to_le_bytes).collect()))
}

fn hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
    words.map(|w| u8::from_str_radix(w, 16).map_err(|_| "a bad byte")).collect()
}
