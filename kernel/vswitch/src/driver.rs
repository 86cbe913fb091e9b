//! What each kind of network does: check, make, remove, and describe what the packet filter has to hold for it.

mod bridge;
mod internal;
mod nat;
mod private;

pub(crate) use bridge::{addresses_of, delete};

use crate::capabilities::Capabilities;
use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::filter::Fragment;
use crate::host::Host;
use crate::network::{Network, NetworkKind};
use crate::reconcile::Attachment;
use crate::route::Link;

/// A kind of network. Everything that makes can be called again and makes what is missing; everything that removes goes on at
/// errors and returns them all.
pub(crate) trait Driver: Sync {
    /// Checks what the kind asks of a network, before anything is made.
    fn validate(&self, network: &Network, capabilities: &Capabilities) -> Result<(), VSwitchError>;

    /// Checks what the kind asks of an endpoint.
    fn validate_endpoint(&self, network: &Network, endpoint: &Endpoint) -> Result<(), VSwitchError>;

    /// What the packet filter holds for the network.
    fn network_fragment(&self, network: &Network) -> Fragment;

    /// What the packet filter holds for an endpoint.
    fn endpoint_fragment(&self, network: &Network, endpoint: &Endpoint, capabilities: &Capabilities) -> Fragment;

    /// Makes the network's interfaces or what is missing of them; tells whether something was.
    fn setup(&self, host: &mut Host, network: &Network) -> Result<bool, VSwitchError>;

    /// Makes an endpoint's port and adapter anew, the filter having been told.
    fn attach(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<(), VSwitchError>;

    /// Whether an endpoint's port and adapter are as described. Puts right what can be without removing them.
    fn verify(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<Verified, VSwitchError>;

    /// Changes what can change at an attached endpoint, outside of the host's packet filter.
    fn modify(&self, host: &mut Host, old: &Endpoint, new: &Attachment) -> Result<(), VSwitchError>;

    /// Removes what there is of an endpoint but its port and adapter, and says which port that is.
    fn release(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Released;

    /// Removes the network's interfaces. `last` says that no other network of its kind remains.
    fn teardown(&self, host: &mut Host, network: &Network, last: bool) -> Vec<VSwitchError>;
}

/// What [`Driver::release`] has left.
#[derive(Debug, Default)]
pub(crate) struct Released {
    /// The port, which takes the adapter with it.
    pub(crate) port: Option<Link>,
    /// What could not be removed.
    pub(crate) errors: Vec<VSwitchError>,
}

/// What [`Driver::verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// As described.
    Right,
    /// Not as described, and put right.
    Mended,
    /// To be made anew.
    Broken,
}

/// The driver of a kind.
pub(crate) fn driver(kind: NetworkKind) -> Result<&'static dyn Driver, VSwitchError> {
    match kind {
        NetworkKind::Nat => Ok(&nat::Nat),
        NetworkKind::Internal => Ok(&internal::Internal),
        NetworkKind::Private => Ok(&private::Private),
        NetworkKind::Transparent | NetworkKind::L2Bridge | NetworkKind::L2Tunnel | NetworkKind::Overlay => {
            Err(VSwitchError::UnsupportedKind(kind))
        }
    }
}
