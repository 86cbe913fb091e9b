//! Making the host what a description says, after a crash or after somebody else's changes.

use casement_schema::Guid;

use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::namespace::Namespace;
use crate::network::Network;

/// An endpoint and where its adapter is.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The namespace of its adapter.
    pub namespace: Namespace,
}

/// Everything that the host is to have.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The networks.
    pub networks: Vec<Network>,
    /// The attached endpoints.
    pub attachments: Vec<Attachment>,
}

/// Something that was not as described and is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// An interface of ours that no description has was removed.
    OrphanRemoved {
        /// Its name.
        interface: String,
    },
    /// A network's bridge was missing or wrong and was made.
    NetworkMade(Guid),
    /// An endpoint's port or adapter was missing or wrong and was made.
    EndpointMade(Guid),
    /// The rules of a table were missing or differed and were written.
    RulesWritten {
        /// `ip`, `ip6`, `bridge`, or `inet` for one in an endpoint's namespace.
        family: &'static str,
        /// The endpoint, for a table in its namespace.
        endpoint: Option<Guid>,
    },
    /// A table of ours that nothing needs was removed.
    RulesRemoved {
        /// As above.
        family: &'static str,
    },
    /// Forwarding between interfaces was off and was turned on.
    ForwardingEnabled,
}

/// What [`crate::VSwitch::reconcile`] found and did.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// What was repaired, in order.
    pub repairs: Vec<Repair>,
    /// Networks and endpoints that could not be made, each with the reason; they are not part of the switch now.
    pub failures: Vec<(Guid, VSwitchError)>,
}
