//! The Hyper-V virtual switch and its filter (VFP) on Linux: bridges, veth pairs, and one set of nftables tables, over netlink.
//!
//! ```no_run
//! # use casement_vswitch::*;
//! # fn example(network_id: casement_schema::Guid, endpoint_id: casement_schema::Guid) -> Result<(), VSwitchError> {
//! let switch = VSwitch::open()?;
//! switch.reconcile(Desired::default())?;
//! let subnet = Subnet { prefix: "192.168.48.0/20".parse()?, gateway: "192.168.48.1".parse().ok() };
//! let network = Network::new(network_id, NetworkKind::Nat, vec![subnet]);
//! switch.create_network(network.clone())?;
//! let namespace = Namespace::create()?;
//! let address = std::net::Ipv4Addr::new(192, 168, 51, 62).into();
//! switch.attach(Endpoint::new(endpoint_id, &network, "00-15-5D-70-38-C8".parse()?, &[address]), &namespace)?;
//! # Ok(()) }
//! ```

pub mod acl;
mod adapter;
pub mod address;
pub mod capabilities;
mod driver;
pub mod endpoint;
pub mod error;
mod filter;
mod forwarding;
mod host;
mod linux;
mod name;
pub mod namespace;
mod netlink;
pub mod network;
mod nftables;
mod policy;
pub mod reconcile;
mod route;
mod state;
mod sweeper;
pub mod switch;

pub use acl::{AclRule, Action, AddressRange, Direction, RuleType};
pub use address::{MacAddress, MacPool, Prefix};
pub use capabilities::{Capabilities, Shaper};
pub use endpoint::{Endpoint, InterfaceAddress, InterfaceName, OutboundNat, PortMapping, Route, Transport};
pub use error::VSwitchError;
pub use namespace::Namespace;
pub use network::{HostService, Network, NetworkKind, Subnet};
pub use reconcile::{Attachment, Desired, Reconciled, Repair};
pub use switch::{Adapter, Statistics, VSwitch};
