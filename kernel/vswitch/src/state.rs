//! What the switch has made, and the steps that change it. Every step leaves behind only what [`State::reconcile`] finds.

use std::collections::BTreeMap;

use casement_schema::Guid;

use crate::driver::{Driver, driver};
use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::filter::{self, Fragment};
use crate::host::Host;
use crate::name;
use crate::network::Network;
use crate::nftables::table::Table;
use crate::reconcile::{Attachment, Desired};
use crate::route::{self, Link};

/// Networks and endpoints of a host.
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) networks: BTreeMap<Guid, Network>,
    pub(crate) attachments: BTreeMap<Guid, Attachment>,
}

impl State {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, networks: BTreeMap::new(), attachments: BTreeMap::new() }
    }

    pub(crate) fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Attachment> {
        self.attachments.values()
    }

    /// Everything that there is to be.
    pub(crate) fn described(&self) -> Desired {
        Desired {
            networks: self.networks.values().cloned().collect(),
            attachments: self.attachments.values().cloned().collect(),
        }
    }

    /// The tables as they are to be.
    pub(crate) fn tables(&self) -> Result<Vec<Table>, VSwitchError> {
        let mut all = Fragment::default();
        for network in self.networks.values() {
            all.extend(driver(network.kind)?.network_fragment(network));
        }
        for attachment in self.attachments.values() {
            all.extend(self.fragment(&attachment.endpoint)?);
        }
        Ok(filter::tables(self.host.capabilities.ipv6, &all))
    }

    fn fragment(&self, endpoint: &Endpoint) -> Result<Fragment, VSwitchError> {
        let (driver, network) = self.network_of(endpoint)?;
        Ok(driver.endpoint_fragment(network, endpoint, &self.host.capabilities))
    }

    pub(crate) fn network_of(&self, endpoint: &Endpoint) -> Result<(&'static dyn Driver, &Network), VSwitchError> {
        let network = self.networks.get(&endpoint.network).ok_or(VSwitchError::NetworkNotFound(endpoint.network))?;
        Ok((driver(network.kind)?, network))
    }

    /// Changes the tables from one fragment to another. When they do not have what is to be changed, because somebody else
    /// has changed them or there are none yet, all of them are written anew.
    fn change(&mut self, before: &Fragment, after: &Fragment) -> Result<(), VSwitchError> {
        let capable = self.host.capabilities.ipv6;
        let (before, after) = (before.clone().without_ipv6_unless(capable), after.clone().without_ipv6_unless(capable));
        match filter::difference(&before, &after).commit(&mut self.host.filter) {
            Ok(()) => Ok(()),
            Err(_) => {
                let tables = self.tables()?;
                self.host.write_tables(&tables)
            }
        }
    }

    pub(crate) fn check_network(&self, network: &Network) -> Result<&'static dyn Driver, VSwitchError> {
        let driver = driver(network.kind)?;
        driver.validate(network, &self.host.capabilities)?;
        if self.networks.contains_key(&network.id) {
            return Err(VSwitchError::NetworkExists(network.id));
        }
        for other in self.networks.values() {
            if name::bridge(other.id) == name::bridge(network.id) {
                return Err(VSwitchError::InterfaceTaken { id: network.id, interface: name::bridge(network.id) });
            }
            for subnet in network.subnets.iter().filter(|subnet| subnet.gateway.is_some()) {
                let mut others = other.subnets.iter().filter(|other| other.gateway.is_some());
                if others.any(|other| other.prefix.overlaps(&subnet.prefix)) {
                    return Err(VSwitchError::SubnetInUse { subnet: subnet.prefix, network: other.id });
                }
            }
        }
        Ok(driver)
    }

    /// Checks an endpoint against its network and the other endpoints, itself excepted.
    pub(crate) fn check_endpoint(&self, endpoint: &Endpoint) -> Result<&'static dyn Driver, VSwitchError> {
        let (driver, network) = self.network_of(endpoint)?;
        endpoint.validate(network)?;
        driver.validate_endpoint(network, endpoint)?;
        for other in self.attachments.values().map(|a| &a.endpoint).filter(|other| other.id != endpoint.id) {
            if name::port(other.id) == name::port(endpoint.id) {
                return Err(VSwitchError::InterfaceTaken { id: endpoint.id, interface: name::port(endpoint.id) });
            }
            if other.network == endpoint.network {
                if other.mac == endpoint.mac {
                    return Err(VSwitchError::MacInUse { mac: other.mac, endpoint: other.id });
                }
                let taken = |address| other.addresses.iter().any(|a| a.address == address);
                if let Some(address) = endpoint.addresses.iter().map(|a| a.address).find(|a| taken(*a)) {
                    return Err(VSwitchError::AddressInUse { address, endpoint: other.id });
                }
            }
        }
        // Two addresses of the host do not get into each other's way, but an address does into that of all.
        let mut published = BTreeMap::new();
        let others = self.attachments.values().map(|a| &a.endpoint).filter(|other| other.id != endpoint.id);
        for holder in others.chain([endpoint]) {
            for mapping in &holder.port_mappings {
                let key = (mapping.transport, mapping.host_port, mapping.host_address);
                if let Some(first) = published.insert(key, holder.id)
                    && holder.id == endpoint.id
                {
                    let (transport, port) = (mapping.transport, mapping.host_port);
                    return Err(VSwitchError::PortInUse { transport, port, endpoint: first });
                }
            }
        }
        for mapping in &endpoint.port_mappings {
            let of_port = (mapping.transport, mapping.host_port, None)..;
            let clash = published
                .range(of_port)
                .take_while(|((transport, port, _), _)| (*transport, *port) == (mapping.transport, mapping.host_port));
            let mut clash = clash.filter(|((_, _, at), holder)| {
                **holder != endpoint.id && (at.is_none() || mapping.host_address.is_none())
            });
            if let Some((_, holder)) = clash.next() {
                let (transport, port) = (mapping.transport, mapping.host_port);
                return Err(VSwitchError::PortInUse { transport, port, endpoint: *holder });
            }
        }
        Ok(driver)
    }

    pub(crate) fn create_network(&mut self, network: Network) -> Result<(), VSwitchError> {
        let driver = self.check_network(&network)?;
        let fragment = driver.network_fragment(&network);
        self.networks.insert(network.id, network.clone());
        // The rules first: nothing passes a bridge that they do not know.
        let result = self.change(&Fragment::default(), &fragment);
        match result.and_then(|()| driver.setup(&mut self.host, &network).map(drop)) {
            Ok(()) => Ok(()),
            Err(error) => {
                if let Err(left) = self.delete_network(network.id) {
                    tracing::warn!(network = %network.id, error = %left, "a network that could not be made left something behind");
                    self.networks.remove(&network.id);
                }
                Err(error)
            }
        }
    }

    pub(crate) fn delete_network(&mut self, id: Guid) -> Result<(), VSwitchError> {
        let Some(network) = self.networks.get(&id).cloned() else { return Ok(()) };
        let endpoints = self.attachments.values().filter(|a| a.endpoint.network == id).count();
        if endpoints > 0 {
            return Err(VSwitchError::NetworkInUse { network: id, endpoints });
        }
        let driver = driver(network.kind)?;
        let last = !self.networks.values().any(|other| other.id != id && other.kind == network.kind);
        let mut errors = driver.teardown(&mut self.host, &network, last);
        if errors.is_empty() {
            self.networks.remove(&id);
            let fragment = driver.network_fragment(&network);
            let result = match self.networks.is_empty() {
                true => self.host.remove_tables(),
                false => self.change(&fragment, &Fragment::default()),
            };
            if let Err(error) = result {
                errors.push(error);
                self.networks.insert(id, network);
            }
        }
        VSwitchError::collect(format!("network {id}"), errors)
    }

    pub(crate) fn attach(&mut self, attachment: Attachment) -> Result<(), VSwitchError> {
        let endpoint = &attachment.endpoint;
        if self.attachments.contains_key(&endpoint.id) {
            return Err(VSwitchError::EndpointExists(endpoint.id));
        }
        let driver = self.check_endpoint(endpoint)?;
        let (id, fragment, network) = (endpoint.id, self.fragment(endpoint)?, self.networks[&endpoint.network].clone());
        self.attachments.insert(id, attachment.clone());
        let result = self.change(&Fragment::default(), &fragment);
        match result.and_then(|()| self.plug(driver, &network, &attachment)) {
            Ok(()) => Ok(()),
            Err(error) => {
                let taken = matches!(error, VSwitchError::InterfaceTaken { .. });
                let result = if taken { self.forget(id) } else { self.detach(id) };
                if let Err(left) = result {
                    tracing::warn!(endpoint = %id, error = %left, "an endpoint that could not be made left something behind");
                    self.attachments.remove(&id);
                }
                Err(error)
            }
        }
    }

    /// Makes the port, in place of one that a crash has left behind.
    pub(crate) fn plug(
        &mut self,
        driver: &dyn Driver,
        network: &Network,
        attachment: &Attachment,
    ) -> Result<(), VSwitchError> {
        match driver.attach(&mut self.host, network, attachment) {
            Err(VSwitchError::InterfaceTaken { interface, .. }) if interface == name::port(attachment.endpoint.id) => {
                let errors = self.unplug(driver, network, attachment);
                VSwitchError::collect(format!("the old switch port {interface}"), errors)?;
                driver.attach(&mut self.host, network, attachment)
            }
            result => result,
        }
    }

    /// Removes an endpoint's port and adapter.
    pub(crate) fn unplug(
        &mut self,
        driver: &dyn Driver,
        network: &Network,
        attachment: &Attachment,
    ) -> Vec<VSwitchError> {
        let mut released = driver.release(&mut self.host, network, attachment);
        if let Some(port) = released.port {
            released.errors.extend(crate::driver::delete(&mut self.host, &port).err());
        }
        released.errors
    }

    /// As [`State::detach`], but the port stays; without rules nothing passes it.
    pub(crate) fn release(&mut self, id: Guid) -> Result<Option<Link>, VSwitchError> {
        let Some(attachment) = self.attachments.get(&id).cloned() else { return Ok(None) };
        let (driver, network) = self.network_of(&attachment.endpoint)?;
        let network = network.clone();
        let mut released = driver.release(&mut self.host, &network, &attachment);
        if released.errors.is_empty() {
            released.errors.extend(self.forget(id).err());
        }
        VSwitchError::collect(format!("endpoint {id}"), released.errors).map(|()| released.port)
    }

    pub(crate) fn detach(&mut self, id: Guid) -> Result<(), VSwitchError> {
        let Some(attachment) = self.attachments.get(&id).cloned() else { return Ok(()) };
        let (driver, network) = self.network_of(&attachment.endpoint)?;
        let network = network.clone();
        let mut errors = self.unplug(driver, &network, &attachment);
        if errors.is_empty() {
            errors.extend(self.forget(id).err());
        }
        VSwitchError::collect(format!("endpoint {id}"), errors)
    }

    /// Removes an endpoint from the tables and from memory.
    pub(crate) fn forget(&mut self, id: Guid) -> Result<(), VSwitchError> {
        let Some(attachment) = self.attachments.remove(&id) else { return Ok(()) };
        let fragment = self.fragment(&attachment.endpoint)?;
        let result = self.change(&fragment, &Fragment::default());
        if result.is_err() {
            self.attachments.insert(id, attachment);
        }
        result
    }

    pub(crate) fn modify(&mut self, endpoint: Endpoint) -> Result<(), VSwitchError> {
        let id = endpoint.id;
        let old = self.attachments.get(&id).cloned().ok_or(VSwitchError::EndpointNotFound(id))?;
        let was = &old.endpoint;
        for (same, what) in [
            (was.network == endpoint.network, "network"),
            (was.mac == endpoint.mac, "mac address"),
            (was.addresses == endpoint.addresses, "addresses"),
            (was.gateways == endpoint.gateways && was.routes == endpoint.routes, "routes"),
            (was.interface == endpoint.interface, "interface name"),
            (was.mtu == endpoint.mtu, "mtu"),
        ] {
            if !same {
                return Err(VSwitchError::Immutable { endpoint: id, what });
            }
        }
        let driver = self.check_endpoint(&endpoint)?;
        let (before, after) = (self.fragment(was)?, self.fragment(&endpoint)?);
        let new = Attachment { endpoint, namespace: old.namespace.clone() };
        self.attachments.insert(id, new.clone());
        let result = self.change(&before, &after).and_then(|()| driver.modify(&mut self.host, was, &new));
        if result.is_err() {
            // Back to what it was, as far as that goes; what fails here is found by the next reconcile.
            self.attachments.insert(id, old.clone());
            let back = self.change(&after, &before).and_then(|()| driver.modify(&mut self.host, &new.endpoint, &old));
            if let Err(error) = back {
                tracing::warn!(endpoint = %id, %error, "the policies of an endpoint are partly changed");
            }
        }
        result
    }

    pub(crate) fn remove_everything(&mut self) -> Result<(), VSwitchError> {
        let mut errors = Vec::new();
        for attachment in self.attachments.values() {
            errors.extend(crate::adapter::release(&attachment.endpoint, &attachment.namespace).err());
        }
        errors.extend(self.host.restore_forwarding().err());
        for group in [name::PORT_GROUP, name::ROUTED_GROUP, name::CLOSED_GROUP] {
            match self.host.route.exchange_all(&mut [route::delete_group(group)]) {
                Err(error) if !matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ESRCH)) => {
                    errors.push(VSwitchError::kernel("delete", "the interfaces of all networks")(error));
                }
                _ => {}
            }
        }
        errors.extend(self.host.remove_tables().err());
        if errors.is_empty() {
            self.networks.clear();
            self.attachments.clear();
        }
        VSwitchError::collect("everything", errors)
    }
}
