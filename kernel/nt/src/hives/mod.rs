//! The hives of a Windows image and Wine's registry files: one from the other, and what a container changed as
//! differencing hives.
//!
//! Wine keeps all of `HKEY_LOCAL_MACHINE` in `system.reg`, of which Windows makes the hives `SYSTEM`, `SOFTWARE`, `SAM` and
//! `SECURITY`; `userdef.reg` is the hive `DEFAULT`, and `user.reg` the user's `NTUSER.DAT`. Keys, values of all types,
//! names, classes, times and symbolic links go both ways; security descriptors, which Wine does not keep, stay those of
//! the image: see [`Hives::changes`].

mod control_set;
mod mount;

pub use mount::Mount;

use crate::registry::{Key, Name, Registry, RegistryError, Tree};
use casement_hive::{Flags, Security, Times, diff, merge};
use std::array;

/// What `system.reg` is relative to, as Wine writes it.
const MACHINE: &str = "REGISTRY\\\\Machine";
/// What `userdef.reg` is relative to.
const DEFAULT_USER: &str = "REGISTRY\\\\User\\\\.Default";
/// What `user.reg` is relative to: the one user that Wine knows.
const USER: &str = "REGISTRY\\\\User\\\\S-1-5-21-0-0-0-1000";

/// The name of the root in the file of each hive, as in Windows.
const ROOT: &str = "ROOT";

/// The registry of a container as Wine's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WineRegistry {
    /// `system.reg`
    pub machine: Registry,
    /// `user.reg`
    pub user: Registry,
    /// `userdef.reg`
    pub default_user: Registry,
}

/// The registry of a container or of a layer as hives: whole ones or differencing ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hives([Tree; Mount::ALL.len()]);

/// Hives, and what Wine has beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromWine {
    /// The hives.
    pub hives: Hives,
    /// Keys directly below `HKEY_LOCAL_MACHINE` that are in no hive: Windows lets no program make such keys, Wine does.
    pub without_hive: Vec<Name>,
}

impl WineRegistry {
    /// Parses the texts of the three files.
    ///
    /// # Errors
    /// [`RegistryError`] of the first that does not parse.
    pub fn parse(system: &[u8], user: &[u8], default_user: &[u8]) -> Result<Self, RegistryError> {
        Ok(Self {
            machine: Registry::parse(system)?,
            user: Registry::parse(user)?,
            default_user: Registry::parse(default_user)?,
        })
    }
}

impl Hives {
    /// Hives, each from its tree.
    pub fn new(tree: impl FnMut(Mount) -> Tree) -> Self {
        Self(Mount::ALL.map(tree))
    }

    /// One hive.
    pub fn get(&self, mount: Mount) -> &Tree {
        &self.0[mount as usize]
    }

    /// The hives of Wine's registry.
    ///
    /// `System\CurrentControlSet`, which Windows makes anew at each start, becomes the numbers in `System\Select`.
    pub fn from_wine(wine: WineRegistry) -> FromWine {
        let mut machine = wine.machine.into_tree().root;
        let mut user = Some(wine.user.into_tree());
        let mut default_user = Some(wine.default_user.into_tree());
        let hives = Self::new(|mount| {
            let whole = match mount {
                Mount::User => user.take(),
                Mount::DefaultUser => default_user.take(),
                _ => None,
            };
            let mut tree = whole.unwrap_or_else(|| Tree::new(ROOT));
            tree.root_name = Name::from(ROOT);
            if let Some(mut key) = mount.machine_key().and_then(|key| machine.remove_subkey(&Name::from(key))) {
                key.flags.node |= tree.root.flags.node;
                tree.root = key;
            }
            if mount == Mount::System {
                control_set::select(&mut tree);
            }
            tree
        });
        FromWine { hives, without_hive: machine.subkeys().map(|(name, _)| name.clone()).collect() }
    }

    /// Wine's registry with the keys of these hives, which are whole ones.
    pub fn into_wine(self) -> WineRegistry {
        let mut wine = WineRegistry {
            machine: Registry::new(MACHINE),
            user: Registry::new(USER),
            default_user: Registry::new(DEFAULT_USER),
        };
        for (mount, mut tree) in Mount::ALL.into_iter().zip(self.0) {
            if mount == Mount::System {
                control_set::link(&mut tree);
            }
            match mount.machine_key() {
                Some(key) => drop(wine.machine.create("").put_subkey(Name::from(key), tree.root)),
                None if mount == Mount::User => wine.user = Registry::with_tree(USER, tree),
                None => wine.default_user = Registry::with_tree(DEFAULT_USER, tree),
            }
        }
        // The key above the hives is in none of them. It gets the time that it would have without one of its own.
        let first = wine.machine.key("SAM").map(|key| key.time);
        wine.machine.create("").time = first.unwrap_or_default();
        wine
    }

    /// What has to be laid over these hives, those of an image, to give what Wine's registry has become: the differencing
    /// hives of a layer. Security descriptors and flags of keys stay those of the image; new keys have those of the key
    /// above them. Keys of which only the time differs are left out: Wine forgets the time of keys that have only subkeys.
    pub fn changes(&self, now: WineRegistry) -> FromWine {
        let mut now = Self::from_wine(now);
        now.hives = Self(array::from_fn(|at| {
            let (old, new) = (&self.0[at], &mut now.hives.0[at]);
            new.root_name = old.root_name.clone();
            keep_security(&mut new.root, Some(&old.root), &Security::default());
            diff(old, new, Times::Ignored)
        }));
        now
    }

    /// These hives, whole ones, with the differencing hives of layers laid over them, from the lowest to the topmost.
    pub fn with_layers(self, layers: &[Self]) -> Self {
        let mut at = 0;
        Self(self.0.map(|tree| {
            at += 1;
            merge(tree, layers.iter().map(|layer| &layer.0[at - 1]))
        }))
    }
}

/// Gives a key and those below it what Wine does not keep: that of the same key of the image, else of the key above.
fn keep_security(key: &mut Key, old: Option<&Key>, above: &Security) {
    key.security = old.map_or(above, |old| &old.security).clone();
    if let Some(old) = old {
        let link = key.flags.node & Flags::LINK;
        key.flags = Flags { node: old.flags.node & !Flags::LINK | link, control: old.flags.control };
    }
    let security = key.security.clone();
    for (name, subkey) in key.subkeys_mut() {
        keep_security(subkey, old.and_then(|old| old.subkey(name)), &security);
    }
}

#[cfg(test)]
mod tests;
