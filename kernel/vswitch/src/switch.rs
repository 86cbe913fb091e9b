//! The virtual switches of a host: the one handle that everything goes through.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use casement_schema::Guid;

use crate::address::{MacAddress, Prefix};
use crate::capabilities::Capabilities;
use crate::endpoint::{Endpoint, InterfaceAddress};
use crate::error::VSwitchError;
use crate::host::Host;
use crate::name;
use crate::namespace::Namespace;
use crate::network::Network;
use crate::reconcile::{Attachment, Desired, Reconciled};
use crate::route;
use crate::state::State;
use crate::sweeper::Sweeper;

/// The virtual switches of the network namespace that the calling thread is in. One for each daemon: it remembers what it has
/// made. Calls from several threads, all in that namespace, take turns.
pub struct VSwitch {
    capabilities: Capabilities,
    state: Mutex<State>,
    sweeper: Sweeper,
}

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
        let host = Host::open()?;
        Ok(Self {
            capabilities: host.capabilities.clone(),
            state: Mutex::new(State::new(host)),
            sweeper: Sweeper::default(),
        })
    }

    /// What the kernel offers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Makes a network: its bridge, with addresses, and its rules. On failure nothing of it is left.
    pub fn create_network(&self, network: Network) -> Result<(), VSwitchError> {
        self.state().create_network(network)
    }

    /// Removes a network without endpoints. Goes on at errors and returns them all; to be repeated until it is `Ok`. A network that
    /// is not there is no error.
    pub fn delete_network(&self, network: Guid) -> Result<(), VSwitchError> {
        self.settle();
        self.state().delete_network(network)
    }

    /// Makes the port of an endpoint and its adapter in `namespace`, with everything that the description has. When it returns the
    /// adapter is up and packets flow. On failure nothing of it is left. The namespace stays until the endpoint is detached.
    pub fn attach(&self, endpoint: Endpoint, namespace: &Namespace) -> Result<(), VSwitchError> {
        self.state().attach(Attachment { endpoint, namespace: namespace.clone() })
    }

    /// Removes an endpoint's port, adapter and rules. Goes on at errors and returns them all; to be repeated until it is `Ok`. An
    /// endpoint that is not attached is no error.
    pub fn detach(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        self.state().detach(endpoint)
    }

    /// As [`VSwitch::detach`], for an endpoint whose namespace ends: its rules, addresses and ports are gone when this returns, and
    /// its interfaces, for which the kernel takes many milliseconds, soon after.
    pub fn release(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        let port = self.state().release(endpoint)?;
        self.sweeper.sweep(port.map(|port| port.index));
        Ok(())
    }

    /// Waits until the interfaces of all endpoints that were released are gone.
    pub fn settle(&self) {
        self.sweeper.wait();
    }

    /// Changes the policies of an attached endpoint: port mappings, ACLs, bandwidth, outbound NAT, isolation. Open connections stay.
    pub fn modify(&self, endpoint: Endpoint) -> Result<(), VSwitchError> {
        self.state().modify(endpoint)
    }

    /// Makes the host what `desired` says: takes over what is there and right, repairs what is not, removes what is left over from a
    /// crash. Traffic of endpoints that are right is not interrupted.
    pub fn reconcile(&self, desired: Desired) -> Result<Reconciled, VSwitchError> {
        self.settle();
        self.state().reconcile(desired)
    }

    /// As [`VSwitch::reconcile`] with what this switch has made: repairs what somebody else has flushed or deleted.
    pub fn repair(&self) -> Result<Reconciled, VSwitchError> {
        self.settle();
        let mut state = self.state();
        let desired = state.described();
        state.reconcile(desired)
    }

    /// Removes every network, endpoint and rule of ours, known or left over, so that the host is as it was before.
    pub fn remove_everything(&self) -> Result<(), VSwitchError> {
        self.settle();
        self.state().remove_everything()
    }

    /// Counters of an attached endpoint.
    pub fn statistics(&self, endpoint: Guid) -> Result<Statistics, VSwitchError> {
        let port = name::port(endpoint);
        let found = route::link(&mut self.state().host.route, &port);
        let found = found.map_err(VSwitchError::kernel("read the counters of", port))?;
        let counters = found.ok_or(VSwitchError::EndpointNotFound(endpoint))?.counters;
        // What the port sends is what the endpoint receives.
        Ok(Statistics {
            bytes_received: counters.bytes_out,
            bytes_sent: counters.bytes_in,
            packets_received: counters.packets_out,
            packets_sent: counters.packets_in,
            dropped_packets_incoming: counters.dropped_out,
            dropped_packets_outgoing: counters.dropped_in,
        })
    }

    /// The host's side of networks and endpoints, as Get-NetAdapter and Get-NetIPAddress show it.
    pub fn adapters(&self) -> Result<Vec<Adapter>, VSwitchError> {
        let mut state = self.state();
        let failed = |object| VSwitchError::kernel("list", object);
        let links = route::links(&mut state.host.route).map_err(failed("the interfaces"))?;
        let addresses = route::addresses(&mut state.host.route).map_err(failed("the addresses"))?;
        let owner = |name: &str| {
            let port = state.endpoints().find(|a| name::port(a.endpoint.id) == name);
            let port = port.map(|a| (a.endpoint.network, Some(a.endpoint.id)));
            port.or_else(|| state.networks().find(|n| name::bridge(n.id) == name).map(|n| (n.id, None)))
        };
        let adapters = links.into_iter().filter(|link| name::is_ours(&link.name, link.group)).filter_map(|link| {
            let (network, endpoint) = owner(&link.name)?;
            let own = addresses.iter().filter(|(index, _)| *index == link.index);
            Some(Adapter {
                index: link.index,
                mac: link.mac?,
                mtu: link.mtu,
                up: link.is_up && link.has_carrier,
                addresses: own.map(|(_, address)| *address).collect(),
                network,
                endpoint,
                name: link.name,
            })
        });
        Ok(adapters.collect())
    }

    /// Every prefix that the host has a route to or an address in, to choose a subnet beside them. Default routes are not among
    /// them.
    pub fn host_prefixes(&self) -> Result<Vec<Prefix>, VSwitchError> {
        let mut state = self.state();
        let failed = |object| VSwitchError::kernel("list", object);
        let routes = route::routes(&mut state.host.route).map_err(failed("the routes"))?;
        let addresses = route::addresses(&mut state.host.route).map_err(failed("the addresses"))?;
        let mut prefixes: Vec<_> = routes.iter().map(|(_, route)| route.destination).collect();
        prefixes.extend(addresses.iter().filter_map(|(_, a)| Prefix::new(a.address, a.prefix_length).ok()));
        prefixes.retain(|prefix| prefix.length() > 0);
        prefixes.sort();
        prefixes.dedup();
        Ok(prefixes)
    }

    /// Addresses of the host's own interfaces, those of our bridges excepted.
    pub fn host_addresses(&self) -> Result<Vec<IpAddr>, VSwitchError> {
        let mut state = self.state();
        let failed = |object| VSwitchError::kernel("list", object);
        let links = route::links(&mut state.host.route).map_err(failed("the interfaces"))?;
        let addresses = route::addresses(&mut state.host.route).map_err(failed("the addresses"))?;
        let ours = |index: u32| links.iter().any(|l| l.index == index && name::is_ours(&l.name, l.group));
        Ok(addresses.into_iter().filter(|(index, _)| !ours(*index)).map(|(_, a)| a.address).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves nothing half-made that the next reconcile would not find.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
