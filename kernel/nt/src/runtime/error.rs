//! Why the runtime could not be built or opened.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// The failure of a runtime operation.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// A file operation failed.
    #[error("cannot {action} {path}", path = .path.display())]
    Io {
        /// What was tried, as a verb: `read`, `rename`.
        action: &'static str,
        /// The object of it.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program that the build needs is not installed.
    #[error("{tool} is not installed: install the package {package}")]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// The Debian and Ubuntu package that has it.
        package: &'static str,
    },
    /// A program that the build uses failed.
    #[error("{tool} failed while it had to {task}: {output}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// What it had to do.
        task: String,
        /// The last lines it wrote.
        output: String,
    },
    /// The host's apt names no Debian archive.
    #[error(
        "no Debian archive in the configuration of this host's apt: give one with --mirror, \
         such as --mirror https://mirror.example/debian"
    )]
    NoMirror,
    /// The host has no key file of the Debian archive.
    #[error(
        "no Debian archive keyring in /usr/share/keyrings: run `apt-get install debian-archive-keyring`; \
         packages without a verified signature are never used"
    )]
    NoKeyring,
    /// None of the host's keys signed the archive.
    #[error(
        "the keys in {keyring} do not verify the archive {mirror} (missing {keys}): install a newer \
         debian-archive-keyring (2025.1 or later; the .deb of Debian 13 installs on Debian 12 and Ubuntu), then \
         try again; packages without a verified signature are never used",
        keyring = .keyring.display()
    )]
    UnknownKey {
        /// The keyring that was used.
        keyring: PathBuf,
        /// The archive.
        mirror: String,
        /// Ids of the missing keys.
        keys: String,
    },
    /// The archive has another Wine.
    #[error("the archive offers Wine {found}, but this runtime is made for Wine {wanted} only")]
    WrongWine {
        /// Version of the archive's package.
        found: String,
        /// The pinned upstream version.
        wanted: &'static str,
    },
    /// A package of the recipe is not in the archive, or lacks a file.
    #[error("{0}")]
    Incomplete(String),
    /// One of our own Windows programs is missing or unusable.
    #[error("guest piece {path} cannot be used: {why}", path = .path.display())]
    Piece {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No runtime under this root.
    #[error("no Wine runtime in {root}: run `casement runtime build`", root = .root.display())]
    NotBuilt {
        /// The state directory.
        root: PathBuf,
    },
    /// `runtime.json` does not parse.
    #[error("{path} is damaged: {why}; run `casement runtime build --refresh`", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        why: String,
    },
}

impl RuntimeError {
    pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
