//! The registry of an image: the hives of its layers laid over each other, as Wine's files. Those are made once for each chain of
//! layers and kept in `cache/registries/`, so that the start of a container costs a copy.

use crate::atomic::{self, UNFINISHED};
use crate::digest::Digest;
use crate::error::LayersError;
use crate::image::{Image, chain_ids};
use crate::layer::below::Below;
use crate::of_each_start;
use crate::scratch::REGISTRY_FILES;
use crate::store::Store;
use crate::volume::names::existing_name;
use casement_hive::{Hive, Key, NtTime, Tree, compose, merge};
use casement_nt::hives::{FromWine, Hives, Mount, WineRegistry};
use casement_nt::registry::{KeyTimes, MAX_TEXT, Registry};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Directory of a layer that has hives.
pub const HIVES: &str = "Hives";
/// Raised whenever the same hives would give other files.
const RECIPE: u32 = 2;
/// Largest file of a hive in bytes; those of Windows have some 100 MB at most.
const MAX_HIVE: u64 = 1 << 30;
/// Profiles whose hive Wine's one user may have: the one that Casement writes first.
const PROFILES: [&str; 2] = ["ContainerAdministrator", "ContainerUser"];
/// The file of a profile that has the user's hive.
const USER_HIVE: &str = "NTUSER.DAT";
/// A key that only Wine makes: what has it is a whole registry of Wine's user.
const OF_WINE: &str = r"Software\Wine";

/// Where a layer keeps the user's hive.
pub(crate) fn user_hive_path() -> [&'static str; 4] {
    ["Files", "users", PROFILES[0], USER_HIVE]
}

/// The hives of the image with these layers, topmost first. `None` if no layer has any.
pub(crate) fn hives_of(layers: &[PathBuf]) -> Result<Option<Hives>, LayersError> {
    let mut trees: Vec<Option<Tree>> = Mount::ALL.map(|_| None).into();
    for layer in layers.iter().rev() {
        for (mount, tree) in Mount::ALL.into_iter().zip(&mut trees) {
            match mount {
                Mount::User => user_hive(layer, tree)?,
                _ => {
                    if let Some(base) =
                        mount.base_file().map(|name| read_in(layer, &[HIVES, name])).transpose()?.flatten()
                    {
                        *tree = Some(base);
                    }
                    let delta = mount.delta_file().map(|name| read_in(layer, &[HIVES, name])).transpose()?.flatten();
                    if let Some(delta) = delta {
                        let below = tree.take().unwrap_or_else(|| Tree::new("ROOT"));
                        *tree = Some(merge(below, [&delta]));
                    }
                }
            }
        }
    }
    if trees[Mount::System as usize].is_none() {
        return Ok(None);
    }
    let mut trees = trees.into_iter();
    Ok(Some(Hives::new(|_| trees.next().flatten().unwrap_or_else(|| Tree::new("ROOT")))))
}

/// Lays the user's hive of a layer over what is below: a whole registry of Wine takes its place, one of Windows, which knows nothing
/// of Wine, is added to it.
fn user_hive(layer: &Path, tree: &mut Option<Tree>) -> Result<(), LayersError> {
    for profile in PROFILES {
        let Some(hive) = read_in(layer, &["Files", "Users", profile, USER_HIVE])? else { continue };
        *tree = Some(match tree.take() {
            Some(below) if hive.key(OF_WINE).is_none() => compose(below, &hive),
            _ => hive,
        });
        return Ok(());
    }
    Ok(())
}

/// Reads the hive at this path of a layer, whose names have no case. `None` if there is none.
fn read_in(layer: &Path, path: &[&str]) -> Result<Option<Tree>, LayersError> {
    let shown = || layer.join(path.join("/"));
    let failed = |e: rustix::io::Errno| LayersError::io("read", &shown())(e.into());
    let Some(file) = open_in(layer, path).map_err(failed)? else { return Ok(None) };
    let mut bytes = Vec::new();
    File::from(file).take(MAX_HIVE + 1).read_to_end(&mut bytes).map_err(LayersError::io("read", &shown()))?;
    if bytes.len() as u64 > MAX_HIVE {
        return Err(LayersError::damaged(shown().display().to_string(), "it is larger than any hive"));
    }
    let hive = Hive::read(&bytes).map_err(|e| LayersError::damaged(shown().display().to_string(), e))?;
    Ok(Some(hive.tree))
}

