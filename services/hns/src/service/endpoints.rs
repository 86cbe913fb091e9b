//! Endpoints: made, changed, removed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use casement_schema::hcn::{
    HcnError, HostComputeEndpoint, IpConfig, ModifyEndpointSettingRequest, ModifyRequestType, NamespaceResource,
    Policy, PolicyRequest, PortMappingPolicySetting, Route,
};
use casement_schema::{Guid, Version};
use casement_vswitch::{MacAddress, VSwitchError};
use tracing::warn;

use super::networks::mac_pool;
use super::{NetworkService, now, switch_error};
use crate::error::{NetworkError, Result};
use crate::plan::{self, PORT_MAPPING};
use crate::ports::Mapping;
use crate::record::{Change, EndpointRecord, NetworkRecord, Object};
use crate::state::State;
use crate::store::When;
use crate::switch::Switch;
use crate::{ipam, random};

/// Most endpoints of one network.
const MAX_ENDPOINTS: usize = 16_384;

/// What an endpoint is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEndpoint {
    /// The document; what it leaves open is chosen.
    pub document: HostComputeEndpoint,
    /// Names that stand for it in its network.
    pub names: Vec<String>,
    /// Names that only it knows, and what they stand for.
    pub links: BTreeMap<String, String>,
}

/// How endpoints are taken off the switch.
pub(super) type Removal = fn(&(dyn Switch + 'static), Guid) -> Result<(), VSwitchError>;

impl NetworkService {
    /// Makes an endpoint. What the document leaves open is chosen: identifier, addresses, MAC address, name servers, ports. In a
    /// namespace that is alive it is there at once.
    ///
    /// # Errors
    /// [`NetworkError::Refused`], [`NetworkError::NotFound`], [`NetworkError::PortInUse`]; nothing is left then.
    pub fn create_endpoint(&self, network: &Guid, new: NewEndpoint) -> Result<EndpointRecord> {
        let mut state = self.state();
        let (record, mut changes) = self.plan_endpoint(&mut state, network, new, &[])?;
        let id = record.document.id;
        let namespace = record.document.host_compute_namespace;
        if namespace != Guid::NULL {
            let mut holder = state.namespace(&namespace)?.clone();
            holder.document.resources.push(NamespaceResource::Endpoint { id });
            holder.document.version += 1;
            changes.push(Change::Put(Object::Namespace(holder)));
        }
        if let Err(error) = self.commit(&mut state, changes, When::Now) {
            state.ports.release(id);
            return Err(error);
        }
        if let Err(error) = self.attach(&mut state, &record) {
            self.undo(&mut state, id);
            return Err(error);
        }
        Ok(record)
    }

    /// Chooses what is open in a new endpoint and takes its ports. `beside` are endpoints that are to be made in the same step.
    pub(super) fn plan_endpoint(
        &self,
        state: &mut State,
        network: &Guid,
        new: NewEndpoint,
        beside: &[EndpointRecord],
    ) -> Result<(EndpointRecord, Vec<Change>)> {
        let mut of = state.network(network)?.clone();
        let mut document = new.document;
        if document.id == Guid::NULL {
            document.id = random::guid();
        } else if state.endpoints.contains_key(&document.id) {
            return Err(NetworkError::refused(HcnError::InvalidEndpoint, format!("endpoint {} exists", document.id)));
        }
        if state.endpoints_of(*network).count() >= MAX_ENDPOINTS {
            return Err(NetworkError::refused(
                HcnError::InvalidEndpoint,
                format!("more than {MAX_ENDPOINTS} endpoints"),
            ));
        }
        if document.flags.contains(casement_schema::hcn::EndpointFlags::REMOTE_ENDPOINT) {
            return Err(NetworkError::refused(
                HcnError::InvalidRemoteEndpointOperation,
                "only overlay networks have some",
            ));
        }
        document.host_compute_network = *network;
        let beside = || beside.iter().filter(|record| record.document.host_compute_network == *network);
        choose_addresses(state, &of, &mut document, beside().flat_map(EndpointRecord::addresses))?;
        choose_mac(state, &of, &mut document, beside().filter_map(EndpointRecord::mac))?;
        choose_dns(&of, &mut document);
        document.version = 1;
        document.schema_version = Some(Version { major: 2, minor: 0 });
        let namespace = document.host_compute_namespace;
        let mut record = EndpointRecord { document, created: now(), names: new.names, links: new.links, adapter: 0 };
        record.adapter = free_adapter(state, namespace);
        let id = record.document.id;
        plan::check_policies(&record.document.policies, &record, &of)?;
        let taken = take(state, id, &mut record.document.policies);
        if let Err(error) = taken.and_then(|()| plan::endpoint(&record, &of).map(drop)) {
            state.ports.release(id);
            return Err(error);
        }
        let more = 1 + beside().count() as u64;
        of.total_endpoints += more;
        of.most_endpoints = of.most_endpoints.max(state.endpoints_of(*network).count() as u64 + more);
        let changes = vec![Change::Put(Object::Network(of)), Change::Put(Object::Endpoint(record.clone()))];
        Ok((record, changes))
    }

    /// Makes an endpoint's port and adapter, if its namespace is alive.
    pub(super) fn attach(&self, state: &mut State, record: &EndpointRecord) -> Result<()> {
        let Some(namespace) = state.place_of(record).cloned() else { return Ok(()) };
        self.ensure_made(state, record)?;
        let of = state.network(&record.document.host_compute_network)?;
        self.switch.attach(plan::endpoint(record, of)?, &namespace).map_err(switch_error)
    }

    fn undo(&self, state: &mut State, id: Guid) {
        if let Err(error) = self.remove_endpoints(state, &[id], Switch::detach, Vec::new()) {
            warn!(endpoint = %id, %error, "an endpoint that could not be made cannot be removed");
        }
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], or what could not be removed.
    pub fn delete_endpoint(&self, id: &Guid) -> Result<()> {
        let mut state = self.state();
        state.endpoint(id)?;
        self.remove_endpoints(&mut state, &[*id], Switch::detach, Vec::new())
    }

    /// Takes endpoints off the switch, out of their namespaces and out of the store, which makes `more` changes with it.
    pub(super) fn remove_endpoints(
        &self,
        state: &mut State,
        ids: &[Guid],
        how: Removal,
        more: Vec<Change>,
    ) -> Result<()> {
        let mut changes = Vec::new();
        let mut failure = None;
        for id in ids {
            if let Err(error) = how(self.switch.as_ref(), *id) {
                failure.get_or_insert(switch_error(error));
                continue;
            }
            changes.push(Change::Remove(*id));
            state.ports.release(*id);
        }
        let gone: BTreeSet<Guid> = changes
            .iter()
            .filter_map(|change| if let Change::Remove(id) = change { Some(*id) } else { None })
            .collect();
        for record in state.namespaces.values().filter(|record| record.endpoints().any(|id| gone.contains(&id))) {
            let mut record = record.clone();
            record
                .document
                .resources
                .retain(|resource| !matches!(resource, NamespaceResource::Endpoint { id } if gone.contains(id)));
            record.document.version += 1;
            changes.push(Change::Put(Object::Namespace(record)));
        }
        if failure.is_none() {
            changes.extend(more);
        }
        self.commit(state, changes, When::Later)?;
        failure.map_or(Ok(()), Err)
    }

    /// Changes the policies of an endpoint.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], [`NetworkError::Refused`]; what was before holds then.
    pub fn modify_endpoint(&self, id: &Guid, request: &ModifyEndpointSettingRequest) -> Result<()> {
        let json = |error: serde_json::Error| NetworkError::refused(HcnError::InvalidJson, error.to_string());
        if !request.resource_type.eq_ignore_ascii_case("policy") {
            let detail = format!("an endpoint has no {} to change", request.resource_type);
            return Err(NetworkError::refused(HcnError::RequestUnsupported, detail));
        }
        let changed: PolicyRequest = serde_json::from_value(request.settings.clone()).map_err(json)?;
        let mut policies = self.endpoint(id)?.document.policies;
        change_policies(&mut policies, changed.policies, request.request_type)?;
        self.set_policies(id, policies)
    }

    /// Puts policies in the place of those that an endpoint has.
    ///
    /// # Errors
    /// As [`NetworkService::modify_endpoint`].
    pub fn set_policies(&self, id: &Guid, policies: Vec<Policy>) -> Result<()> {
        let mut state = self.state();
        let before = state.endpoint(id)?.clone();
        let of = state.network(&before.document.host_compute_network)?.clone();
        let mut record = before.clone();
        plan::check_policies(&policies, &record, &of)?;
        record.document.policies = policies;
        record.document.version += 1;
        state.ports.release(*id);
        let done = take(&mut state, *id, &mut record.document.policies).and_then(|()| {
            let endpoint = plan::endpoint(&record, &of)?;
            if state.place_of(&record).is_some() {
                self.switch.modify(endpoint).map_err(switch_error)?;
            }
            self.commit(&mut state, vec![Change::Put(Object::Endpoint(record))], When::Now)
        });
        if done.is_err() {
            state.ports.release(*id);
            if let Err(error) = super::take_ports(&mut state, *id) {
                warn!(endpoint = %id, %error, "a published port cannot be kept from others");
            }
        }
        done
    }

    /// Puts names in the place of those that an endpoint has.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn set_names(&self, id: &Guid, names: Vec<String>) -> Result<()> {
        let mut state = self.state();
        let record = EndpointRecord { names, ..state.endpoint(id)?.clone() };
        self.commit(&mut state, vec![Change::Put(Object::Endpoint(record))], When::Now)
    }
}

/// Takes the published ports of an endpoint and writes those that were chosen into its policies.
fn take(state: &mut State, id: Guid, policies: &mut [Policy]) -> Result<()> {
    for policy in policies.iter_mut().filter(|policy| policy.kind == PORT_MAPPING) {
        let mut setting: PortMappingPolicySetting = plan::settings(policy)?;
        setting.external_port = state.ports.take(id, Mapping::of(&setting)?)?.external;
        *policy = Policy::new(PORT_MAPPING, &setting);
    }
    Ok(())
}

/// The published ports in a list of policies.
pub(super) fn mappings(policies: &[Policy]) -> Result<Vec<Mapping>> {
    let published = policies.iter().filter(|policy| policy.kind == PORT_MAPPING);
    published.map(|policy| Mapping::of(&plan::settings(policy)?)).collect()
}

/// Makes a change to a list of policies.
pub(super) fn change_policies(list: &mut Vec<Policy>, changed: Vec<Policy>, how: ModifyRequestType) -> Result<()> {
    match how {
        ModifyRequestType::Add => list.extend(changed),
        ModifyRequestType::Update | ModifyRequestType::Reset => *list = changed,
        ModifyRequestType::Remove => {
            for gone in &changed {
                let place = list.iter().position(|policy| policy == gone);
                let absent = || NetworkError::refused(HcnError::PolicyNotFound, format!("policy {}", gone.kind));
                list.remove(place.ok_or_else(absent)?);
            }
        }
        ModifyRequestType::Refresh => {}
    }
    Ok(())
}

/// The first number of an adapter that is free in a namespace.
pub(super) fn free_adapter(state: &State, namespace: Guid) -> u16 {
    if namespace == Guid::NULL {
        return 0;
    }
    let inside = |record: &&EndpointRecord| record.document.host_compute_namespace == namespace;
    let taken: BTreeSet<u16> = state.endpoints.values().filter(inside).map(|record| record.adapter).collect();
    (0..u16::MAX).find(|number| !taken.contains(number)).unwrap_or(u16::MAX)
}

fn choose_addresses(
    state: &mut State,
    of: &NetworkRecord,
    document: &mut HostComputeEndpoint,
    beside: impl Iterator<Item = IpAddr>,
) -> Result<()> {
    let network = of.document.id;
    let mut used = state.addresses(network);
    used.extend(beside);
    let pools = of.pools()?;
    let asked = document.ip_configurations.drain(..).filter(|config| !config.ip_address.is_empty());
    let asked = asked.map(|config| ipam::parse_address(&config.ip_address)).collect::<Result<Vec<IpAddr>>>()?;
    let mut chosen = Vec::new();
    for address in &asked {
        let home = pools.iter().position(|pool| pool.prefix.contains(*address));
        let absent = || NetworkError::refused(HcnError::InvalidIp, format!("{address} is in no range of the network"));
        let place = home.ok_or_else(absent)?;
        pools[place].check(*address, &used)?;
        chosen.push((place, *address));
    }
    for family in [IpAddr::is_ipv4 as fn(&IpAddr) -> bool, IpAddr::is_ipv6] {
        let mut of_family = pools.iter().enumerate().filter(|(_, pool)| family(&pool.prefix.address())).peekable();
        if of_family.peek().is_none() || asked.iter().any(family) {
            continue;
        }
        // The first range with a free address.
        let mut failure = None;
        for (place, pool) in of_family {
            match pool.allocate(&used, state.last_given.get(&(network, place)).copied()) {
                Ok(address) => {
                    state.last_given.insert((network, place), address);
                    chosen.push((place, address));
                    failure = None;
                    break;
                }
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
    }
    let has_routes = !document.routes.is_empty();
    for (place, address) in chosen {
        let pool = &pools[place];
        let config = IpConfig { ip_address: address.to_string(), prefix_length: pool.prefix.length() };
        document.ip_configurations.push(config);
        if let Some(gateway) = pool.gateway.filter(|_| !has_routes) {
            let destination = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
            let route = Route { next_hop: gateway.to_string(), destination_prefix: destination.to_owned(), metric: 0 };
            document.routes.push(route);
        }
    }
    Ok(())
}

fn choose_mac(
    state: &State,
    of: &NetworkRecord,
    document: &mut HostComputeEndpoint,
    beside: impl Iterator<Item = MacAddress>,
) -> Result<()> {
    let mut used = state.macs(of);
    used.extend(beside);
    let refused = |detail: String| NetworkError::refused(HcnError::InvalidEndpoint, detail);
    let address = if document.mac_address.is_empty() {
        let pool = mac_pool(&of.document.mac_pool)?;
        pool.allocate(|mac| used.contains(&mac)).ok_or_else(|| refused("every MAC address is in use".to_owned()))?
    } else {
        let asked: MacAddress =
            document.mac_address.parse().map_err(|error: casement_vswitch::VSwitchError| refused(error.to_string()))?;
        if asked.is_multicast() || used.contains(&asked) {
            return Err(refused(format!("the MAC address {asked} is in use, or no endpoint may have it")));
        }
        asked
    };
    document.mac_address = address.to_string();
    Ok(())
}

/// The gateway answers first, and passes on what it does not know to the other servers.
fn choose_dns(of: &NetworkRecord, document: &mut HostComputeEndpoint) {
    let gateways = if of.is_type("Private") { Vec::new() } else { of.gateways() };
    let dns = &mut document.dns;
    if dns.domain.is_empty() {
        dns.domain.clone_from(&of.document.dns.domain);
    }
    if dns.search.is_empty() {
        dns.search.clone_from(&of.document.dns.search);
    }
    let further =
        if dns.server_list.is_empty() { of.document.dns.server_list.clone() } else { dns.server_list.clone() };
    let first = gateways.iter().map(ToString::to_string);
    let mut servers: Vec<String> = first.collect();
    servers.extend(further.into_iter().filter(|server| !server.is_empty()));
    let mut seen = BTreeSet::new();
    servers.retain(|server| seen.insert(server.clone()));
    dns.server_list = servers;
}
