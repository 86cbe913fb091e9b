//! The virtual switches of a host: the one handle that everything goes through.

use std::net::IpAddr;

use casement_schema::Guid;

use crate::address::{MacAddress, Prefix};
use crate::capabilities::Capabilities;
use crate::endpoint::{Endpoint, InterfaceAddress};
use crate::error::VSwitchError;
use crate::namespace::Namespace;
use crate::network::Network;
use crate::reconcile::{Desired, Reconciled};

/// The virtual switches of the network namespace that the calling thread is in. One for each daemon: it remembers what it has
/// made. Calls from several threads take turns.
pub struct VSwitch {}

/// An interface of the host's that is a network's (the bridge, Windows' host vNIC) or an endpoint's port on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// The name of the interface.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// Its MAC address.
    pub mac: MacAddress,
    /// Bytes of a frame's payload.
    pub mtu: u32,
    /// Whether it is up and has a carrier.
    pub up: bool,
    /// Its addresses (bridges only).
    pub addresses: Vec<InterfaceAddress>,
    /// The network.
    pub network: Guid,
    /// The endpoint, for a port.
    pub endpoint: Option<Guid>,
}

/// Counters of an endpoint, as the endpoint sees them (`endpointstats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes that reached the endpoint.
    pub bytes_received: u64,
    /// Bytes that it sent.
    pub bytes_sent: u64,
    /// Packets that reached the endpoint.
    pub packets_received: u64,
    /// Packets that it sent.
    pub packets_sent: u64,
    /// Packets to it that were dropped at its port.
    pub dropped_packets_incoming: u64,
    /// Packets from it that were dropped at its port.
    pub dropped_packets_outgoing: u64,
}

impl VSwitch {
    /// Opens the kernel's interfaces in the calling thread's network namespace and finds out what the kernel offers. Changes
    /// nothing: call [`VSwitch::reconcile`] next.
    pub fn open() -> Result<Self, VSwitchError> {
        todo!()
    }

    /// What the kernel offers.
    pub fn capabilities(&self) -> &Capabilities {
        todo!()
    }

    /// Makes a network: its bridge, with addresses, and its rules. On failure nothing of it is left.
    pub fn create_network(&self, network: Network) -> Result<(), VSwitchError> {
        let _ = network;
        todo!()
    }

    /// Removes a network without endpoints. Goes on at errors and returns them all; to be repeated until it is `Ok`. A network that
    /// is not there is no error.
    pub fn delete_network(&self, network: Guid) -> Result<(), VSwitchError> {
        let _ = network;
        todo!()
    }

    /// Makes the port of an endpoint and its adapter in `namespace`, with everything that the description has. When it returns the
    /// adapter is up and packets flow. On failure nothing of it is left.
    pub fn attach(&self, endpoint: Endpoint, namespace: &Namespace) -> Result<(), VSwitchError> {
        let _ = (endpoint, namespace);
        todo!()
    }

    /// Removes an endpoint's port, adapter and rules. Goes on at errors and returns them all. An endpoint that is not attached is
    /// no error, and neither is one whose namespace is gone.
    pub fn detach(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        let _ = endpoint;
        todo!()
    }

    /// Changes the policies of an attached endpoint: port mappings, ACLs, bandwidth, outbound NAT, isolation. Open connections stay.
    pub fn modify(&self, endpoint: Endpoint) -> Result<(), VSwitchError> {
        let _ = endpoint;
        todo!()
    }

    /// Makes the host what `desired` says: takes over what is there and right, repairs what is not, removes what is left over from a
    /// crash. Traffic of endpoints that are right is not interrupted.
    pub fn reconcile(&self, desired: Desired) -> Result<Reconciled, VSwitchError> {
        let _ = desired;
        todo!()
    }

    /// As [`VSwitch::reconcile`] with what this switch has made: repairs what somebody else has flushed or deleted.
    pub fn repair(&self) -> Result<Reconciled, VSwitchError> {
        todo!()
    }

    /// Removes every network, endpoint and rule of ours, known or left over, so that the host is as it was before.
    pub fn remove_everything(&self) -> Result<(), VSwitchError> {
        todo!()
    }

    /// Counters of an attached endpoint.
    pub fn statistics(&self, endpoint: Guid) -> Result<Statistics, VSwitchError> {
        let _ = endpoint;
        todo!()
    }

    /// The host's side of networks and endpoints, as Get-NetAdapter and Get-NetIPAddress show it.
    pub fn adapters(&self) -> Result<Vec<Adapter>, VSwitchError> {
        todo!()
    }

    /// Every prefix that the host has a route to or an address in, to choose a subnet beside them. Default routes are not among
    /// them.
    pub fn host_prefixes(&self) -> Result<Vec<Prefix>, VSwitchError> {
        todo!()
    }

    /// Addresses of the host's own interfaces, those of our bridges excepted.
    pub fn host_addresses(&self) -> Result<Vec<IpAddr>, VSwitchError> {
        todo!()
    }
}