fn open_in(layer: &Path, path: &[&str]) -> rustix::io::Result<Option<OwnedFd>> {
    let place = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut at = rustix::fs::open(layer, place, Mode::empty())?;
    for (depth, name) in path.iter().enumerate() {
        let Some(real) = existing_name(&at, name)? else { return Ok(None) };
        let last = depth + 1 == path.len();
        let flags = if last { OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC } else { place };
        at = match rustix::fs::openat2(&at, &real, flags, Mode::empty(), inside) {
            // Another kind of thing, such as a tombstone.
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Ok(None),
            other => other?,
        };
    }
    let is_file = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&at)?.st_mode).is_file();
    Ok(is_file.then_some(at))
}

/// The file of a hive called `name`: the same keys always give the same bytes.
pub(crate) fn hive_file(tree: &Tree, name: &str) -> Result<Vec<u8>, LayersError> {
    Hive::new(tree.clone(), name).write().map_err(|e| LayersError::damaged(name, e))
}

/// Writes a hive.
pub(crate) fn write_hive(tree: &Tree, path: &Path) -> Result<(), LayersError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = hive_file(tree, &name)?;
    fs::write(path, bytes).map_err(LayersError::io("write", path))
}

/// Makes no time of these keys later than `latest`.
pub(crate) fn limit_times(key: &mut Key, latest: NtTime) {
    key.time = key.time.min(latest);
    key.subkeys_mut().for_each(|(_, subkey)| limit_times(subkey, latest));
}

/// Reads Wine's registry of a prefix. Programs of a container write these files.
pub(crate) fn read_prefix(prefix: &Path) -> Result<WineRegistry, LayersError> {
    let [system, user, default_user] =
        REGISTRY_FILES.map(|name| Registry::parse(&read_text(&prefix.join(name))?).map_err(LayersError::from));
    Ok(WineRegistry { machine: system?, user: user?, default_user: default_user? })
}

/// The hives of the image with these layers, topmost first, and what the container with this prefix has changed in them. `None` if no
/// layer has any.
pub(crate) fn changes_of(layers: &[PathBuf], prefix: &Path) -> Result<Option<(Hives, Hives)>, LayersError> {
    let Some(image) = hives_of(layers)? else { return Ok(None) };
    let mut now = read_prefix(prefix)?;
    of_each_start::restore(&mut now, &image);
    let FromWine { hives: changes, without_hive } = image.changes(now);
    for key in without_hive {
        tracing::warn!(%key, "a key directly below HKEY_LOCAL_MACHINE is in no hive and stays out of the image");
    }
    Ok(Some((image, changes)))
}

/// Reads a file of Wine's registry, up to one byte more than any may have.
fn read_text(path: &Path) -> Result<Vec<u8>, LayersError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut text = Vec::new();
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(std::io::Error::from)
        .and_then(|file| File::from(file).take(MAX_TEXT as u64 + 1).read_to_end(&mut text))
        .map_err(LayersError::io("read", path))?;
    Ok(text)
}

