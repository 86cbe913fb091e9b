//! Files of a container from outside: copies in and out, and what it has changed.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use casement_hcs::Volume;
use casement_layers::volume::changes::Change;
use casement_layers::volume::{Overwrite, PathStat, UnionMount, VolumeError, VolumePath, VolumeTree};

use crate::container::{Container, Status};
use crate::engine::Engine;
use crate::error::{Error, Result};

impl Engine {
    /// Describes a path of a container.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what kept it from being looked at.
    pub fn path_stat(&self, key: &str, path: &str) -> Result<PathStat> {
        self.with_volume(key, path, |tree, path| tree.stat(path))
    }

    /// Writes what is at a path of a container as a tar stream. `out` is made when it is known what is there.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what could not be read or written; the stream is incomplete then.
    pub fn copy_out<W: Write>(&self, key: &str, path: &str, out: impl FnOnce(PathStat) -> W) -> Result<()> {
        self.with_volume(key, path, |tree, path| {
            let stat = tree.stat(path)?;
            tree.pack(path, &mut out(stat))
        })
    }

    /// Puts a tar stream into a directory of a container.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what could not be unpacked; what came before it stays.
    pub fn copy_in(&self, key: &str, path: &str, archive: impl Read, overwrite: Overwrite) -> Result<()> {
        self.with_volume(key, path, |tree, path| tree.unpack(path, archive, overwrite))
    }

    /// Writes volume `C:` and the registry of a container, running or not, as an archive of one layer. `out` is made when nothing but
    /// the files themselves can keep it from being written.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what could not be read or written; the archive is incomplete then.
    pub fn export<W: Write>(&self, key: &str, out: impl FnOnce() -> W) -> Result<()> {
        let container = self.find(key)?.container();
        let (layers, union) = storage(&container);
        let write = |changes: Option<&OwnedFd>| {
            let exporting = self.images.exporting(&container.id, changes, &layers)?;
            self.tell(&container, "export");
            exporting.write(out()).map_err(|error| Error::Layers(casement_silo::error_chain(&error)))
        };
        match union.disk() {
            // Only who has it mounted sees what is on it.
            Some(_) => self.with_open_volume(key, |volume| write(Some(volume.changes_directory()))),
            None => write(None),
        }
    }

    /// What a container has changed on volume `C:`.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn changes(&self, key: &str) -> Result<Vec<Change>> {
        let (_, union) = storage(&self.find(key)?.container());
        if union.disk().is_some() {
            // Only who has it mounted sees what is on it.
            return self.with_open_volume(key, |volume| volume.changes().map_err(|error| explained(error, key, "")));
        }
        union.changes().map_err(|error| explained(error, key, ""))
    }

    /// Does something with the files of a container, which does not start or stop being reachable meanwhile.
    ///
    /// # Errors
    /// When they cannot be reached, or what `work` failed with.
    pub(crate) fn with_files<T>(
        &self,
        key: &str,
        work: impl FnOnce(&VolumeTree) -> Result<T, VolumeError>,
    ) -> Result<T> {
        self.with_volume(key, "/", |tree, _| work(tree))
    }

    /// Does something with the files of a container, which does not start or stop being reachable meanwhile.
    fn with_volume<T>(
        &self,
        key: &str,
        path: &str,
        work: impl FnOnce(&VolumeTree, &VolumePath) -> Result<T, VolumeError>,
    ) -> Result<T> {
        let parsed = VolumePath::parse(path).map_err(|error| explained(error, key, path))?;
        self.with_open_volume(key, |volume| work(volume.tree(), &parsed).map_err(|error| explained(error, key, path)))
    }

    /// As [`Self::with_volume`], without a path.
    fn with_open_volume<T>(&self, key: &str, work: impl FnOnce(&Volume) -> Result<T>) -> Result<T> {
        let entry = self.find(key)?;
        let runs = || matches!(entry.live().container.state.status, Status::Running | Status::Paused);
        {
            let _shared = entry.shared_volume();
            if runs() {
                return work(&self.compute.open_volume(&entry.container())?);
            }
        }
        let _sole = entry.sole_volume();
        let container = entry.container();
        if matches!(container.state.status, Status::Removing | Status::Dead) || entry.live().gone {
            return Err(Error::Conflict(format!(
                "container {} is marked for removal and its files cannot be reached",
                entry.id
            )));
        }
        work(&self.compute.open_volume(&container)?)
    }
}

/// The layers of a container, and their union with its scratch.
fn storage(container: &Container) -> (Vec<PathBuf>, UnionMount) {
    let described = container.document.container.as_ref().and_then(|described| described.storage.as_ref());
    let Some(storage) = described else { return (Vec::new(), UnionMount::new(&[], Path::new(""))) };
    let layers: Vec<PathBuf> = storage.layers.iter().map(|layer| PathBuf::from(&layer.path)).collect();
    let union = UnionMount::new(&layers, Path::new(&storage.path));
    (layers, union)
}

/// The error in Docker's words.
fn explained(error: VolumeError, container: &str, path: &str) -> Error {
    match error {
        VolumeError::NotFound(found) => {
            // The client split its path where it knew how; the whole of it is in the archive.
            let whole = format!("C:\\{found}");
            let path = if path == "." { &whole } else { path };
            Error::NotFound(format!("Could not find the file {path} in container {container}"))
        }
        VolumeError::Io { action, object, source } => Error::io(format!("cannot {action} {object}"), source),
        other => Error::InvalidParameter(other.to_string()),
    }
}
