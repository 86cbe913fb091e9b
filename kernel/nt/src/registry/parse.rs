//! Reads registry text. Containers write these files, so nothing in them is trusted.

use super::{Key, Name, NtTime, Registry, Tree, Value, escape, order};
use casement_hive::limits::{MAX_DEPTH, MAX_KEY_NAME};
use casement_hive::{Entry, Flags, value};
use thiserror::Error;

/// First line of a file.
pub(super) const HEADER: &str = "WINE REGISTRY Version 2";
/// Begins the comment that names the root.
pub(super) const ROOT_COMMENT: &str = ";; All keys relative to ";
/// Largest file in bytes.
pub const MAX_TEXT: usize = 256 << 20;
/// Most keys in one file.
pub const MAX_KEYS: usize = 1_000_000;
/// Separates names in a path.
const BACKSLASH: u16 = b'\\' as u16;
/// The time of a key that the file does not give.
const UNKNOWN: NtTime = NtTime(u64::MAX);

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
        let mut parser = Parser::default();
        let mut joined = String::new();
        for (index, line) in lines {
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
            parser.line(line).map_err(|why| RegistryError::BadLine { line: index + 1, why })?;
            joined.clear();
            if parser.keys > MAX_KEYS {
                return Err(RegistryError::TooLarge("more than 1000000 keys"));
            }
        }
        match joined.is_empty() {
            true => Ok(parser.finish()),
            false => Err(RegistryError::TooLarge("a value that does not end")),
        }
    }
}

struct Parser {
    root: String,
    architecture: Option<String>,
    tree: Tree,
    /// Keys that were made, which are more than those that the text names.
    keys: usize,
    /// The key whose lines are read, and where it belongs.
    current: Option<(Vec<Name>, Key)>,
}

impl Default for Parser {
    fn default() -> Self {
        let mut tree = Tree::new("ROOT");
        tree.root.time = UNKNOWN;
        Self { root: String::new(), architecture: None, tree, keys: 0, current: None }
    }
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let key = self.current.as_mut().map(|(_, key)| key);
        match (line.chars().next(), key) {
            (None, _) => {}
            (Some(';'), _) => {
                if let Some(root) = line.strip_prefix(ROOT_COMMENT) {
                    self.root = root.to_owned();
                }
            }
            (Some('#'), key) => option(&mut self.architecture, key, line)?,
            (Some('['), _) => {
                self.put();
                self.current = Some(begin(line)?);
            }
            (Some('"' | '@'), Some(key)) => read_value(key, line)?,
            (Some('"' | '@'), None) => return Err("a value without a key"),
            _ => return Err("neither a key nor a value"),
        }
        Ok(())
    }

    /// Puts the key that was read into the tree.
    fn put(&mut self) {
        let Some((path, read)) = self.current.take() else { return };
        let mut key = &mut self.tree.root;
        for name in path {
            if key.subkey(&name).is_none() {
                self.keys += 1;
                key.create_subkey(name.clone()).time = UNKNOWN;
            }
            key = key.create_subkey(name);
        }
        key.time = read.time;
        key.flags.node |= read.flags.node;
        key.class = read.class.clone().or(key.class.take());
        for (name, value) in read.values() {
            key.put_entry(name.clone(), Entry::Value(value.clone()));
        }
    }

    fn finish(mut self) -> Registry {
        self.put();
        inherit_times(&mut self.tree.root);
        Registry { root: self.root, architecture: self.architecture, tree: self.tree }
    }
}

/// Gives keys that are only there because of their subkeys the time of the first of these, as Wine does.
fn inherit_times(key: &mut Key) {
    key.subkeys_mut().for_each(|(_, subkey)| inherit_times(subkey));
    if key.time == UNKNOWN {
        let first = key.subkeys().min_by_key(|(name, _)| order::lower(name));
        key.time = first.map(|(_, subkey)| subkey.time).unwrap_or_default();
    }
}

/// Reads the line that begins a key; the root's has no name.
fn begin(line: &str) -> Result<(Vec<Name>, Key), &'static str> {
    let (units, rest) = escape::read(&line[1..], ']').ok_or("a key without an end")?;
    let mut path = Vec::new();
    if !units.is_empty() {
        for part in units.split(|unit| *unit == BACKSLASH) {
            if part.is_empty() || part.len() > MAX_KEY_NAME {
                return Err("a key with a bad name");
            }
            path.push(Name::from_units(part));
        }
    }
    if path.len() > MAX_DEPTH {
        return Err("a key that is too deep");
    }
    let mut key = Key::default();
    key.time = rest.trim().parse().map(NtTime::from_unix).unwrap_or_default();
    Ok((path, key))
}

fn option(architecture: &mut Option<String>, key: Option<&mut Key>, line: &str) -> Result<(), &'static str> {
    match (line, key) {
        ("#link", Some(key)) => key.flags.node |= Flags::LINK,
        (_, Some(key)) if line.starts_with("#class=") => {
            let quoted = line["#class=".len()..].strip_prefix('"').ok_or("a class without quotes")?;
            let (mut units, _) = escape::read(quoted, '"').ok_or("a class without an end")?;
            // Wine counts a terminator to the class that it reads and writes it, one more each time.
            while units.pop_if(|unit| *unit == 0).is_some() {}
            key.class = Some(Name::from_units(units)).filter(|class| !class.is_empty());
        }
        (_, Some(key)) if line.starts_with("#time=") => {
            let time = u64::from_str_radix(&line["#time=".len()..], 16).map_err(|_| "a bad time")?;
            key.time = NtTime(time.min(UNKNOWN.0 - 1));
        }
        (_, None) if line.starts_with("#arch=") => *architecture = Some(line["#arch=".len()..].to_owned()),
        // What later versions of Wine add.
        _ => {}
    }
    Ok(())
}

fn read_value(key: &mut Key, line: &str) -> Result<(), &'static str> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => {
            let (units, rest) = escape::read(quoted, '"').ok_or("a name without an end")?;
            (Name::from_units(units), rest)
        }
        None => (Name::default(), &line[1..]),
    };
    let data = rest.strip_prefix('=').ok_or("a value without '='")?;
    key.set_value(name, parse_data(data)?);
    Ok(())
}

fn parse_data(data: &str) -> Result<Value, &'static str> {
    if let Some(digits) = data.strip_prefix("dword:") {
        let number = u32::from_str_radix(digits, 16).map_err(|_| "a bad number")?;
        return Ok(Value::dword(number));
    }
    if let Some(text) = data.strip_prefix('"') {
        return string(value::STRING, text);
    }
    if let Some(rest) = data.strip_prefix("str(") {
        let (kind, text) = rest.split_once("):\"").ok_or("a bad string")?;
        return match u32::from_str_radix(kind, 16) {
            Ok(kind @ (value::STRING | value::EXPAND_STRING | value::MULTI_STRING)) => string(kind, text),
            _ => Err("a string of a type that has none"),
        };
    }
    if let Some(bytes) = data.strip_prefix("hex:") {
        return Ok(Value::binary(hex(bytes)?));
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