/// Whether a layer has part of a registry.
fn has_hives(layer: &Path) -> Result<bool, LayersError> {
    let failed = |e: rustix::io::Errno| LayersError::io("read", layer)(e.into());
    let files = Mount::ALL.into_iter().flat_map(|mount| [mount.base_file(), mount.delta_file()]).flatten();
    for name in files {
        if open_in(layer, &[HIVES, name]).map_err(failed)?.is_some() {
            return Ok(true);
        }
    }
    for profile in PROFILES {
        if open_in(layer, &["Files", "Users", profile, USER_HIVE]).map_err(failed)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Store {
    /// Whether a prefix has the registry of an image, but for what each container has of its own.
    pub(crate) fn has_registry_of(&self, prefix: &Path, image: &Image) -> Result<bool, LayersError> {
        let Some(known) = self.wine_registry(&image.layers, &image.diff_ids)? else { return Ok(false) };
        for (name, same) in REGISTRY_FILES.into_iter().zip([
            of_each_start::same_machine,
            of_each_start::same_user,
            of_each_start::same_user,
        ]) {
            if !same(&read_text(&known.join(name))?, &read_text(&prefix.join(name))?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The directory with Wine's files for the registry of these layers, topmost first; it is made if it is missing. `None` if no
    /// layer has a registry.
    pub(crate) fn wine_registry(
        &self,
        layers: &[PathBuf],
        diff_ids: &[Digest],
    ) -> Result<Option<PathBuf>, LayersError> {
        // Layers on top that have none of it change nothing.
        let mut without = 0;
        while layers.get(without).map(|layer| has_hives(layer)).transpose()? == Some(false) {
            without += 1;
        }
        let (layers, diff_ids) = (&layers[without..], &diff_ids[..diff_ids.len().saturating_sub(without)]);
        let Some(chain) = chain_ids(diff_ids).pop() else { return Ok(None) };
        let cache = self.registries();
        let finished = cache.join(name(&chain));
        if finished.is_dir() {
            return Ok(Some(finished));
        }
        let Some(hives) = hives_of(layers)? else { return Ok(None) };
        fs::create_dir_all(&cache).map_err(LayersError::io("create", &cache))?;
        let new = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&cache)
            .map_err(LayersError::io("create a directory in", &cache))?;
        let mut wine = hives.into_wine();
        of_each_start::prepare(&mut wine);
        for (name, registry) in REGISTRY_FILES.into_iter().zip([&wine.machine, &wine.user, &wine.default_user]) {
            let path = new.path().join(name);
            fs::write(&path, registry.to_text(KeyTimes::Own)).map_err(LayersError::io("write", &path))?;
        }
        atomic::sync_tree(new.path())?;
        let from = new.keep();
        match fs::rename(&from, &finished) {
            Err(e) if !finished.is_dir() => {
                let _ = fs::remove_dir_all(&from);
                return Err(LayersError::io("rename", &from)(e));
            }
            // Another process was faster.
            Err(_) => atomic::remove(&from)?,
            Ok(()) => atomic::sync_parent(&finished)?,
        }
        Ok(Some(finished))
    }

    /// Removes the files that belong to none of these chains. The caller holds the exclusive lock.
    pub(crate) fn remove_registries_but(&self, chains: &BTreeSet<Digest>) -> Result<(), LayersError> {
        let cache = self.registries();
        let Ok(entries) = fs::read_dir(&cache) else { return Ok(()) };
        let needed: BTreeSet<String> = chains.iter().map(name).collect();
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                atomic::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn registries(&self) -> PathBuf {
        self.root().join("cache/registries")
    }
}

fn name(chain: &Digest) -> String {
    format!("{}-{RECIPE}", chain.hex())
}

/// The spelling of this path in the layers below one, as far as they have it: directories that are made beside them are spelled the
/// same.
pub(crate) fn spelled_below(layers: &[PathBuf], path: &[&str]) -> Result<Vec<String>, LayersError> {
    let [top, names @ ..] = path else { return Ok(Vec::new()) };
    let failed = |e: rustix::io::Errno| LayersError::io("look below", Path::new(top))(e.into());
    let mut below = Below::open(layers, top).map_err(failed)?;
    let mut spelled = vec![(*top).to_owned()];
    for name in names {
        let known = below.names().map_err(failed)?;
        spelled.push(known.get(&casement_layer_tar::fold(name)).map_or_else(|| (*name).to_owned(), Clone::clone));
        below = below.enter(name).map_err(failed)?;
    }
    Ok(spelled)
}
