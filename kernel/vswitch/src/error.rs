//! What can go wrong on a virtual switch.

use std::io;
use std::net::IpAddr;

use casement_schema::Guid;

use crate::address::MacAddress;
use crate::endpoint::Transport;
use crate::network::NetworkKind;

/// Error of every operation on switches and their ports.
#[derive(Debug, thiserror::Error)]
pub enum VSwitchError {
    /// Text that is no MAC address.
    #[error("{0:?} is no mac address: write it as 00-15-5D-70-38-C8")]
    InvalidMacAddress(String),
    /// A range that ends before it begins, or of multicast addresses.
    #[error("{first} to {last} is no range of mac addresses for adapters")]
    InvalidMacRange {
        /// The first address.
        first: MacAddress,
        /// The last address.
        last: MacAddress,
    },
    /// Text that is no address prefix.
    #[error("{0:?} is no address prefix: write it as 192.168.48.0/20")]
    InvalidPrefix(String),
    /// A name that the kernel does not take.
    #[error("{0:?} is no name for an interface: use 1 to 15 printable ascii characters without / : %")]
    InvalidInterfaceName(String),
    /// A network whose description contradicts itself.
    #[error("network {network} cannot be made: {reason}")]
    InvalidNetwork {
        /// The network.
        network: Guid,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An endpoint whose description contradicts itself or its network.
    #[error("endpoint {endpoint} cannot be made: {reason}")]
    InvalidEndpoint {
        /// The endpoint.
        endpoint: Guid,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No driver for this kind of network.
    #[error("networks of type {0} are not supported: use nat, internal or private")]
    UnsupportedKind(NetworkKind),
    /// The kernel lacks what is needed.
    #[error("this kernel has no {feature}: {needed_for}")]
    UnsupportedKernel {
        /// What it lacks.
        feature: &'static str,
        /// What cannot be done without it.
        needed_for: &'static str,
    },
    /// A network of this id is there already.
    #[error("network {0} exists already")]
    NetworkExists(Guid),
    /// No network of this id.
    #[error("network {0} does not exist")]
    NetworkNotFound(Guid),
    /// Endpoints are attached to the network.
    #[error("network {network} has {endpoints} attached endpoints: detach them first")]
    NetworkInUse {
        /// The network.
        network: Guid,
        /// How many.
        endpoints: usize,
    },
    /// An endpoint of this id is attached already.
    #[error("endpoint {0} is attached already")]
    EndpointExists(Guid),
    /// No endpoint of this id is attached.
    #[error("endpoint {0} is not attached")]
    EndpointNotFound(Guid),
    /// The interface name of an id belongs to another id or to somebody else.
    #[error("{id} needs the interface {interface}, which something else has: use another id")]
    InterfaceTaken {
        /// The network or endpoint.
        id: Guid,
        /// The interface.
        interface: String,
    },
    /// Two endpoints of one network with one address.
    #[error("address {address} is in use by endpoint {endpoint}")]
    AddressInUse {
        /// The address.
        address: IpAddr,
        /// Who has it.
        endpoint: Guid,
    },
    /// Two endpoints of one network with one MAC address.
    #[error("mac address {mac} is in use by endpoint {endpoint}")]
    MacInUse {
        /// The address.
        mac: MacAddress,
        /// Who has it.
        endpoint: Guid,
    },
    /// A host port that is published already (HNS: `HCN_E_PORT_ALREADY_EXISTS`).
    #[error("{transport} port {port} is published already by endpoint {endpoint}")]
    PortInUse {
        /// TCP or UDP.
        transport: Transport,
        /// The port of the host.
        port: u16,
        /// Who has it.
        endpoint: Guid,
    },
    /// A subnet that another network of ours has.
    #[error("subnet {subnet} overlaps one of network {network}")]
    SubnetInUse {
        /// The subnet.
        subnet: crate::address::Prefix,
        /// Who has it.
        network: Guid,
    },
    /// A change that needs a detach and a new attach.
    #[error("endpoint {endpoint} cannot change its {what} while it is attached: detach it first")]
    Immutable {
        /// The endpoint.
        endpoint: Guid,
        /// What would change.
        what: &'static str,
    },
    /// The kernel refused a request.
    #[error("cannot {action} {object}")]
    Kernel {
        /// What was to be done.
        action: &'static str,
        /// With which interface, table, file or namespace.
        object: String,
        /// The reason.
        source: io::Error,
    },
    /// The kernel's answer is not what the protocol says.
    #[error("the kernel's answer about {0} cannot be understood")]
    Protocol(&'static str),
    /// Parts could not be removed; everything else was.
    #[error("{object} could not be removed whole: {}", chain(errors))]
    Teardown {
        /// The network, endpoint or host.
        object: String,
        /// Every error that was met.
        errors: Vec<VSwitchError>,
    },
}

impl VSwitchError {
    /// Builds a closure for `map_err` that keeps what was done to what.
    pub(crate) fn kernel<E: Into<io::Error>>(
        action: &'static str,
        object: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let object = object.into();
        move |source| Self::Kernel { action, object, source: source.into() }
    }

    /// The error code of the system call or request that failed, if one did.
    pub fn os_error(&self) -> Option<i32> {
        match self {
            Self::Kernel { source, .. } => source.raw_os_error(),
            Self::Teardown { errors, .. } => errors.iter().find_map(Self::os_error),
            _ => None,
        }
    }

    /// `Ok` when there are no errors, else all of them as one.
    pub(crate) fn collect(object: impl Into<String>, errors: Vec<VSwitchError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::Teardown { object: object.into(), errors }) }
    }
}

/// Joins errors, each with its sources.
fn chain(errors: &[VSwitchError]) -> String {
    let mut text = String::new();
    for error in errors {
        if !text.is_empty() {
            text.push_str("; ");
        }
        let mut next: Option<&dyn std::error::Error> = Some(error);
        let mut first = true;
        while let Some(error) = next {
            if !first {
                text.push_str(": ");
            }
            first = false;
            text.push_str(&error.to_string());
            next = error.source();
        }
    }
    text
}
