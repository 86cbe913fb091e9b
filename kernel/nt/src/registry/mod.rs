//! The registry as Wine keeps it: text files `system.reg`, `user.reg` and `userdef.reg` of "WINE REGISTRY Version 2".
//!
//! [`Registry::parse`] reads such a file, [`Registry::to_text`] writes it in one canonical form: keys and values
//! sorted, one fixed time for all keys. The format is that of Wine's `server/registry.c`.

mod escape;
mod parse;
mod value;
mod write;

pub use parse::{MAX_TEXT, RegistryError};
pub use value::Value;

use std::collections::BTreeMap;

/// Keys of one file, by their path from the file's root (`Software\Microsoft`), without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// The comment that names the root, such as `\\Machine`.
    root: String,
    /// `win64` or `win32`.
    architecture: Option<String>,
    keys: BTreeMap<Folded, Key>,
}

/// A key: its values, and what else the file says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    path: String,
    class: Option<String>,
    link: bool,
    values: BTreeMap<String, (String, Value)>,
}

/// A path in lower case with a separator that sorts before all characters, so that a key's subkeys follow it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Folded(String);

const SEPARATOR: char = '\u{1}';

impl Folded {
    fn new(path: &str) -> Self {
        let parts: Vec<String> = path.split('\\').map(str::to_lowercase).collect();
        Self(parts.join(&SEPARATOR.to_string()))
    }

    fn is_below_or(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
    }
}

impl Key {
    /// The key's path, as it is spelled.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the key is a symbolic link to another.
    pub fn is_link(&self) -> bool {
        self.link
    }

    /// The value of this name; the empty name is the default value.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(&name.to_lowercase()).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.values().map(|(name, value)| (name.as_str(), value))
    }

    fn set(&mut self, name: &str, value: Value) {
        let folded = name.to_lowercase();
        self.values.entry(folded).or_insert_with(|| (name.to_owned(), Value::none())).1 = value;
    }
}

impl Registry {
    /// A registry with no key. `root` is where its keys belong: `\\Machine` or `\\User\\S-1-5-21-0-0-0-1000`.
    pub fn new(root: &str) -> Self {
        Self { root: root.to_owned(), architecture: Some("win64".to_owned()), keys: BTreeMap::new() }
    }

    /// The key at `path`.
    pub fn key(&self, path: &str) -> Option<&Key> {
        self.keys.get(&Folded::new(path))
    }

    /// One value.
    pub fn value(&self, path: &str, name: &str) -> Option<&Value> {
        self.key(path)?.value(name)
    }

    /// All keys that the file names, in canonical order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// The names of the direct subkeys of `path`, also of those that only have subkeys themselves.
    pub fn subkeys(&self, path: &str) -> Vec<String> {
        let parent = Folded::new(path);
        let depth = path.split('\\').count();
        let mut names: Vec<String> = Vec::new();
        for (_, key) in self.below(&parent) {
            if let Some(name) = key.path.split('\\').nth(depth)
                && names.last().is_none_or(|last| last.to_lowercase() != name.to_lowercase())
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Makes the key at `path` if it is missing.
    pub fn create(&mut self, path: &str) -> &mut Key {
        self.keys.entry(Folded::new(path)).or_insert_with(|| Key { path: path.to_owned(), ..Key::default() })
    }

    /// Sets a value; the key is made if it is missing.
    pub fn set(&mut self, path: &str, name: &str, value: Value) {
        self.create(path).set(name, value);
    }

    /// Removes a value; `false` if it was not there.
    pub fn remove_value(&mut self, path: &str, name: &str) -> bool {
        let key = self.keys.get_mut(&Folded::new(path));
        key.is_some_and(|k| k.values.remove(&name.to_lowercase()).is_some())
    }

    /// Removes the key at `path` with everything below it and gives the number of keys that went.
    pub fn remove_key(&mut self, path: &str) -> usize {
        let top = Folded::new(path);
        let doomed: Vec<Folded> = self.below(&top).map(|(folded, _)| folded.clone()).collect();
        for folded in &doomed {
            self.keys.remove(folded);
        }
        doomed.len()
    }

    fn below(&self, top: &Folded) -> impl Iterator<Item = (&Folded, &Key)> {
        self.keys.range(top.clone()..).take_while(|(folded, _)| folded.is_below_or(top))
    }
}

#[cfg(test)]
mod tests;
