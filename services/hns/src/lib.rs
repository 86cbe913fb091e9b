//! The Host Network Service (HNS, and HCN in version 2): networks, endpoints, namespaces, load balancers and names.
//!
//! [`NetworkService`] keeps the objects as Microsoft's documents, gives out addresses and ports, and has the virtual switch
//! ([`Switch`]) make what they say. [`NetworkService::call`] and [`NetworkService::hcn`] show it as Windows does, and [`HnsServer`]
//! on a socket.

#![forbid(unsafe_code)]

mod dns;
mod error;
mod hcn;
mod host;
mod ipam;
mod plan;
mod ports;
mod random;
mod record;
mod server;
mod service;
mod state;
mod store;
mod switch;
mod v1;

pub use error::{ELEMENT_NOT_FOUND, NO_VALID_OBJECT, NetworkError, Result};
pub use hcn::HcnCall;
pub use ipam::{RANGE, RESERVED};
pub use plan::{ACL, OUTBOUND_NAT, PORT_MAPPING, QOS};
pub use record::{EndpointRecord, NamespaceRecord, NetworkRecord};
pub use server::{HNS_SOCKET_FILE, HnsServer};
pub use service::{NetworkService, NetworkUse, NewEndpoint, VERSION};
pub use switch::Switch;
pub use v1::{comma_list, endpoint_view, network_view, policy_list_view};

/// The virtual switch of this host.
pub use casement_vswitch as vswitch;
