//! Volumes: directories that outlive containers. `volumes/<name>/_data` below the root holds the files, the database the rest.
//!
//! A volume is there when its record is. Its directory is made before the record, and renamed away before the record goes; what a
//! killed daemon left between is put right by [`Engine::reconcile_volumes`].

mod name;
mod store;

pub(crate) use store::VOLUMES;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

pub use name::VolumeName;

use crate::container::{Container, now};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::id::ContainerId;
use crate::model::MountType;

/// The only driver.
pub const DRIVER: &str = "local";
/// Directory of volumes under the root.
pub const DIRECTORY: &str = "volumes";
/// Directory of a volume's files.
const DATA: &str = "_data";
/// Name prefix of volumes that are being removed; no volume's name begins like this.
const CONDEMNED: &str = ".removing-";
/// Label of volumes that got no name when they were made.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// The record of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// Name.
    pub name: VolumeName,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Volume {
    /// Whether it got no name when it was made.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }
}

/// A volume that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Name; one is made up when absent.
    pub name: Option<VolumeName>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What a prune came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunedVolumes {
    /// Names of those that are gone.
    pub names: Vec<String>,
    /// Bytes that their files took.
    pub freed: u64,
}

/// Refuses every driver but the local one; none at all means that.
///
/// # Errors
/// [`Error::NotFound`] in Docker's words.
pub(crate) fn check_driver(driver: &str) -> Result<()> {
    match driver {
        "" | DRIVER => Ok(()),
        other => Err(Error::NotFound(format!("error looking up volume plugin {other}: plugin \"{other}\" not found"))),
    }
}

/// Refuses options, which the local driver has none of on Windows.
///
/// # Errors
/// [`Error::InvalidParameter`] in Docker's words.
pub(crate) fn check_options(options: &BTreeMap<String, String>) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    Err(Error::InvalidParameter("options are not supported on this platform".to_owned()))
}

/// Whether a container has a volume mounted, running or not.
fn uses(container: &Container, name: &VolumeName) -> bool {
    container.mounts.iter().any(|mount| mount.kind == MountType::Volume && mount.name == name.as_str())
}

impl Engine {
    /// Waits for its turn among those who make and remove volumes and who add containers that use them.
    pub(crate) fn volume_turn(&self) -> MutexGuard<'_, ()> {
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn volumes_directory(&self) -> PathBuf {
        self.root.join(DIRECTORY)
    }

    /// Where the files of a volume are.
    #[must_use]
    pub fn volume_directory(&self, name: &VolumeName) -> PathBuf {
        self.volumes_directory().join(name.as_str()).join(DATA)
    }

