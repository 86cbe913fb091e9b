//! What can go wrong with a volume as a whole.

use rustix::io::Errno;
use std::path::PathBuf;

/// Why a volume cannot be mounted or served. What a single program is refused is an error number of Linux.
#[derive(Debug, thiserror::Error)]
pub enum WcifsError {
    /// A directory of the volume.
    #[error("open {path} as a layer of a volume: {source}")]
    Layer {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: Errno,
    },
    /// More layers than [`crate::MAX_LAYERS`].
    #[error("a volume of {0} layers; {max} are the most", max = crate::MAX_LAYERS)]
    TooManyLayers(usize),
    /// The work directory cannot be emptied.
    #[error("clear the work directory {path}: {source}")]
    Work {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// FUSE is not there.
    #[error("open /dev/fuse: {0}")]
    Device(Errno),
    /// The mount itself.
    #[error("mount the volume on {path}: {source}")]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: Errno,
    },
    /// A directory that is read from disk.
    #[error("read {path} of a volume: {source}")]
    Read {
        /// The directory, from the root of the volume.
        path: String,
        /// Why not.
        source: Errno,
    },
    /// The thread that is to serve cannot be started.
    #[error("start a thread that serves the volume: {0}")]
    Thread(std::io::Error),
    /// The conversation with the kernel.
    #[error("serve the volume: {0}")]
    Serve(Errno),
}
