//! A mounted volume for a test.

use casement_wcifs::{Durability, MountPlan, WcifsError};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// The owner of all files in tests.
pub const OWNER: u32 = 0x7000_03e8;

/// What the kernel may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub passthrough: bool,
    pub epochs: bool,
}

impl Mode {
    pub const EVERYTHING: Self = Self { passthrough: true, epochs: true };
    pub const NO_PASSTHROUGH: Self = Self { passthrough: false, epochs: true };
    pub const NO_EPOCHS: Self = Self { passthrough: true, epochs: false };
}

/// A volume over layers in a directory of its own.
pub struct Fixture {
    directory: TempDir,
    layers: usize,
    mode: Mode,
    server: Option<JoinHandle<Result<(), WcifsError>>>,
}

impl Fixture {
    /// A volume over these layers, top first, each made by a function.
    pub fn new(mode: Mode, layers: &[&dyn Fn(&Path)]) -> Self {
        enter_private_namespace();
        let directory = tempfile::tempdir().unwrap();
        for name in ["upper", "work", "c"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        for (index, fill) in layers.iter().enumerate() {
            let layer = directory.path().join(index.to_string());
            fs::create_dir(&layer).unwrap();
            fill(&layer);
        }
        let mut fixture = Self { directory, layers: layers.len(), mode, server: None };
        fixture.mount();
        fixture
    }

    /// The directory that holds everything.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A volume over one layer with these files; names that end with `/` are directories.
    pub fn over(mode: Mode, files: &[(&str, &str)]) -> Self {
        Self::new(mode, &[&|layer| fill(layer, files)])
    }

    pub fn plan(&self) -> MountPlan {
        MountPlan {
            layers: (0..self.layers).map(|index| self.layer(index)).collect(),
            scratch: self.upper(),
            work: self.directory.path().join("work"),
            owner: OWNER,
            durability: Durability::Kept,
            for_host: false,
            passthrough: self.mode.passthrough,
            epochs: self.mode.epochs,
        }
    }

    pub fn mount(&mut self) {
        self.mount_as(&self.plan());
    }

    /// Mounts another plan in its place.
    pub fn mount_as(&mut self, plan: &MountPlan) {
        let session = plan.mount(&self.root()).unwrap();
        self.server = Some(std::thread::spawn(move || session.serve()));
    }

    /// As [`Fixture::mount`], for a volume in which something will be mounted.
    pub fn mount_expecting_mounts(&mut self) {
        let mut session = self.plan().mount(&self.root()).unwrap();
        session.expect_mounts();
        self.server = Some(std::thread::spawn(move || session.serve()));
    }

    /// Unmounts and mounts again: what was not on disk is gone.
    pub fn remount(&mut self) {
        self.unmount();
        self.mount();
    }

    pub fn unmount(&mut self) {
        if let Some(server) = self.server.take() {
            rustix::mount::unmount(self.root(), rustix::mount::UnmountFlags::DETACH).unwrap();
            server.join().unwrap().unwrap();
        }
    }

    /// Where it is mounted.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("c")
    }

    /// A path on it.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// The scratch on disk.
    pub fn upper(&self) -> PathBuf {
        self.directory.path().join("upper")
    }

    pub fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// A layer on disk.
    pub fn layer(&self, index: usize) -> PathBuf {
        self.directory.path().join(index.to_string())
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn write(&self, path: &str, content: &str) {
        fs::write(self.at(path), content).unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    /// The names in a directory, in order.
    pub fn names(&self, path: &str) -> Vec<String> {
        names(&self.at(path))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = rustix::mount::unmount(self.root(), rustix::mount::UnmountFlags::DETACH);
        } else {
            self.unmount();
        }
    }
}

/// Every mount of this thread vanishes with it.
fn enter_private_namespace() {
    use std::cell::Cell;
    thread_local!(static ENTERED: Cell<bool> = const { Cell::new(false) });
    if !ENTERED.replace(true) {
        casement_silo::mount::enter_private_namespace().expect("this test needs root");
    }
}

/// The names in a directory, in order.
pub fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Puts files below a directory.
pub fn fill(layer: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = layer.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        }
    }
}

/// Whether a file of a scratch is a tombstone.
pub fn is_tombstone(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == 0)
}

/// Puts a tombstone into a layer.
pub fn bury(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode};
    rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
}

/// What the error of a result is.
pub fn error<T: std::fmt::Debug>(result: std::io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}
