//! Makes images of containers: the changes of a scratch as a layer on top of the image that the container was made of.

use crate::error::LayersError;
use crate::image::{self, Image, ImageConfig};
use crate::layer::archive::FileSecurity;
use crate::layer::pack::{self, Packing};
use crate::layer::{gzip, stage};
use crate::oci::{CONFIG, Config, Descriptor, History, Manifest};
use crate::registry::{self, HIVES, changes_of, limit_times, spelled_below, user_hive_path, write_hive};
use crate::scratch::Scratch;
use crate::store::Store;
use crate::volume::VolumePath;
use casement_hive::{Key, merge};
use casement_layer_tar::NtTime;
use casement_nt::hives::Mount;
use casement_nt::registry::NtTime as KeyTime;
use jiff::Timestamp;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What an image made of a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOptions {
    /// How its containers run: all of it, not only what is new.
    pub config: ImageConfig,
    /// How it is found afterwards.
    pub listing: Listing,
    /// What made it, for the history: a command.
    pub created_by: String,
    /// A remark, for the history.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// When it was made: the time of the image and of the step in its history.
    pub created: Timestamp,
    /// No time of a file or key is later than this one, so that steps that are done again give the same layer
    /// (`SOURCE_DATE_EPOCH`). `None` leaves all times as they are.
    pub latest: Option<Timestamp>,
    /// The SID of the owner of new files and directories that say nothing of theirs; `None` means the usual one.
    pub owner: Option<String>,
    /// Directories that were mounted on while the container ran. Those that were only made for that are not in the image.
    pub mounted: Vec<VolumePath>,
    /// What becomes of the scratch.
    pub scratch: AfterCommit,
}

/// How a new image is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Among the images, under these names, with tags. An image that had one before stays, if need be without a name; without any,
    /// the new one is kept by its id only.
    Named(Vec<String>),
    /// By its id, and not among the images: what a step of a build came to.
    Step,
}

/// What becomes of a scratch that an image was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCommit {
    /// It stays as it is: its files are copied.
    Kept,
    /// It is of no more use, and the caller removes it: its files are moved where that is possible.
    Consumed,
}

impl Store {
    /// Makes an image of the changes in `scratch`, whose container does not run, on top of `parent`, which the container was made
    /// of. The same changes and options give the same image; without any change the new layer is an empty one.
    ///
    /// # Errors
    /// When the registry of the container is damaged, a file cannot be in a layer, or something cannot be written. Then nothing is
    /// added, and the scratch is as it was unless it was to be consumed.
    pub fn commit(&self, scratch: &Scratch, parent: &Image, options: &CommitOptions) -> Result<Image, LayersError> {
        let upper = scratch.directory().join("upper");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let changes =
            rustix::fs::open(&upper, flags, Mode::empty()).map_err(|e| LayersError::io("open", &upper)(e.into()))?;
        self.commit_changes(scratch, &changes, parent, options)
    }

