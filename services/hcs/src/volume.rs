//! Volume `C:` of a container, as the daemon reaches it: through the silo host while the container runs, else through a volume
//! host that mounts it for this purpose. The daemon itself mounts nothing and enters no namespace.

use crate::error::ComputeError;
use crate::protocol::OPEN_VOLUME;
use crate::service::{ComputeService, System};
use crate::spec::VolumeSpec;
use casement_gcs::payload::ResponseBase;
use casement_gcs::{Client, GcsError};
use casement_layers::volume::VolumeTree;
use casement_silo::IdRange;
use rustix::fd::OwnedFd;
use std::io;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// A volume that can be read and written. Of a container that does not run there may be one at a time, and it must be dropped
/// before the container starts.
pub struct Volume {
    /// Before the host: a volume host that has ended has unmounted the volume.
    tree: VolumeTree,
    _host: Option<VolumeHost>,
}

impl Volume {
    /// Its files.
    pub fn tree(&self) -> &VolumeTree {
        &self.tree
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
        if self.is_live(id) {
            let root = self.open(id)?.volume()?;
            return Ok(Volume { tree: VolumeTree::new(root, ids.program()), _host: None });
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
        let root = request(&mut client, spec).map_err(|e| broken(id, e))?;
        host.connection = Some(client);
        Ok(Volume { tree: VolumeTree::new(root, ids.program()), _host: Some(host) })
    }
}

impl System {
    fn volume(&self) -> Result<OwnedFd, ComputeError> {
        request(&mut self.connection(), &self.base()).map_err(|e| broken(self.id(), e))
    }
}

/// Asks for the root of a volume and takes it from the answer.
fn request(client: &mut Client, payload: &impl serde::Serialize) -> Result<OwnedFd, GcsError> {
    let id = client.send(OPEN_VOLUME, payload, &[])?;
    let mut answer = client.response_message(OPEN_VOLUME, id)?;
    let base: ResponseBase = answer.parse()?;
    if !base.result.is_success() {
        return Err(GcsError::Remote { hresult: base.result, message: base.error_message });
    }
    answer.fds.pop().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

fn broken(id: &str, error: GcsError) -> ComputeError {
    match error {
        GcsError::Remote { hresult, message } => ComputeError::Refused { code: hresult, message },
        other => {
            ComputeError::Bridge { peer: format!("the host of volume C: of {id}"), source: io::Error::other(other) }
        }
    }
}
