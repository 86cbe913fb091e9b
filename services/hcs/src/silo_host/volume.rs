//! The volume host: mounts volume `C:` of a container that does not run, in a mount namespace of its own, for as long as somebody
//! holds the other end of its connection.

use super::assemble::{OpenVolume, mount_volume};
use crate::error::ComputeError;
use crate::protocol::OPEN_VOLUME;
use crate::spec::VolumeSpec;
use casement_gcs::payload::ResponseBase;
use casement_gcs::{Endpoint, GcsError, Message};
use casement_layers::volume::mount::{Durability, Serving};
use casement_schema::error::{HResult, HcsError};
use casement_silo::IdRange;
use rustix::event::{PollFd, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Runs the volume host until the connection on standard input ends.
pub fn main() -> Result<(), ComputeError> {
    let broken = |e: GcsError| ComputeError::Bridge { peer: "the daemon".to_owned(), source: std::io::Error::other(e) };
    let connection = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
        .map_err(|e| ComputeError::file("take over", "standard input", e.into()))?;
    let mut endpoint = Endpoint::new(connection.into()).map_err(|e| broken(e.into()))?;
    casement_silo::mount::enter_private_namespace()?;
    let mut served = None;
    while !endpoint.is_ended() {
        let mut ready = [PollFd::from_borrowed_fd(endpoint.as_fd(), endpoint.poll_flags())];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(broken(std::io::Error::from(e).into())),
        }
        let sent = if endpoint.wants_write() { endpoint.on_writable() } else { Ok(()) };
        for message in sent.and_then(|()| endpoint.on_readable()).map_err(broken)? {
            let (answer, fds) = answer(&message, &mut served);
            endpoint.queue(message.message_type.response(), message.id, &answer, fds).map_err(broken)?;
        }
    }
    Ok(())
}

fn answer(message: &Message, served: &mut Option<Serving>) -> (ResponseBase, Vec<OwnedFd>) {
    if message.message_type != OPEN_VOLUME {
        let text = format!("the volume host does not know {}", message.message_type);
        return (ResponseBase::failure(HcsError::UnknownMessage, text), Vec::new());
    }
    // It clones to mount one, and has a thread from then on.
    if served.is_some() {
        let text = "the volume host holds a volume already";
        return (ResponseBase::failure(HcsError::InvalidState, text), Vec::new());
    }
    let spec: VolumeSpec = match message.parse() {
        Ok(spec) => spec,
        Err(e) => return (ResponseBase::failure(e.hresult(), e.to_string()), Vec::new()),
    };
    match open(&spec) {
        Ok((volume, serving)) => {
            *served = Some(serving);
            (ResponseBase::success(), volume.descriptors())
        }
        Err(e) => (ResponseBase::failure(HResult::FAIL, casement_silo::error_chain(&e)), Vec::new()),
    }
}

fn open(spec: &VolumeSpec) -> Result<(OpenVolume, Serving), ComputeError> {
    let ids = IdRange::new(spec.uid_base)
        .ok_or_else(|| ComputeError::invalid_document("UidBase", "the range holds ids of the host"))?;
    // A directory that every scratch has; what is mounted on it is seen in this namespace only.
    let target = Path::new(&spec.storage.path).join("prefix/drive_c");
    let volume = mount_volume(&spec.storage, &spec.mapped_directories, ids, &target, Durability::Kept)?;
    let opened = OpenVolume::of(&volume)?;
    Ok((opened, volume.serve()?))
}
