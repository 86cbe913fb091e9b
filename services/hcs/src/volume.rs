//! Volume `C:` of a container, as the daemon reaches it: through the silo host while the container runs, else through a volume
//! host that mounts it for this purpose. The daemon itself mounts nothing and enters no namespace.

use crate::error::ComputeError;
use crate::protocol::OPEN_VOLUME;
use crate::service::{ComputeService, System};
use crate::spec::VolumeSpec;
use casement_gcs::payload::ResponseBase;
use casement_gcs::{Client, GcsError};
use casement_layers::UnionMount;
use casement_layers::volume::changes::Change;
use casement_layers::volume::{VolumeError, VolumeTree};
use casement_silo::IdRange;
use rustix::fd::OwnedFd;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A volume that can be read and written. Of a container that does not run there may be one at a time, and it must be dropped
/// before the container starts.
pub struct Volume {
    /// Before the host: a volume host that has ended has unmounted the volume.
    tree: VolumeTree,
    changes: OwnedFd,
    union: UnionMount,
    _host: Option<VolumeHost>,
}

impl Volume {
    /// Its files.
    pub fn tree(&self) -> &VolumeTree {
        &self.tree
    }

    /// The directory with its changes, on disk.
    pub fn changes_directory(&self) -> &OwnedFd {
        &self.changes
    }

    /// What has changed in it.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, VolumeError> {
        let changes = self.changes.try_clone().map_err(|source| VolumeError::Io {
            action: "open",
            object: "the changes of volume C:".to_owned(),
            source,
        })?;
        self.union.changes_in(changes)
    }
}

/// A volume host; dropping it unmounts the volume.
struct VolumeHost {
    connection: Option<Client>,
    process: Child,
}

impl Drop for VolumeHost {
    fn drop(&mut self) {
        self.connection = None;
        if let Err(error) = self.process.wait() {
            tracing::warn!(%error, "cannot wait for a volume host");
        }
    }
}

impl ComputeService {
    /// Volume `C:` of the container that runs as compute system `id`, or does not run.
    ///
    /// # Errors
    /// When it cannot be mounted, or the container ends at this moment.
    pub fn open_volume(&self, id: &str, spec: &VolumeSpec) -> Result<Volume, ComputeError> {
        let ids = IdRange::new(spec.uid_base)
            .ok_or_else(|| ComputeError::invalid_document("UidBase", "the range holds ids of the host"))?;
        let layers: Vec<PathBuf> = spec.storage.layers.iter().map(|layer| PathBuf::from(&layer.path)).collect();
        let union = UnionMount::new(&layers, Path::new(&spec.storage.path));
        if self.is_live(id) {
            let (root, changes) = self.open(id)?.volume()?;
            return Ok(Volume { tree: VolumeTree::new(root, ids.program()), changes, union, _host: None });
        }
        let host = |e| ComputeError::file("start a volume host for", id, e);
        let (connection, hosts_end) = UnixStream::pair().map_err(host)?;
        let process = Command::new(self.silo_host())
            .arg("volume-host")
            .stdin(OwnedFd::from(hosts_end))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(host)?;
        let mut host = VolumeHost { connection: None, process };
        let mut client = Client::new(connection).map_err(|e| broken(id, e))?;
        let (root, changes) = request(&mut client, spec).map_err(|e| broken(id, e))?;
        host.connection = Some(client);
        Ok(Volume { tree: VolumeTree::new(root, ids.program()), changes, union, _host: Some(host) })
    }
}

impl System {
    fn volume(&self) -> Result<(OwnedFd, OwnedFd), ComputeError> {
        request(&mut self.connection(), &self.base()).map_err(|e| broken(self.id(), e))
    }
}

/// Asks for a volume; takes its root and the directory of its changes from the answer.
fn request(client: &mut Client, payload: &impl serde::Serialize) -> Result<(OwnedFd, OwnedFd), GcsError> {
    let id = client.send(OPEN_VOLUME, payload, &[])?;
    let mut answer = client.response_message(OPEN_VOLUME, id)?;
    let base: ResponseBase = answer.parse()?;
    if !base.result.is_success() {
        return Err(GcsError::Remote { hresult: base.result, message: base.error_message });
    }
    let mut fds = std::mem::take(&mut answer.fds).into_iter();
    fds.next().zip(fds.next()).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

fn broken(id: &str, error: GcsError) -> ComputeError {
    match error {
        GcsError::Remote { hresult, message } => ComputeError::Refused { code: hresult, message },
        other => {
            ComputeError::Bridge { peer: format!("the host of volume C: of {id}"), source: io::Error::other(other) }
        }
    }
}
