//! The registry as Wine keeps it: text files `system.reg`, `user.reg` and `userdef.reg` of "WINE REGISTRY Version 2".
//!
//! [`Registry::parse`] reads such a file, [`Registry::to_text`] writes it, with the times of the keys or in one canonical
//! form with one time for all. The format is that of Wine's `server/registry.c`. In memory it is the [`Tree`] of hives;
//! what Wine's text has no place for, security descriptors and most flags, is left out.

mod escape;
mod order;
mod parse;
mod write;

pub use casement_hive::{Key, Name, NtTime, Tree, Value};
pub use parse::{MAX_TEXT, RegistryError};

/// One file: keys below a root that the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// The comment that names the root, such as `REGISTRY\\Machine`, as it is written.
    root: String,
    /// `win64` or `win32`.
    architecture: Option<String>,
    tree: Tree,
}

/// Which times the keys of a text have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTimes {
    /// Each its own, to 100 ns.
    Own,
    /// All the same, in seconds since 1970.
    Same(u64),
}

impl Registry {
    /// A registry with no key. `root` is where its keys belong: `REGISTRY\\Machine` or `REGISTRY\\User\\.Default`, with
    /// backslashes doubled.
    pub fn new(root: &str) -> Self {
        Self::with_tree(root, Tree::new("ROOT"))
    }

    /// The registry with the keys of `tree`.
    pub fn with_tree(root: &str, tree: Tree) -> Self {
        Self { root: root.to_owned(), architecture: Some("win64".to_owned()), tree }
    }

    /// All keys.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// All keys, for themselves.
    pub fn into_tree(self) -> Tree {
        self.tree
    }

    /// The key at `path`.
    pub fn key(&self, path: &str) -> Option<&Key> {
        self.tree.key(path)
    }

    /// One value; the empty name is the default value.
    pub fn value(&self, path: &str, name: &str) -> Option<&Value> {
        self.key(path)?.value(&Name::from(name))
    }

    /// Makes the key at `path` if it is missing.
    pub fn create(&mut self, path: &str) -> &mut Key {
        self.tree.create(path)
    }

    /// Sets a value; the key is made if it is missing.
    pub fn set(&mut self, path: &str, name: &str, value: Value) {
        self.create(path).set_value(Name::from(name), value);
    }

    /// Removes a value; `false` if it was not there.
    pub fn remove_value(&mut self, path: &str, name: &str) -> bool {
        self.tree.key_mut(path).and_then(|key| key.remove_value(&Name::from(name))).is_some()
    }

    /// Removes the key at `path` with everything below it and gives the number of keys that went.
    pub fn remove_key(&mut self, path: &str) -> usize {
        self.tree.remove(path).map_or(0, |key| 1 + key.count())
    }
}

#[cfg(test)]
pub(crate) mod chance;
#[cfg(test)]
mod tests;
