//! The context of a build: the files that a client sends, in a directory that nobody else knows.

use crate::error::{BuildError, ErrorKind, Result};
use casement_dockerfile::ignore::IgnoreFile;
use casement_layers::volume::{Found, Overwrite, Visit, VolumeError, VolumePath, VolumeTree};
use flate2::read::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The Dockerfile's name when the client gives none.
pub const DEFAULT_DOCKERFILE: &str = "Dockerfile";
/// Most bytes of a context, unpacked.
pub const MAX_CONTEXT: u64 = 64 << 30;
/// Largest file that is read whole.
const MAX_FILE: u64 = casement_dockerfile::MAX_DOCKERFILE as u64;
const IGNORE_FILE: &str = ".dockerignore";
/// What other compressed streams begin with.
const OTHERS: [(&str, &[u8]); 3] =
    [("bzip2", b"BZh"), ("xz", &[0xfd, b'7', b'z', b'X', b'Z', 0]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])];

/// A context. Its files go with it.
#[derive(Debug)]
pub struct Context {
    tree: VolumeTree,
    ignore: IgnoreFile,
    _directory: tempfile::TempDir,
}

impl Context {
    /// Takes a tar stream in, plain or of gzip, into a directory that is empty.
    ///
    /// # Errors
    /// When it is malformed, too large, or holds names or links that Windows or safety forbid.
    pub fn receive(directory: tempfile::TempDir, archive: impl Read) -> Result<Self> {
        Self::receive_bounded(directory, archive, MAX_CONTEXT)
    }

    fn receive_bounded(directory: tempfile::TempDir, archive: impl Read, most: u64) -> Result<Self> {
        let tree = open(directory.path())?;
        let mut archive = BufReader::with_capacity(1 << 16, archive);
        let start = archive.fill_buf().map_err(BuildError::io("cannot read the build context"))?;
        if let Some((name, _)) = OTHERS.iter().find(|(_, magic)| start.starts_with(magic)) {
            return Err(BuildError::invalid(format!(
                "the build context is compressed with {name}: only gzip and plain tar archives can be read"
            )));
        }
        let root = VolumePath::parse("/")?;
        let explained = |error: VolumeError| match error {
            VolumeError::Archive(why) => BuildError::invalid(format!("Error processing tar file: {why}")),
            other => BuildError::from(other).within("cannot take the build context in"),
        };
        let unpacked = if start.starts_with(&[0x1f, 0x8b]) {
            tree.unpack(&root, Bounded::new(MultiGzDecoder::new(archive), most), Overwrite::Anything)
        } else {
            tree.unpack(&root, Bounded::new(archive, most), Overwrite::Anything)
        };
        unpacked.map_err(explained)?;
        Self::of_tree(directory, tree)
    }

    /// The files that are in a directory already, of which `below` is the context; empty for all of them.
    ///
    /// # Errors
    /// When there is no such directory in it.
    pub fn of_files(directory: tempfile::TempDir, below: &str) -> Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let missing = |error| BuildError::invalid(format!("the directory {below} of the build context: {error}"));
        let top = rustix::fs::openat(CWD, directory.path(), flags, Mode::empty()).map_err(missing)?;
        let below_top = match below.trim_matches('/') {
            "" => ".",
            below => below,
        };
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let root = rustix::fs::openat2(&top, below_top, flags, Mode::empty(), inside).map_err(missing)?;
        Self::of_tree(directory, VolumeTree::new(root, rustix::process::geteuid().as_raw()))
    }

    fn of_tree(directory: tempfile::TempDir, tree: VolumeTree) -> Result<Self> {
        let ignore = match read(&tree, IGNORE_FILE) {
            Ok(bytes) => IgnoreFile::parse(&String::from_utf8_lossy(&bytes))
                .map_err(|why| BuildError::invalid(format!("error reading .dockerignore: {why}")))?,
            Err(error) if error.kind == ErrorKind::NotFound => IgnoreFile::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { tree, ignore, _directory: directory })
    }

    /// The bytes of the Dockerfile at `path`.
    ///
    /// # Errors
    /// In Docker's words when there is none.
    pub fn dockerfile(&self, path: &str) -> Result<Vec<u8>> {
        read(&self.tree, path).map_err(|error| match error.kind {
            ErrorKind::NotFound => BuildError::internal(format!("Cannot locate specified Dockerfile: {path}")),
            _ => error,
        })
    }

    /// Its files.
    pub(crate) fn tree(&self) -> &VolumeTree {
        &self.tree
    }

    /// What of them is no part of it.
    pub(crate) fn ignore(&self) -> &IgnoreFile {
        &self.ignore
    }
}

