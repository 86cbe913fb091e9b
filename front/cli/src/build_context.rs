//! The context of a build, as it is sent to the daemon.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use casement_dockerfile::ignore::IgnoreFile;
use futures_util::Stream;
use tokio::sync::mpsc;

/// Pieces that wait for the daemon.
const WAITING: usize = 16;
/// Bytes of one.
const PIECE: usize = 64 << 10;
/// The Dockerfile's name unless somebody says otherwise.
const DOCKERFILE: &str = "Dockerfile";
/// What says which files are no part of a context.
const IGNORE_FILE: &str = ".dockerignore";

/// Where a context comes from.
pub enum Source {
    /// A directory, and the Dockerfile's path in it.
    Directory(PathBuf, String),
    /// Standard input: an archive, or a Dockerfile alone.
    Input(String),
    /// The daemon fetches it.
    Remote(String, String),
}

impl Source {
    /// What the command line names.
    ///
    /// # Errors
    /// When there is no such directory, or the Dockerfile is not in it.
    pub fn of(named: &str, file: Option<&str>) -> anyhow::Result<Self> {
        let given = || file.unwrap_or(DOCKERFILE).to_owned();
        if named == "-" {
            return Ok(Self::Input(given()));
        }
        let is_remote = named.contains("://") || named.starts_with("git@") || named.starts_with("github.com/");
        if is_remote && !Path::new(named).exists() {
            return Ok(Self::Remote(named.to_owned(), given()));
        }
        let directory = fs::canonicalize(named)
            .with_context(|| format!("unable to prepare context: path \"{named}\" not found"))?;
        let Some(file) = file else { return Ok(Self::Directory(directory, DOCKERFILE.to_owned())) };
        let path = fs::canonicalize(file)
            .with_context(|| format!("unable to prepare context: cannot find the Dockerfile {file}"))?;
        match path.strip_prefix(&directory).ok().and_then(Path::to_str) {
            Some(inside) => Ok(Self::Directory(directory.clone(), inside.to_owned())),
            None => {
                bail!("unable to prepare context: the Dockerfile ({}) must be within the build context", path.display())
            }
        }
    }

    /// The path of the Dockerfile in the context.
    pub fn dockerfile(&self) -> &str {
        match self {
            Self::Directory(_, file) | Self::Input(file) | Self::Remote(_, file) => file,
        }
    }

    /// The address that the daemon fetches.
    pub fn remote(&self) -> Option<&str> {
        match self {
            Self::Remote(address, _) => Some(address),
            _ => None,
        }
    }

    /// The archive, made while it is sent.
    pub fn into_body(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            let mut pieces = Pieces { sender: sender.clone(), piece: Vec::new() };
            let written = match self {
                Self::Directory(directory, dockerfile) => pack(&directory, &dockerfile, &mut pieces),
                Self::Input(dockerfile) => pass_on(io::stdin().lock(), &dockerfile, &mut pieces),
                Self::Remote(..) => Ok(()),
            };
            if let Err(error) = written.and_then(|()| pieces.flush()) {
                // Whoever receives it may have gone.
                let _ = sender.blocking_send(Err(error));
            }
        });
        futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
    }
}

/// Sends what is written, in pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Packs a directory without what its ignore file leaves out. Dockerfile and ignore file go along in any case: the daemon needs them.
fn pack(directory: &Path, dockerfile: &str, out: &mut impl Write) -> io::Result<()> {
    let ignore = match fs::read_to_string(directory.join(IGNORE_FILE)) {
        Ok(text) => {
            IgnoreFile::parse(&text).map_err(|why| io::Error::other(format!("error reading {IGNORE_FILE}: {why}")))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => IgnoreFile::default(),
        Err(error) => return Err(error),
    };
    let mut archive = tar::Builder::new(out);
    archive.follow_symlinks(false);
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let mut names: Vec<_> = fs::read_dir(directory.join(&below))?.collect::<Result<Vec<_>, _>>()?;
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            let shown = path.to_string_lossy();
            let needed = shown == dockerfile || shown == IGNORE_FILE || Path::new(dockerfile).starts_with(&path);
            if ignore.excludes(&shown) && !needed {
                if kind.is_dir() && ignore.has_exceptions() {
                    waiting.push(path);
                }
                continue;
            }
            if kind.is_dir() {
                archive.append_dir(&path, entry.path())?;
                waiting.push(path);
            } else if kind.is_file() || kind.is_symlink() {
                archive.append_path_with_name(entry.path(), &path)?;
            }
        }
    }
    archive.finish()
}

/// Passes an archive on as it is; a Dockerfile becomes one.
fn pass_on(input: impl Read, dockerfile: &str, out: &mut impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(PIECE, input);
    let mut start = Vec::new();
    input.by_ref().take(512).read_to_end(&mut start)?;
    let is_archive = start.get(257..262) == Some(b"ustar") || start.starts_with(&[0x1f, 0x8b]);
    if is_archive {
        out.write_all(&start)?;
        return io::copy(&mut input, out).map(drop);
    }
    input.take(casement_dockerfile::MAX_DOCKERFILE as u64).read_to_end(&mut start)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(start.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(out);
    archive.append_data(&mut header, dockerfile, &start[..])?;
    archive.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_ignored_is_not_sent_and_what_the_daemon_needs_is() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a/b.txt", "node_modules/x/y", "keep/no", "keep/yes", "Dockerfile"] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
        fs::write(directory.path().join(IGNORE_FILE), "node_modules\nkeep/*\n!keep/yes\nDockerfile\n").unwrap();
        let mut archive = Vec::new();
        pack(directory.path(), "Dockerfile", &mut archive).unwrap();
        assert_eq!(names(&archive), [".dockerignore", "Dockerfile", "a", "a/b.txt", "keep", "keep/yes", "link"]);
        assert!(!archive.windows(4).any(|bytes| bytes == b"root"), "links are sent as links");
    }

    #[test]
    fn standard_input_is_an_archive_or_a_dockerfile() {
        let mut archive = Vec::new();
        pass_on(&b"FROM nanoserver\n"[..], "Dockerfile", &mut archive).unwrap();
        assert_eq!(names(&archive), ["Dockerfile"]);
        let mut again = Vec::new();
        pass_on(&archive[..], "Dockerfile", &mut again).unwrap();
        assert_eq!(again, archive);
    }

    #[test]
    fn a_dockerfile_is_in_its_context() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("other"), "FROM x").unwrap();
        let named = directory.path().display().to_string();
        assert_eq!(Source::of(&named, Some(&format!("{named}/other"))).unwrap().dockerfile(), "other");
        assert!(Source::of(&named, Some("/etc/hostname")).is_err());
        assert!(Source::of("/nonexistent", None).is_err());
        assert_eq!(Source::of("https://h/a.git", None).unwrap().remote(), Some("https://h/a.git"));
    }
}
