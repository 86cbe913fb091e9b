//! The Wine runtime: a self-contained tree that is the root file system of every silo.
//!
//! `<root>/runtimes/<id>/tree` is what containers see (read-only), `build/` holds what only image building needs,
//! `licences/` the packages' copyright files and `runtime.json` says what the tree is made of. `<root>/runtimes/current`
//! names the runtime in use, `<root>/cache/debs` keeps the fetched packages.

mod archive;
mod error;
pub mod recipe;
mod strip;
mod tree;

pub use archive::Package;
pub use error::RuntimeError;
pub use strip::has_builtin_signature;

use crate::digest;
use crate::progress::{Part, Progress};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const INFO: &str = "runtime.json";
const UNFINISHED: &str = ".building-";

/// What a runtime is made of (`runtime.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// SHA-256 over the recipe, the packages and our own pieces, in hexadecimal.
    pub id: String,
    /// Version of the recipe.
    pub recipe: u32,
    /// Upstream version of Wine.
    pub wine_version: String,
    /// The Debian packages.
    pub packages: Vec<Package>,
    /// SHA-256 of each of our own pieces.
    pub pieces: BTreeMap<String, String>,
    /// The licences of the parts.
    pub licences: String,
}

/// A built runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    directory: PathBuf,
    info: RuntimeInfo,
}

impl Runtime {
    /// Opens the runtime in use under the state directory `root`.
    ///
    /// # Errors
    /// [`RuntimeError::NotBuilt`] when there is none.
    pub fn current(root: &Path) -> Result<Self, RuntimeError> {
        let runtimes = root.join("runtimes");
        match fs::read_link(runtimes.join("current")) {
            Ok(target) => Self::open(&runtimes.join(target)),
            Err(_) => Err(RuntimeError::NotBuilt { root: root.to_owned() }),
        }
    }

    /// Opens the runtime in `directory` (`<root>/runtimes/<id>`).
    ///
    /// # Errors
    /// When `runtime.json` is missing or damaged.
    pub fn open(directory: &Path) -> Result<Self, RuntimeError> {
        let path = directory.join(INFO);
        let bytes = fs::read(&path).map_err(RuntimeError::io("read", &path))?;
        let info = serde_json::from_slice(&bytes)
            .map_err(|e| RuntimeError::Damaged { path: path.clone(), why: e.to_string() })?;
        Ok(Self { directory: directory.to_owned(), info })
    }

    /// What the runtime is made of.
    pub fn info(&self) -> &RuntimeInfo {
        &self.info
    }

    /// The runtime's id.
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// The directory of the runtime, `<root>/runtimes/<id>`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The root file system of silos.
    pub fn tree(&self) -> PathBuf {
        self.directory.join("tree")
    }

    /// The directory of Wine's own files that ours replace in the tree, wineboot.exe among them: for making prefixes.
    pub fn stock_files(&self) -> PathBuf {
        self.directory.join("build")
    }

    /// The directory of Windows-side files in the tree.
    pub fn windows_files(&self) -> PathBuf {
        self.directory.join("tree").join(recipe::WINDOWS_FILES)
    }
}

/// Our own parts of the runtime, built from `guest/windows`: Windows programs and DLLs with Wine's builtin signature,
/// and Linux libraries. Those that Wine has too take the place of Wine's.
#[derive(Debug, Clone)]
pub struct GuestPieces {
    directory: PathBuf,
}

/// The pieces that the base images count on: the launcher of programs, a freetype that has no fonts (without one, Wine
/// complains on stderr; with one and no fonts, it fails), the door to the network tables, and the boot program.
const REQUIRED_PIECES: [&str; 4] = ["CExecSvc.exe", "libfreetype.so.6", "nsi.dll", "wineboot.exe"];

impl GuestPieces {
    /// All `.exe`, `.dll` and `.so` files in one directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Names and paths of the pieces, sorted.
    fn files(&self) -> Result<Vec<(String, PathBuf)>, RuntimeError> {
        let read = RuntimeError::io("read the guest pieces in", &self.directory);
        let mut files: Vec<(String, PathBuf)> = fs::read_dir(&self.directory)
            .map_err(read)?
            .flatten()
            .filter_map(|e| Some((e.file_name().into_string().ok()?, e.path())))
            .filter(|(name, _)| is_windows_file(name) || name.contains(".so"))
            .collect();
        files.sort();
        match REQUIRED_PIECES.iter().find(|r| !files.iter().any(|(name, _)| name == *r)) {
            Some(missing) => Err(RuntimeError::Piece { path: self.directory.join(missing), why: "it is not there" }),
            None => Ok(files),
        }
    }