    /// As [`Store::commit`], for a scratch whose changes are on a file system of its own: `changes` is the directory that has them.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_changes(
        &self,
        scratch: &Scratch,
        changes: &OwnedFd,
        parent: &Image,
        options: &CommitOptions,
    ) -> Result<Image, LayersError> {
        let digest = {
            let _lock = self.lock_shared()?;
            let layer = self.new_layer()?;
            let (files, hives) = (layer.path().join("Files"), layer.path().join(HIVES));
            match options.scratch {
                AfterCommit::Consumed if fs::rename(scratch.directory().join("upper"), &files).is_ok() => {}
                _ => stage::copy(changes, &files)?,
            }
            for path in &options.mounted {
                stage::remove_stubs(&files, path, &parent.layers)?;
            }
            fs::create_dir(&hives).map_err(LayersError::io("create", &hives))?;
            if !self.has_registry_of(&scratch.prefix(), parent)? {
                stage_registry(layer.path(), &scratch.prefix(), parent, options.latest)?;
            }
            let latest = options.latest.map(|time| NtTime::from_seconds(time.as_second()));
            if let Some(owner) = &options.owner {
                stage::give(&files, owner, &parent.layers)?;
            }
            let packing =
                Packing { below: &parent.layers, latest, file_security: FileSecurity::Written, level: gzip::FAST };
            let packed = pack::pack(self, layer.path(), &packing, &|_: &str, _: f64| {})?;
            self.publish_layer(layer, &packed.diff_id, packed.size)?;
            let history = history(options, false);
            self.publish_child(parent, options, history, |config, manifest| {
                config.rootfs.diff_ids.push(packed.diff_id);
                manifest.layers.push(packed.blob);
            })?
        };
        self.resolve(&digest.to_string())
    }

    /// Makes an image that differs from `parent` in its configuration only: a step without a layer (`empty_layer` in the history).
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn commit_config(&self, parent: &Image, options: &CommitOptions) -> Result<Image, LayersError> {
        let digest = {
            let _lock = self.lock_shared()?;
            self.publish_child(parent, options, history(options, true), |_, _| {})?
        };
        self.resolve(&digest.to_string())
    }

    /// Publishes an image made of another, and gives the digest of its manifest.
    fn publish_child(
        &self,
        parent: &Image,
        options: &CommitOptions,
        step: History,
        change: impl FnOnce(&mut Config, &mut Manifest),
    ) -> Result<crate::Digest, LayersError> {
        let mut manifest: Manifest = self.content().read_json(&parent.manifest)?;
        let mut config: Config = self.content().read_json(&parent.id)?;
        config.created.clone_from(&step.created);
        config.author = Some(options.author.clone()).filter(|author| !author.is_empty());
        config.config = options.config.clone();
        change(&mut config, &mut manifest);
        config.history.push(step);
        let (digest, size) = self.content().add_json(&config)?;
        let manifest = image::manifest(Descriptor::new(CONFIG, digest, size), manifest.layers, BTreeMap::new());
        match &options.listing {
            Listing::Named(names) => self.publish_keeping(&manifest, names),
            Listing::Step => self.publish_step(&manifest),
        }
    }
}

fn history(options: &CommitOptions, empty_layer: bool) -> History {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    History {
        created: Some(options.created.to_string()),
        created_by: text(&options.created_by),
        comment: text(&options.comment),
        author: text(&options.author),
        empty_layer,
    }
}

/// Puts what the container has changed in its registry into the layer: differencing hives, and the user's hive as a whole, since
/// that one is a file of the volume.
fn stage_registry(layer: &Path, prefix: &Path, parent: &Image, latest: Option<Timestamp>) -> Result<(), LayersError> {
    let Some((image, changes)) = changes_of(&parent.layers, prefix)? else { return Ok(()) };
    let latest = latest.map(|time| KeyTime::from_unix(u64::try_from(time.as_second()).unwrap_or(0)));
    for mount in Mount::ALL {
        let mut change = changes.get(mount).clone();
        if is_empty(&change.root) {
            continue;
        }
        if let Some(latest) = latest {
            limit_times(&mut change.root, latest);
        }
        match mount.delta_file() {
            Some(name) => write_hive(&change, &layer.join(HIVES).join(name))?,
            None => {
                let whole = merge(image.get(mount).clone(), [&change]);
                write_user_hive(layer, &parent.layers, &whole)?;
            }
        }
    }
    Ok(())
}

fn is_empty(change: &Key) -> bool {
    change.entries().len() == 0 && change.subkeys().len() == 0
}

fn write_user_hive(layer: &Path, below: &[std::path::PathBuf], hive: &casement_hive::Tree) -> Result<(), LayersError> {
    let path = user_hive_path();
    // What this layer itself spells comes first, then what it lies upon.
    let mut layers = vec![layer.to_owned()];
    layers.extend(below.iter().cloned());
    let spelled = spelled_below(&layers, &path)?;
    let directory = layer.join(spelled[..spelled.len() - 1].join("/"));
    stage::make_directories(layer, &spelled[..spelled.len() - 1])?;
    let file = directory.join(&spelled[spelled.len() - 1]);
    crate::atomic::remove(&file)?;
    registry::write_hive(hive, &file)
}
