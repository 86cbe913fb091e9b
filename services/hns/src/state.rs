//! All objects in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use casement_schema::hcn::{HostComputeLoadBalancer, HostComputeRoute};
use casement_schema::{Guid, HResult};
use casement_vswitch::{MacAddress, Namespace};

use crate::error::{NetworkError, Result};
use crate::ports::Reservations;
use crate::record::{Change, EndpointRecord, NamespaceRecord, NetworkRecord, Object};

/// The objects, and what of them is alive.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) networks: BTreeMap<Guid, NetworkRecord>,
    pub(crate) endpoints: BTreeMap<Guid, EndpointRecord>,
    pub(crate) namespaces: BTreeMap<Guid, NamespaceRecord>,
    pub(crate) load_balancers: BTreeMap<Guid, HostComputeLoadBalancer>,
    pub(crate) routes: BTreeMap<Guid, HostComputeRoute>,
    /// The kernel's namespaces of those that are alive.
    pub(crate) live: HashMap<Guid, Namespace>,
    /// Ports of the host that endpoints have.
    pub(crate) ports: Reservations,
    /// Networks whose switch could not be made, and why.
    pub(crate) unmade: HashMap<Guid, HResult>,
    /// The address that each range gave out last.
    pub(crate) last_given: HashMap<(Guid, usize), IpAddr>,
}

impl State {
    pub(crate) fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(Object::Network(record)) => drop(self.networks.insert(record.document.id, record)),
                Change::Put(Object::Endpoint(record)) => drop(self.endpoints.insert(record.document.id, record)),
                Change::Put(Object::Namespace(record)) => drop(self.namespaces.insert(record.document.id, record)),
                Change::Put(Object::LoadBalancer(document)) => drop(self.load_balancers.insert(document.id, document)),
                Change::Put(Object::Route(document)) => drop(self.routes.insert(document.id, document)),
                Change::Remove(id) => self.forget(&id),
            }
        }
    }

    fn forget(&mut self, id: &Guid) {
        self.networks.remove(id);
        self.endpoints.remove(id);
        self.namespaces.remove(id);
        self.load_balancers.remove(id);
        self.routes.remove(id);
        self.live.remove(id);
        self.unmade.remove(id);
        self.last_given.retain(|(network, _), _| network != id);
    }

    pub(crate) fn network(&self, id: &Guid) -> Result<&NetworkRecord> {
        self.networks.get(id).ok_or_else(|| NetworkError::not_found("network", id))
    }

    pub(crate) fn endpoint(&self, id: &Guid) -> Result<&EndpointRecord> {
        self.endpoints.get(id).ok_or_else(|| NetworkError::not_found("endpoint", id))
    }

    pub(crate) fn namespace(&self, id: &Guid) -> Result<&NamespaceRecord> {
        self.namespaces.get(id).ok_or_else(|| NetworkError::not_found("namespace", id))
    }

    pub(crate) fn endpoints_of(&self, network: Guid) -> impl Iterator<Item = &EndpointRecord> {
        self.endpoints.values().filter(move |record| record.document.host_compute_network == network)
    }

    /// Addresses that endpoints of a network have.
    pub(crate) fn addresses(&self, network: Guid) -> BTreeSet<IpAddr> {
        self.endpoints_of(network).flat_map(EndpointRecord::addresses).collect()
    }

    /// MAC addresses that a network uses.
    pub(crate) fn macs(&self, network: &NetworkRecord) -> BTreeSet<MacAddress> {
        let gateway = network.gateway_mac.parse().ok();
        self.endpoints_of(network.document.id).filter_map(EndpointRecord::mac).chain(gateway).collect()
    }

    /// The kernel's namespace that an endpoint is in, if it is alive.
    pub(crate) fn place_of(&self, endpoint: &EndpointRecord) -> Option<&Namespace> {
        self.live.get(&endpoint.document.host_compute_namespace)
    }
}
