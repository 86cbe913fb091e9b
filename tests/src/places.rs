//! Where the programs under test, the prepared root and the test programs are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directory of the release binaries below the workspace.
const BINARIES: &str = "target/x86_64-unknown-linux-gnu/release";

/// The directories of a prepared root that a host gets by hard links: what is in them is never changed in place.
const LINKED: [&str; 3] = ["runtimes", "content", "layers"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

fn named_by(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| workspace().join(default), PathBuf::from)
}

fn existing(path: PathBuf, made_by: &str) -> PathBuf {
    assert!(path.exists(), "{} is missing: {made_by} makes it", path.display());
    path
}

/// The `casement` program under test; `CASEMENT_TEST_BINARIES` names another directory than that of the release build.
pub fn casement() -> PathBuf {
    existing(named_by("CASEMENT_TEST_BINARIES", BINARIES).join("casement"), "`cargo build --release`")
}

/// The directory of the test programs, `*.exe`.
pub fn test_programs() -> PathBuf {
    existing(named_by("CASEMENT_TEST_PROGRAMS", "target/test-programs"), "`make -C tests/programs`, called by test.sh,")
}

/// Something that `tests/fetch-clients` makes, such as `docker`.
pub fn client(name: &str) -> PathBuf {
    existing(
        named_by("CASEMENT_TEST_CLIENTS", "target/test-clients").join(name),
        "`tests/fetch-clients`, called by test.sh,",
    )
}

/// A file or directory below `tests/` in the repository.
pub fn source(name: &str) -> PathBuf {
    existing(workspace().join("tests").join(name), "the repository")
}

/// The root with the runtime and the base images.
pub fn prepared_root() -> PathBuf {
    existing(named_by("CASEMENT_TEST_ROOT", "target/test-root"), "test.sh")
}

/// The directory in which hosts get their directories: on the same file system as the prepared root, so that hard links work.
pub(crate) fn hosts() -> PathBuf {
    let root = prepared_root();
    let name = format!("{}-hosts", root.file_name().unwrap_or_default().to_string_lossy());
    let hosts = root.with_file_name(name);
    fs::create_dir_all(&hosts).unwrap_or_else(|error| panic!("create {}: {error}", hosts.display()));
    hosts.canonicalize().expect("a directory that was just made")
}

/// Makes `root` a root of its own that holds the runtime and the images of the prepared one.
pub(crate) fn furnish(root: &Path) -> io::Result<()> {
    let prepared = prepared_root();
    fs::create_dir_all(root)?;
    for name in LINKED {
        link_tree(&prepared.join(name), &root.join(name))?;
    }
    fs::copy(prepared.join("images.json"), root.join("images.json"))?;
    Ok(())
}

fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            link_tree(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::hard_link(&source, &target)?;
        }
    }
    copy_attributes(from, to)?;
    // A guest's own account owns some directories, and their modes count.
    let metadata = fs::metadata(from)?;
    std::os::unix::fs::chown(
        to,
        Some(std::os::unix::fs::MetadataExt::uid(&metadata)),
        Some(std::os::unix::fs::MetadataExt::gid(&metadata)),
    )?;
    fs::set_permissions(to, metadata.permissions())
}

/// Gives a directory the extended attributes of another: what Windows knows of the directories of layers.
fn copy_attributes(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = vec![0; 64 << 10];
    let length = rustix::fs::listxattr(from, &mut names[..])?;
    for name in names[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::getxattr(from, name, &mut value[..])?;
        rustix::fs::setxattr(to, name, &value[..length], rustix::fs::XattrFlags::empty())?;
    }
    Ok(())
}