    /// Every volume, in the order of names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn volumes(&self) -> Result<Vec<Volume>> {
        self.store.volumes()
    }

    /// The volume of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] in Docker's words.
    pub fn volume(&self, name: &str) -> Result<Volume> {
        // What cannot be a name is no volume's.
        let volume = name.parse().ok().map(|name| self.store.volume(&name)).transpose()?.flatten();
        volume.ok_or_else(|| Error::NotFound(format!("get {name}: no such volume")))
    }

    /// How many containers have each volume.
    #[must_use]
    pub fn volume_uses(&self) -> BTreeMap<String, usize> {
        let mut uses = BTreeMap::new();
        for container in self.every_container() {
            let names: BTreeSet<String> = container.mounts.into_iter().map(|mount| mount.name).collect();
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                *uses.entry(name).or_insert(0) += 1;
            }
        }
        uses
    }

    /// Makes a volume, or finds the one that has the name already.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_volume(&self, new: NewVolume) -> Result<Volume> {
        let _turn = self.volume_turn();
        self.create_volume_in_turn(new)
    }

    /// As [`Engine::create_volume`], for those who have the turn.
    pub(crate) fn create_volume_in_turn(&self, new: NewVolume) -> Result<Volume> {
        let mut labels = new.labels;
        let name = match new.name {
            Some(name) => name,
            None => {
                labels.insert(ANONYMOUS.to_owned(), String::new());
                ContainerId::random()?.as_str().parse()?
            }
        };
        if let Some(volume) = self.store.volume(&name)? {
            return Ok(volume);
        }
        let data = self.volume_directory(&name);
        let failed = |source| Error::io(format!("cannot make volume {name}"), source);
        make_private(&self.volumes_directory()).map_err(failed)?;
        fs::create_dir_all(&data).map_err(failed)?;
        sync(&self.volumes_directory()).map_err(failed)?;
        let volume = Volume { name, created: now(), labels };
        self.store.put_volume(&volume)?;
        self.tell_of_volume("create", &volume);
        Ok(volume)
    }

    /// Removes a volume with its files.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] while a container has it, in Docker's words.
    pub fn remove_volume(&self, name: &str) -> Result<()> {
        let _turn = self.volume_turn();
        let volume = self.volume(name)?;
        let users: Vec<String> = self
            .every_container()
            .into_iter()
            .filter(|container| uses(container, &volume.name))
            .map(|container| container.id.to_string())
            .collect();
        if !users.is_empty() {
            return Err(Error::Conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
        }
        self.destroy_volume(&volume)
    }

    /// Removes the volumes that no container has and that `chosen` admits.
    ///
    /// # Errors
    /// The first that could not be removed.
    pub fn prune_volumes(&self, chosen: impl Fn(&Volume) -> bool) -> Result<PrunedVolumes> {
        let _turn = self.volume_turn();
        let used = self.volume_uses();
        let mut pruned = PrunedVolumes::default();
        for volume in self.store.volumes()? {
            if !used.contains_key(volume.name.as_str()) && chosen(&volume) {
                pruned.freed += crate::size::of_directory(&self.volume_directory(&volume.name));
                self.destroy_volume(&volume)?;
                pruned.names.push(volume.name.to_string());
            }
        }
        let attributes = [("reclaimed".to_owned(), pruned.freed.to_string())].into();
        self.events().publish("volume", "prune", "", attributes);
        Ok(pruned)
    }

    /// Removes the anonymous volumes that only this container has. Those that cannot be removed stay, for `volume prune`.
    pub(crate) fn remove_volumes_of(&self, container: &Container) {
        if !container.mounts.iter().any(|mount| mount.kind == MountType::Volume) {
            return;
        }
        let _turn = self.volume_turn();
        let others: Vec<Container> =
            self.every_container().into_iter().filter(|other| other.id != container.id).collect();
        for mount in container.mounts.iter().filter(|mount| mount.kind == MountType::Volume) {
            let Ok(volume) = self.volume(&mount.name) else { continue };
            if !volume.is_anonymous() || others.iter().any(|other| uses(other, &volume.name)) {
                continue;
            }
            if let Err(error) = self.destroy_volume(&volume) {
                warn!(volume = %volume.name, %error, "cannot remove an anonymous volume with its container");
            }
        }
    }

    /// Removes volumes that were made for a container that could not be created. The caller has the turn.
    pub(crate) fn forget_volumes(&self, names: &[String]) {
        for name in names {
            let removed = self.volume(name).and_then(|volume| self.destroy_volume(&volume));
            if let Err(error) = removed {
                warn!(volume = name, %error, "cannot remove the volume of a container that was not created");
            }
        }
    }

    fn destroy_volume(&self, volume: &Volume) -> Result<()> {
        let failed = |source| Error::io(format!("cannot remove volume {}", volume.name), source);
        let directory = self.volumes_directory().join(volume.name.as_str());
        let condemned = self.volumes_directory().join(format!("{CONDEMNED}{}", volume.name));
        remove_tree(&condemned).map_err(failed)?;
        match fs::rename(&directory, &condemned) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        self.store.remove_volume(&volume.name)?;
        self.tell_of_volume("destroy", volume);
        remove_tree(&condemned).map_err(failed)
    }

    fn tell_of_volume(&self, action: &str, volume: &Volume) {
        let attributes = [("driver".to_owned(), DRIVER.to_owned())].into();
        self.events().publish("volume", action, volume.name.as_str(), attributes);
    }

    /// Brings volumes and their records in line after a start of the daemon. Files are only removed where a removal had begun.
    pub(crate) fn reconcile_volumes(&self) -> Result<()> {
        let _turn = self.volume_turn();
        let parent = self.volumes_directory();
        make_private(&parent).map_err(|error| Error::io(format!("cannot make {}", parent.display()), error))?;
        let used = self.volume_uses();
        let mut known = BTreeSet::new();
        for volume in self.store.volumes()? {
            let data = self.volume_directory(&volume.name);
            if !data.is_dir() {
                // Its removal had begun; if a container has it, it was lost otherwise, and starts anew.
                if !used.contains_key(volume.name.as_str()) {
                    self.store.remove_volume(&volume.name)?;
                    continue;
                }
                warn!(volume = %volume.name, "the directory of the volume is gone: making an empty one");
                fs::create_dir_all(&data)
                    .map_err(|error| Error::io(format!("cannot make volume {}", volume.name), error))?;
            }
            known.insert(volume.name.to_string());
        }
        let entries =
            fs::read_dir(&parent).map_err(|error| Error::io(format!("cannot read {}", parent.display()), error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(CONDEMNED) {
                if let Err(error) = remove_tree(&entry.path()) {
                    warn!(%error, directory = name, "cannot remove what is left of a volume");
                }
            } else if !known.contains(&name) {
                self.adopt_volume(&entry.path(), &name)?;
            }
        }
        Ok(())
    }

    /// A directory without a record: a volume that was being made when the daemon was killed, or one that someone has copied here.
    fn adopt_volume(&self, directory: &Path, name: &str) -> Result<()> {
        let Ok(volume_name) = name.parse::<VolumeName>() else { return Ok(()) };
        // Only succeeds if it is empty.
        let _ = fs::remove_dir(directory.join(DATA));
        if volume_name.as_str() != name || fs::remove_dir(directory).is_ok() || !directory.join(DATA).is_dir() {
            return Ok(());
        }
        info!(volume = name, "adopting a volume without a record");
        self.store.put_volume(&Volume { name: volume_name, created: now(), labels: BTreeMap::new() })
    }
}

/// Makes a directory that only root may enter: files of programs have the owner root in it, whatever their modes are.
fn make_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn sync(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
