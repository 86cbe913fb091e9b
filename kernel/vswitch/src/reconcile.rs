//! Making the host what a description says, after a crash or after somebody else's changes.

use std::collections::BTreeSet;

use casement_schema::Guid;

use crate::driver::{self, Verified};
use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::filter;
use crate::name;
use crate::namespace::Namespace;
use crate::network::{Network, NetworkKind};
use crate::nftables::dump;
use crate::route;
use crate::state::State;

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
    /// A network's bridge was missing or wrong and was made, or forwarding was off and was turned on.
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
}

/// What [`crate::VSwitch::reconcile`] found and did.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// What was repaired, in order.
    pub repairs: Vec<Repair>,
    /// Networks and endpoints that could not be made, each with the reason; they are not part of the switch now.
    pub failures: Vec<(Guid, VSwitchError)>,
}

impl State {
    /// Makes the host what `desired` says. Fails only when the host cannot be looked at; what cannot be made is in the result.
    pub(crate) fn reconcile(&mut self, desired: Desired) -> Result<Reconciled, VSwitchError> {
        let mut done = Reconciled::default();
        self.adopt(desired, &mut done);
        self.remove_orphans(&mut done)?;
        self.write_filter(&mut done)?;
        let networks: Vec<Network> = self.networks.values().cloned().collect();
        for network in networks {
            let driver = driver::driver(network.kind)?;
            match driver.setup(&mut self.host, &network) {
                Ok(true) => done.repairs.push(Repair::NetworkMade(network.id)),
                Ok(false) => {}
                Err(error) => {
                    self.attachments.retain(|_, attachment| attachment.endpoint.network != network.id);
                    self.networks.remove(&network.id);
                    done.failures.push((network.id, error));
                }
            }
        }
        let attachments: Vec<Attachment> = self.attachments.values().cloned().collect();
        for attachment in attachments {
            let id = attachment.endpoint.id;
            match self.mend(&attachment) {
                Ok(false) => {}
                Ok(true) => done.repairs.push(Repair::EndpointMade(id)),
                Err(error) => {
                    self.attachments.remove(&id);
                    done.failures.push((id, error));
                }
            }
        }
        if !done.failures.is_empty() {
            // Without what has failed.
            self.remove_orphans(&mut done)?;
            self.write_filter(&mut done)?;
        }
        self.forget_neighbours()?;
        Ok(done)
    }

    /// Takes over the description, what contradicts itself or the rest excepted.
    fn adopt(&mut self, desired: Desired, done: &mut Reconciled) {
        self.networks.clear();
        self.attachments.clear();
        for network in desired.networks {
            match self.check_network(&network) {
                Ok(_) => drop(self.networks.insert(network.id, network)),
                Err(error) => done.failures.push((network.id, error)),
            }
        }
        for attachment in desired.attachments {
            let id = attachment.endpoint.id;
            match self.check_endpoint(&attachment.endpoint) {
                Ok(_) if self.attachments.contains_key(&id) => {
                    done.failures.push((id, VSwitchError::EndpointExists(id)))
                }
                Ok(_) => drop(self.attachments.insert(id, attachment)),
                Err(error) => done.failures.push((id, error)),
            }
        }
    }

    fn remove_orphans(&mut self, done: &mut Reconciled) -> Result<(), VSwitchError> {
        if !self.networks.values().any(|network| network.kind == NetworkKind::Nat) {
            self.host.restore_forwarding()?;
        }
        let wanted: BTreeSet<String> = (self.networks.keys().map(|id| name::bridge(*id)))
            .chain(self.attachments.keys().map(|id| name::port(*id)))
            .collect();
        let links = route::links(&mut self.host.route).map_err(VSwitchError::kernel("list", "the interfaces"))?;
        let orphan = |link: &&route::Link| name::is_ours(&link.name, link.group) && !wanted.contains(&link.name);
        // Ports before the bridges that they are on.
        let (ports, bridges): (Vec<_>, Vec<_>) =
            links.iter().filter(orphan).partition(|link| link.group == name::PORT_GROUP);
        for link in ports.into_iter().chain(bridges) {
            driver::delete(&mut self.host, link)?;
            done.repairs.push(Repair::OrphanRemoved { interface: link.name.clone() });
        }
        Ok(())
    }

    /// Writes the tables that are not as described, all at once.
    fn write_filter(&mut self, done: &mut Reconciled) -> Result<(), VSwitchError> {
        let failed = || VSwitchError::kernel("list", "the tables of the packet filter");
        let tables = self.tables()?;
        if self.networks.is_empty() {
            let mut left = false;
            for table in &tables {
                let there = dump::tables(&mut self.host.filter, table.family).map_err(failed())?;
                if there.iter().any(|name| name == filter::TABLE) {
                    left = true;
                    done.repairs.push(Repair::RulesRemoved { family: table.family.name() });
                }
            }
            return if left { self.host.remove_tables() } else { Ok(()) };
        }
        let mut wrong = Vec::new();
        for table in &tables {
            if !dump::is_as_described(&mut self.host.filter, table).map_err(failed())? {
                done.repairs.push(Repair::RulesWritten { family: table.family.name(), endpoint: None });
                wrong.push(table);
            }
        }
        if wrong.is_empty() { Ok(()) } else { self.host.write_tables(wrong) }
    }

    /// Makes an endpoint what its description says; tells whether something was to be done.
    fn mend(&mut self, attachment: &Attachment) -> Result<bool, VSwitchError> {
        let (driver, network) = self.network_of(&attachment.endpoint)?;
        let network = network.clone();
        match driver.verify(&mut self.host, &network, attachment)? {
            Verified::Right => Ok(false),
            Verified::Mended => Ok(true),
            Verified::Broken => {
                let errors = self.unplug(driver, &network, attachment);
                VSwitchError::collect(format!("endpoint {}", attachment.endpoint.id), errors)?;
                self.plug(driver, &network, attachment)?;
                Ok(true)
            }
        }
    }

    /// Removes neighbours of our bridges that are no endpoint's.
    fn forget_neighbours(&mut self) -> Result<(), VSwitchError> {
        let failed = |object| VSwitchError::kernel("list", object);
        let links = route::links(&mut self.host.route).map_err(failed("the interfaces"))?;
        let neighbours = route::permanent_neighbours(&mut self.host.route).map_err(failed("the neighbours"))?;
        let mut messages = Vec::new();
        for network in self.networks.values() {
            let Some(bridge) = links.iter().find(|link| link.name == name::bridge(network.id)) else { continue };
            let own: BTreeSet<_> = self
                .attachments
                .values()
                .filter(|a| a.endpoint.network == network.id)
                .flat_map(|a| driver::addresses_of(&a.endpoint).into_iter().map(|address| address.address))
                .collect();
            let stale = neighbours.iter().filter(|(index, ip, _)| *index == bridge.index && !own.contains(ip));
            messages.extend(stale.map(|(index, ip, _)| route::delete_neighbour(*index, *ip)));
        }
        // One that is gone already is as good.
        self.host.route.exchange(&mut messages).map(drop).map_err(VSwitchError::kernel("forget", "old neighbours"))
    }
}