/// A tree of the files below a directory that belongs to this process.
pub(crate) fn open(directory: &Path) -> Result<VolumeTree> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(directory, flags, Mode::empty())
        .map_err(|error| BuildError::internal(format!("cannot open {}: {error}", directory.display())))?;
    Ok(VolumeTree::new(root, rustix::process::geteuid().as_raw()))
}

/// The bytes of a file, links followed.
pub(crate) fn read(tree: &VolumeTree, path: &str) -> Result<Vec<u8>> {
    let mut bytes = None;
    tree.visit(&VolumePath::parse(path)?, &mut |visited| {
        if let Found::File(file, _) = visited.found {
            let mut content = Vec::new();
            file.take(MAX_FILE + 1).read_to_end(&mut content)?;
            bytes = Some(content);
        }
        Ok(Visit::Past)
    })?;
    match bytes {
        Some(bytes) if bytes.len() as u64 > MAX_FILE => {
            Err(BuildError::invalid(format!("{path} is larger than {MAX_FILE} bytes")))
        }
        Some(bytes) => Ok(bytes),
        None => Err(BuildError::invalid(format!("{path} is not a file"))),
    }
}

/// A stream that fails when it is too long.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("the build context is larger than a build may be sent"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn receive(bytes: &[u8]) -> Result<Context> {
        Context::receive(tempfile::tempdir().unwrap(), bytes)
    }

    #[test]
    fn plain_and_packed_contexts_are_read() {
        let plain = archive(&[("Dockerfile", "FROM x"), ("sub/other", "FROM y")]);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&plain).unwrap();
        for bytes in [plain, packed.finish().unwrap()] {
            let context = receive(&bytes).unwrap();
            assert_eq!(context.dockerfile("dockerfile").unwrap(), b"FROM x");
            assert_eq!(context.dockerfile("sub\\other").unwrap(), b"FROM y");
            assert_eq!(
                context.dockerfile("nothing").unwrap_err().message,
                "Cannot locate specified Dockerfile: nothing"
            );
        }
    }

    #[test]
    fn contexts_that_are_too_large_or_unreadable_are_refused() {
        let text = receive(b"BZh91AY&SY").unwrap_err().message;
        assert_eq!(text, "the build context is compressed with bzip2: only gzip and plain tar archives can be read");
        let bytes = archive(&[("a", &"x".repeat(10_000))]);
        let refused = Context::receive_bounded(tempfile::tempdir().unwrap(), &bytes[..], 5_000).unwrap_err();
        assert!(refused.message.contains("larger than a build may be sent"), "{refused}");
        assert!(receive(&[1; 2048]).unwrap_err().message.starts_with("Error processing tar file: "));
    }

    #[test]
    fn a_directory_of_a_checkout_is_the_context_and_leads_not_out_of_it() {
        let checkout = || {
            let directory = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(directory.path().join("sub/inner")).unwrap();
            std::fs::write(directory.path().join("sub/Dockerfile"), "FROM x").unwrap();
            std::os::unix::fs::symlink("../..", directory.path().join("sub/out")).unwrap();
            std::os::unix::fs::symlink("/", directory.path().join("root")).unwrap();
            directory
        };
        let context = Context::of_files(checkout(), "sub").unwrap();
        assert_eq!(context.dockerfile("Dockerfile").unwrap(), b"FROM x");
        assert!(Context::of_files(checkout(), "").unwrap().dockerfile("sub/Dockerfile").is_ok());
        for below in ["..", "sub/out", "root", "nothing", "sub/Dockerfile"] {
            assert!(Context::of_files(checkout(), below).is_err(), "{below}");
        }
    }

    #[test]
    fn the_dockerfile_is_not_read_from_outside() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        builder.append_link(&mut header, "Dockerfile", "/etc/passwd").unwrap();
        let context = receive(&builder.into_inner().unwrap()).unwrap();
        assert_eq!(context.dockerfile("Dockerfile").unwrap_err().kind, ErrorKind::Internal);
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        builder.append_link(&mut header, "Dockerfile", "../../../etc/passwd").unwrap();
        assert!(receive(&builder.into_inner().unwrap()).unwrap_err().message.contains("invalid symlink"));
    }
}
