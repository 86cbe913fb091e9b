//! The names of all endpoints, as their networks see them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use casement_schema::Guid;

use crate::record::EndpointRecord;
use crate::state::State;

/// Names and addresses.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Addresses by network and name in lower case.
    addresses: HashMap<(Guid, String), Vec<IpAddr>>,
    /// Who asks, by network and address.
    clients: HashMap<(Guid, IpAddr), Client>,
    /// Addresses at which this service answers itself.
    gateways: BTreeSet<IpAddr>,
    /// Suffix of names by network.
    suffixes: HashMap<Guid, String>,
}

/// An endpoint that asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// The networks that its container is in, that which it asks in first.
    pub(super) networks: Vec<Guid>,
    /// The servers that answer what is not known here; empty for those of the host.
    pub(super) servers: Vec<IpAddr>,
    /// Names that only it knows, in lower case, and what they stand for.
    links: BTreeMap<String, String>,
    /// The first of its names.
    name: String,
}

impl Names {
    pub(super) fn of(state: &State) -> Self {
        let mut names = Self {
            gateways: state.networks.values().flat_map(crate::record::NetworkRecord::gateways).collect(),
            suffixes: state
                .networks
                .iter()
                .map(|(id, record)| (*id, record.document.dns.domain.trim_matches('.').to_ascii_lowercase()))
                .collect(),
            ..Self::default()
        };
        for record in state.endpoints.values() {
            names.add(state, record);
        }
        names
    }

    fn add(&mut self, state: &State, record: &EndpointRecord) {
        let document = &record.document;
        let network = document.host_compute_network;
        let servers = document.dns.server_list.iter().filter_map(|server| server.parse().ok());
        let servers: Vec<IpAddr> = servers.filter(|server| !self.gateways.contains(server)).collect();
        let mut networks = vec![network];
        let lower = |(alias, name): (&String, &String)| (alias.to_ascii_lowercase(), name.to_ascii_lowercase());
        let mut links: BTreeMap<String, String> = record.links.iter().map(lower).collect();
        if let Some(namespace) = state.namespaces.get(&document.host_compute_namespace) {
            let others = || namespace.endpoints().filter_map(|id| state.endpoints.get(&id));
            links.extend(others().flat_map(|other| &other.links).map(lower));
            networks
                .extend(others().map(|other| other.document.host_compute_network).filter(|other| *other != network));
        }
        let name = record.names.first().cloned().unwrap_or_default();
        for address in record.addresses() {
            let client = Client {
                networks: networks.clone(),
                servers: servers.clone(),
                links: links.clone(),
                name: name.clone(),
            };
            self.clients.insert((network, address), client);
            for name in &record.names {
                let list = self.addresses.entry((network, name.to_ascii_lowercase())).or_default();
                if !list.contains(&address) {
                    list.push(address);
                }
            }
        }
    }

    /// The endpoint with this address in a network.
    pub(super) fn client(&self, network: Guid, address: IpAddr) -> Client {
        let known = self.clients.get(&(network, address)).cloned();
        known.unwrap_or_else(|| Client { networks: vec![network], ..Client::default() })
    }

    /// The addresses of a name, in lower case without a dot at its end, as a client sees it. `None`: the name is not known here.
    pub(super) fn addresses(&self, client: &Client, name: &str) -> Option<&[IpAddr]> {
        let name = client.links.get(name).map_or(name, String::as_str);
        client.networks.iter().find_map(|network| {
            let found = self.addresses.get(&(*network, name.to_owned()));
            let found = found.or_else(|| {
                let suffix = self.suffixes.get(network).filter(|suffix| !suffix.is_empty())?;
                let short = name.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
                self.addresses.get(&(*network, short.to_owned()))
            });
            found.map(Vec::as_slice)
        })
    }

    /// The name of the endpoint that has an address in one of a client's networks.
    pub(super) fn name(&self, client: &Client, address: IpAddr) -> Option<&str> {
        let found = client.networks.iter().find_map(|network| self.clients.get(&(*network, address)));
        found.map(|client| client.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Whether a server is this service: asking it would go round.
    pub(super) fn is_own(&self, server: IpAddr) -> bool {
        self.gateways.contains(&server)
    }
}

#[cfg(test)]
impl Names {
    /// One network with these endpoints, for tests.
    pub(super) fn sample(network: Guid, suffix: &str, endpoints: &[(&[&str], &str, &[&str])]) -> Self {
        use casement_schema::hcn::IpConfig;
        let mut state = State::default();
        let mut record = crate::record::NetworkRecord::default();
        record.document.id = network;
        record.document.dns.domain = suffix.to_owned();
        state.networks.insert(network, record);
        for (names, address, servers) in endpoints {
            let mut record = EndpointRecord::default();
            record.document.id = crate::random::guid();
            record.document.host_compute_network = network;
            record.names = names.iter().map(ToString::to_string).collect();
            record.document.dns.server_list = servers.iter().map(ToString::to_string).collect();
            record.document.ip_configurations = vec![IpConfig { ip_address: (*address).to_owned(), prefix_length: 24 }];
            state.endpoints.insert(record.document.id, record);
        }
        Self::of(&state)
    }
}