    /// Checks that the pieces can be used and gives their digests.
    fn digests(&self) -> Result<BTreeMap<String, String>, RuntimeError> {
        let mut digests = BTreeMap::new();
        for (name, path) in self.files()? {
            let bytes = fs::read(&path).map_err(RuntimeError::io("read the guest piece", &path))?;
            let why = match is_windows_file(&name) {
                true if !has_builtin_signature(&bytes) => "it has no builtin signature at offset 0x40",
                false if !bytes.starts_with(b"\x7fELF") => "it is not an ELF file",
                _ => {
                    digests.insert(name, digest::sha256_bytes(&bytes));
                    continue;
                }
            };
            return Err(RuntimeError::Piece { path, why });
        }
        Ok(digests)
    }
}

fn is_windows_file(name: &str) -> bool {
    name.ends_with(".exe") || name.ends_with(".dll")
}

/// Builds the runtime, or finds that it is up to date.
#[derive(Debug, Clone)]
pub struct RuntimeBuilder {
    root: PathBuf,
    pieces: GuestPieces,
    mirror: Option<String>,
    refresh: bool,
}

impl RuntimeBuilder {
    /// Builds under the state directory `root` with our own `pieces`.
    pub fn new(root: impl Into<PathBuf>, pieces: GuestPieces) -> Self {
        Self { root: root.into(), pieces, mirror: None, refresh: false }
    }

    /// Takes the packages from this Debian archive; by default from the one that the host's apt uses.
    pub fn mirror(mut self, mirror: Option<String>) -> Self {
        self.mirror = mirror;
        self
    }

    /// Asks the archive for newer packages even if a runtime is there.
    pub fn refresh(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }

    /// The built runtime, if [`RuntimeBuilder::build`] would have nothing to do.
    pub fn up_to_date(&self) -> Option<Runtime> {
        let pieces = self.pieces.digests().ok()?;
        self.matching(&pieces)
    }

    fn matching(&self, pieces: &BTreeMap<String, String>) -> Option<Runtime> {
        let runtime = Runtime::current(&self.root).ok()?;
        let same = runtime.info.recipe == recipe::RECIPE && runtime.info.pieces == *pieces;
        (same && runtime.tree().is_dir()).then_some(runtime)
    }

    /// Builds the runtime and makes it the current one. With nothing to do this takes milliseconds and no network.
    ///
    /// # Errors
    /// [`RuntimeError`]; what was there before stays in use.
    pub fn build(&self, progress: &dyn Progress) -> Result<Runtime, RuntimeError> {
        let pieces = self.pieces.digests()?;
        if let (false, Some(runtime)) = (self.refresh, self.matching(&pieces)) {
            return Ok(runtime);
        }
        let runtimes = self.root.join("runtimes");
        fs::create_dir_all(&runtimes).map_err(RuntimeError::io("create", &runtimes))?;
        let _lock = lock(&runtimes)?;
        remove_unfinished(&runtimes);
        let work = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&runtimes)
            .map_err(RuntimeError::io("create a directory in", &runtimes))?;

        let cache = self.root.join("cache/debs");
        let cached = if self.refresh { None } else { archive::cached(&cache) };
        let packages = match cached {
            Some(packages) => packages,
            None => {
                let fetching = Part::new(progress, 0.0, 0.5);
                archive::fetch(self.mirror.as_deref(), &cache, &work.path().join("apt"), &fetching)?
            }
        };
        let info = describe(packages, pieces);
        let published = runtimes.join(&info.id);
        if !published.join(INFO).exists() {
            self.assemble(work.path(), &cache, &info, progress)?;
            let built = work.path().join("runtime");
            fs::rename(&built, &published).map_err(RuntimeError::io("rename", &built))?;
        }
        point_current_at(&runtimes, &info.id)?;
        progress.report("runtime ready", 1.0);
        Runtime::open(&published)
    }

    fn assemble(
        &self,
        work: &Path,
        cache: &Path,
        info: &RuntimeInfo,
        progress: &dyn Progress,
    ) -> Result<(), RuntimeError> {
        let unpacked = work.join("packages");
        for (n, package) in info.packages.iter().enumerate() {
            let done = n as f64 / info.packages.len() as f64;
            progress.report(&format!("unpacking {}", package.name), 0.5 + 0.2 * done);
            let deb = package.path(cache);
            archive::run("dpkg-deb", &format!("unpack {}", package.name), |c| c.arg("-x").arg(&deb).arg(&unpacked))?;
        }
        let runtime = work.join("runtime");
        tree::assemble(&unpacked, &runtime, &self.pieces, &Part::new(progress, 0.7, 0.97))?;
        progress.report("writing to disk", 0.97);
        let path = runtime.join(INFO);
        let text = serde_json::to_vec_pretty(info).unwrap_or_default();
        fs::write(&path, text).map_err(RuntimeError::io("write", &path))?;
        let directory = File::open(&runtime).map_err(RuntimeError::io("open", &runtime))?;
        rustix::fs::syncfs(&directory).map_err(|e| RuntimeError::io("write", &runtime)(e.into()))
    }
}

