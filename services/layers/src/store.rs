//! The store: one root directory for content, layers, scratches and names.

use crate::atomic::{self, UNFINISHED};
use crate::content::ContentStore;
use crate::error::LayersError;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Images, layers and scratches under one root. Several processes may have the same store open.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    content: ContentStore,
}

/// A lock that goes with its value.
pub(crate) struct Lock(#[expect(dead_code)] File);

impl Store {
    /// Opens the store under `root` and makes it if it is missing.
    ///
    /// # Errors
    /// When directories cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, LayersError> {
        let root = root.into();
        for name in ["layers", "scratches"] {
            let path = root.join(name);
            fs::create_dir_all(&path).map_err(LayersError::io("create", &path))?;
        }
        let content = ContentStore::open(&root.join("content"))?;
        Ok(Self { root, content })
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The blobs.
    pub fn content(&self) -> &ContentStore {
        &self.content
    }

    /// Removes what killed processes left unfinished, unless another process is just adding something. For start-up.
    ///
    /// # Errors
    /// When leftovers cannot be removed.
    pub fn sweep(&self) -> Result<(), LayersError> {
        let Some(_lock) = self.lock_file("store.lock", FlockOperation::NonBlockingLockExclusive)? else {
            return Ok(());
        };
        let places = ["layers", "scratches", "", "content", "cache/registries"].map(|place| self.root.join(place));
        for place in places.iter().map(PathBuf::as_path).chain([self.content.blobs_directory()]) {
            let entries = match fs::read_dir(place) {
                // Some are made when they are needed.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(LayersError::io("read", place))?,
            };
            for entry in entries.flatten() {
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    atomic::remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// For adding content and layers: nothing is removed meanwhile.
    pub(crate) fn lock_shared(&self) -> Result<Lock, LayersError> {
        self.lock("store.lock", FlockOperation::LockShared)
    }

    /// For removing content and layers.
    pub(crate) fn lock_exclusive(&self) -> Result<Lock, LayersError> {
        self.lock("store.lock", FlockOperation::LockExclusive)
    }

    /// For changing `images.json`; always taken after the others.
    pub(crate) fn lock_names(&self) -> Result<Lock, LayersError> {
        self.lock("images.lock", FlockOperation::LockExclusive)
    }

    /// For building base images: one at a time.
    pub(crate) fn lock_build(&self) -> Result<Lock, LayersError> {
        self.lock("build.lock", FlockOperation::LockExclusive)
    }

    fn lock(&self, name: &str, operation: FlockOperation) -> Result<Lock, LayersError> {
        let lock = self.lock_file(name, operation)?;
        lock.ok_or_else(|| LayersError::io("lock", &self.root)(std::io::ErrorKind::WouldBlock.into()))
    }

    fn lock_file(&self, name: &str, operation: FlockOperation) -> Result<Option<Lock>, LayersError> {
        let path = self.root.join(name);
        let file = File::create(&path).map_err(LayersError::io("create", &path))?;
        match rustix::fs::flock(&file, operation) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(LayersError::io("lock", &path)(e.into())),
        }
    }
}
