//! Writes what a container has on volume `C:` and in its registry as one layer that needs none below it (`docker export`).

use crate::error::LayersError;
use crate::layer::archive::{Archive, Failure, FileSecurity};
use crate::layer::below::{Below, Seen};
use crate::layer::data_streams::StreamSources;
use crate::registry::{HIVES, changes_of, hive_file, user_hive_path};
use crate::scratch::Scratch;
use casement_layer_tar::{Kind, LayerPath, Metadata, NtTime, fold};
use casement_nt::hives::{Hives, Mount};
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The volume in a layer.
const FILES: &str = "Files";

/// A container that is to be written.
pub struct Exporting {
    changes: OwnedFd,
    layers: Vec<PathBuf>,
    hives: Vec<(LayerPath, Vec<u8>)>,
    user_hive: Option<Vec<u8>>,
}

impl Scratch {
    /// Gets ready to write a container, running or not, with its image's `layers`, topmost first. The registry of one that runs is what
    /// Wine has last written of it. `changes` is the directory with the changed files if it is not in the scratch itself.
    ///
    /// # Errors
    /// When the registry is damaged, or the changes cannot be opened.
    pub fn exporting(&self, changes: Option<OwnedFd>, layers: &[PathBuf]) -> Result<Exporting, LayersError> {
        let upper = self.directory().join("upper");
        let changes = match changes {
            // A descriptor of the place only is as good.
            Some(changes) => open(&changes, ".").map_err(|e| LayersError::io("open", &upper)(e.into()))?,
            None => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                rustix::fs::open(&upper, flags, Mode::empty()).map_err(|e| LayersError::io("open", &upper)(e.into()))?
            }
        };
        let mut exporting = Exporting { changes, layers: layers.to_owned(), hives: Vec::new(), user_hive: None };
        if let Some((image, changes)) = changes_of(layers, &self.prefix())? {
            exporting.take_hives(&image.with_layers(&[changes]))?;
        }
        Ok(exporting)
    }
}

impl Exporting {
    fn take_hives(&mut self, hives: &Hives) -> Result<(), LayersError> {
        for mount in Mount::ALL {
            let tree = hives.get(mount);
            match mount.base_file() {
                Some(name) => {
                    self.hives.push((LayerPath::new(&format!("{HIVES}/{name}"))?, hive_file(tree, name)?));
                }
                None => self.user_hive = Some(hive_file(tree, user_hive_path()[3])?),
            }
        }
        Ok(())
    }

    /// Writes the archive: `Files/` as the container sees it, with what NTFS knows of the files, and the whole registry in `Hives/`.
    ///
    /// # Errors
    /// When something cannot be read, cannot be in a layer, or `out` cannot be written. The archive is incomplete then.
    pub fn write(mut self, out: impl Write) -> Result<(), LayersError> {
        let files = LayerPath::new(FILES)?;
        let top = self.root().map_err(failed(&files))?;
        let time = top.topmost().and_then(|top| rustix::fs::fstat(top).ok());
        let time =
            time.map_or_else(NtTime::default, |stat| NtTime::from_unix(stat.st_mtime, stat.st_mtime_nsec as u32));
        let user_path = LayerPath::new(&user_hive_path().join("/"))?;
        let archive = Archive::new(out, None, FileSecurity::Inherited, StreamSources::of(&self.layers));
        let mut export = Export { archive, user_path, from: &mut self };
        export.directory(&top, &files)?;
        // Nobody has logged on yet.
        if let Some(hive) = export.from.user_hive.take() {
            let (path, metadata) = (export.user_path.clone(), Metadata::file(time));
            let kind = Kind::File { size: hive.len() as u64 };
            export.archive.entry(&path, kind, metadata, &hive[..]).map_err(|e| e.about(&path))?;
        }
        let mut archive = export.archive;
        let directory = LayerPath::new(HIVES)?;
        archive
            .entry(&directory, Kind::Directory, Metadata::directory(time), std::io::empty())
            .map_err(|e| e.about(&directory))?;
        for (path, bytes) in &self.hives {
            let kind = Kind::File { size: bytes.len() as u64 };
            archive.entry(path, kind, Metadata::file(time), &bytes[..]).map_err(|e| e.about(path))?;
        }
        archive.finish()?.flush().map_err(LayersError::io("write", Path::new("the archive")))
    }

    /// The root of the volume.
    fn root(&self) -> Result<Below, Errno> {
        Ok(Below::open(&self.layers, FILES)?.under(open(&self.changes, ".")?))
    }
}

struct Export<'a, W: Write> {
    archive: Archive<W>,
    from: &'a mut Exporting,
    /// Where the user's hive is, as whoever made the image may have spelled it.
    user_path: LayerPath,
}

impl<W: Write> Export<'_, W> {
    fn directory(&mut self, directory: &Below, path: &LayerPath) -> Result<(), LayersError> {
        if let Some(top) = directory.topmost() {
            self.archive.directory(path, top, None).map_err(|e| e.about(path))?;
        }
        for seen in directory.entries().map_err(failed(path))?.into_values() {
            let Some(name) = seen.name() else { continue };
            let path = path.join(name)?;
            if seen.kind() == Some(FileType::Directory) {
                match directory.enter_seen(&seen) {
                    // Removed meanwhile.
                    Err(Errno::NOENT) => {}
                    other => self.directory(&other.map_err(failed(&path))?, &path)?,
                }
                continue;
            }
            match self.leaf(directory, &seen, &path) {
                Err(Failure::System(e)) if e.kind() == std::io::ErrorKind::NotFound => {}
                other => other.map_err(|e| e.about(&path))?,
            }
        }
        Ok(())
    }

    fn leaf(&mut self, directory: &Below, seen: &Seen, path: &LayerPath) -> Result<(), Failure> {
        let Some((parent, name)) = directory.place(seen) else { return Ok(()) };
        let name = name.to_str().ok_or(Failure::Other("has a name that is not UTF-8"))?;
        if seen.kind() == Some(FileType::Symlink) {
            let leads_to_directory = || self.from.root().is_ok_and(|root| root.leads_to_directory(path));
            return self.archive.link(path, parent, name, leads_to_directory);
        }
        let open = || {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::openat(parent, name, flags, Mode::empty())
        };
        if fold(path.as_str()) == fold(self.user_path.as_str())
            && let Some(hive) = self.from.user_hive.take()
        {
            return self.archive.content(path, &open()?, hive.len() as u64, &hive[..]);
        }
        let file = open()?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        self.archive.file(path, &stat, || Ok(file))
    }
}

fn open(at: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn failed(path: &LayerPath) -> impl FnOnce(Errno) -> LayersError + '_ {
    move |e| LayersError::io("read", Path::new(path.as_str()))(e.into())
}