fn describe(packages: Vec<Package>, pieces: BTreeMap<String, String>) -> RuntimeInfo {
    let mut text = format!("recipe {}\n", recipe::RECIPE);
    for package in &packages {
        text.push_str(&format!("package {}={}\n", package.name, package.version));
    }
    for (name, digest) in &pieces {
        text.push_str(&format!("piece {name}={digest}\n"));
    }
    RuntimeInfo {
        id: digest::sha256_bytes(text.as_bytes()),
        recipe: recipe::RECIPE,
        wine_version: recipe::WINE_VERSION.to_owned(),
        packages,
        pieces,
        licences: recipe::LICENCE_NOTE.to_owned(),
    }
}

/// Only one build at a time; the lock goes with the returned file.
fn lock(runtimes: &Path) -> Result<File, RuntimeError> {
    let path = runtimes.join(".lock");
    let file = File::create(&path).map_err(RuntimeError::io("create", &path))?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| RuntimeError::io("lock", &path)(e.into()))?;
    Ok(file)
}

/// What a killed build left behind. A failure shows up later as a full disk at worst.
fn remove_unfinished(runtimes: &Path) {
    for entry in fs::read_dir(runtimes).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn point_current_at(runtimes: &Path, id: &str) -> Result<(), RuntimeError> {
    let (temporary, current) = (runtimes.join(format!("{UNFINISHED}current")), runtimes.join("current"));
    let _ = fs::remove_file(&temporary);
    std::os::unix::fs::symlink(id, &temporary).map_err(RuntimeError::io("link", &temporary))?;
    fs::rename(&temporary, &current).map_err(RuntimeError::io("rename", &temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(directory: &Path) -> GuestPieces {
        let directory = directory.join("pieces");
        fs::create_dir_all(&directory).unwrap();
        let mut pe = vec![0u8; 0x100];
        pe[..2].copy_from_slice(b"MZ");
        pe[0x3c] = 0x80;
        assert!(strip::add_builtin_signature(&mut pe));
        for (name, bytes) in [
            ("wineboot.exe", &pe[..]),
            ("CExecSvc.exe", &pe[..]),
            ("nsi.dll", &pe[..]),
            ("libfreetype.so.6", b"\x7fELF"),
        ] {
            fs::write(directory.join(name), bytes).unwrap();
        }
        GuestPieces::in_directory(&directory)
    }

    #[test]
    fn a_runtime_of_the_same_parts_needs_no_build_and_no_network() {
        let root = tempfile::tempdir().unwrap();
        let pieces = pieces(root.path());
        let info = describe(Vec::new(), pieces.digests().unwrap());
        let directory = root.path().join("runtimes").join(&info.id);
        fs::create_dir_all(directory.join("tree")).unwrap();
        fs::write(directory.join(INFO), serde_json::to_vec(&info).unwrap()).unwrap();
        point_current_at(&root.path().join("runtimes"), &info.id).unwrap();

        let builder = RuntimeBuilder::new(root.path(), pieces.clone());
        let built = builder.build(&|_: &str, _: f64| panic!("nothing to do")).unwrap();
        assert_eq!(built.id(), info.id);

        fs::write(pieces.directory.join("libfreetype.so.6"), b"\x7fELF changed").unwrap();
        assert_eq!(builder.up_to_date(), None);
    }

    #[test]
    fn pieces_that_wine_would_not_take_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let pieces = pieces(root.path());
        fs::write(pieces.directory.join("CExecSvc.exe"), b"MZ without signature").unwrap();
        assert!(matches!(pieces.digests(), Err(RuntimeError::Piece { .. })));
        fs::remove_file(pieces.directory.join("CExecSvc.exe")).unwrap();
        assert!(matches!(pieces.digests(), Err(RuntimeError::Piece { .. })));
    }

    #[test]
    fn no_runtime_says_what_to_run() {
        let root = tempfile::tempdir().unwrap();
        let text = Runtime::current(root.path()).unwrap_err().to_string();
        assert!(text.contains("casement runtime build"), "{text}");
    }
}
