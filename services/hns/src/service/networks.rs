//! Networks: made, changed, removed.

use std::net::IpAddr;
use std::path::Path;

use casement_schema::hcn::{
    Dns, HcnError, HostComputeNetwork, Ipam, ModifyNetworkSettingRequest, ModifyRequestType, PolicyRequest, Route,
    Subnet,
};
use casement_schema::{Guid, HResult, Version};
use casement_vswitch::{MacAddress, MacPool, NetworkKind, Prefix};
use tracing::{info, warn};

use super::{NetworkService, error_chain, now, switch_error};
use crate::error::{NetworkError, Result};
use crate::record::{Change, EndpointRecord, NetworkRecord, Object};
use crate::state::State;
use crate::store::When;
use crate::{host, plan, random};

/// Where the host's name servers are listed.
const RESOLVER_FILE: &str = "/etc/resolv.conf";
/// Longest name of a network.
const MAX_NAME: usize = 256;
/// Policies of networks that are kept and shown and change nothing here.
const KEPT: [&str; 6] = [
    "SourceMacAddress",
    "NetAdapterName",
    "InterfaceConstraint",
    "VSwitchExtension",
    "AutomaticDNS",
    "LayerConstraint",
];

/// How many endpoints a network has and has had, and whether it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkUse {
    /// Now.
    pub current: u64,
    /// At most at one time.
    pub most: u64,
    /// Ever.
    pub total: u64,
    /// Why its switch could not be made, when it could not.
    pub failure: Option<HResult>,
}

impl NetworkService {
    /// Makes a network. What the document leaves open is chosen: identifier, MAC pool, and for types that have addresses a private
    /// range that overlaps no route of the host.
    ///
    /// # Errors
    /// [`NetworkError::Refused`], or what kept the switch from being made; nothing is left then.
    pub fn create_network(&self, document: HostComputeNetwork) -> Result<NetworkRecord> {
        let mut state = self.state();
        let record = self.complete(&state, document)?;
        let network = plan::network(&record)?;
        self.commit(&mut state, vec![Change::Put(Object::Network(record.clone()))], When::Now)?;
        let id = record.document.id;
        if let Err(error) = self.switch.create_network(network) {
            self.commit(&mut state, vec![Change::Remove(id)], When::Now)?;
            return Err(switch_error(error));
        }
        drop(state);
        if let Err(error) = self.names.serve(&record) {
            self.delete_network(&id)?;
            return Err(error);
        }
        info!(network = record.document.name, %id, "network made");
        Ok(record)
    }

    /// Makes what of an endpoint's network could not be made before, as it is needed now.
    pub(super) fn ensure_made(&self, state: &mut State, needed_by: &EndpointRecord) -> Result<()> {
        let id = &needed_by.document.host_compute_network;
        let record = state.network(id)?.clone();
        let name = &record.document.name;
        if state.unmade.contains_key(id) {
            let unmade =
                |error| NetworkError::Switch(format!("the network {name} cannot be made: {}", error_chain(&error)));
            self.switch.create_network(plan::network(&record)?).map_err(unmade)?;
            state.unmade.remove(id);
            info!(network = name, "made after all");
            // Endpoints of other containers, which run without it.
            let namespace = needed_by.document.host_compute_namespace;
            for endpoint in state.endpoints_of(*id).filter(|one| one.document.host_compute_namespace != namespace) {
                let Some(place) = state.place_of(endpoint) else { continue };
                let made = self.switch.attach(plan::endpoint(endpoint, &record)?, place);
                if let Err(error) = made {
                    warn!(endpoint = %endpoint.document.id, error = error_chain(&error), "cannot be made");
                }
            }
        }
        if !self.names.serves(&record)
            && let Err(error) = self.names.serve(&record)
        {
            warn!(network = name, %error, "no name server");
        }
        Ok(())
    }

    fn complete(&self, state: &State, mut document: HostComputeNetwork) -> Result<NetworkRecord> {
        let (mode, kind) = plan::kind(&document.mode)?;
        mode.clone_into(&mut document.mode);
        let invalid = |detail: String| NetworkError::refused(HcnError::InvalidNetwork, detail);
        if document.name.is_empty() || document.name.len() > MAX_NAME {
            return Err(invalid(format!("the name of a network has 1 to {MAX_NAME} bytes")));
        }
        if state.networks.values().any(|record| record.document.name == document.name) {
            return Err(NetworkError::refused(HcnError::NetworkAlreadyExists, document.name));
        }
        if document.id == Guid::NULL {
            document.id = random::guid();
        } else if state.networks.contains_key(&document.id) {
            return Err(NetworkError::refused(HcnError::NetworkAlreadyExists, document.id.to_string()));
        }
        check_policies(&document)?;
        let pools = || state.networks.values().flat_map(|record| &record.document.mac_pool.ranges);
        if document.mac_pool.ranges.is_empty() {
            document.mac_pool = free_mac_pool(&pools().cloned().collect::<Vec<_>>())?;
        }
        let gateway_mac = mac_pool(&document.mac_pool)?;
        let is_empty = document.ipams.iter().all(|ipam| ipam.subnets.is_empty());
        if is_empty && kind != NetworkKind::Private {
            let (prefix, gateway) = host::free_subnet(&self.taken(state)?)?;
            document.ipams = vec![Ipam { subnets: vec![subnet(prefix, gateway)], ..Ipam::default() }];
        }
        for subnet in document.ipams.iter_mut().flat_map(|ipam| &mut ipam.subnets) {
            if subnet.id == Guid::NULL {
                subnet.id = random::guid();
            }
        }
        document.version = 1;
        document.schema_version = Some(Version { major: 2, minor: 0 });
        let moment = now();
        let record = NetworkRecord {
            document,
            created: moment.clone(),
            updated: moment,
            gateway_mac: gateway_mac.allocate(|_| false).map_or_else(String::new, |mac| mac.to_string()),
            total_endpoints: 0,
            most_endpoints: 0,
        };
        let own = record.pools()?;
        if kind == NetworkKind::Nat && own.iter().any(|pool| pool.gateway.is_none()) {
            return Err(NetworkError::refused(HcnError::InvalidSubnet, "a range of a nat network needs a gateway"));
        }
        for (taken, name) in state
            .networks
            .values()
            .flat_map(|record| record.prefixes().into_iter().map(move |prefix| (prefix, &record.document.name)))
        {
            if let Some(pool) = own.iter().find(|pool| pool.prefix.overlaps(&taken)) {
                let detail = format!("{} overlaps {taken} of network {name}", pool.prefix);
                return Err(NetworkError::refused(HcnError::InvalidSubnet, detail));
            }
        }
        Ok(record)
    }

    /// What a range that is chosen must not overlap.
    fn taken(&self, state: &State) -> Result<Vec<Prefix>> {
        let mut taken = self.switch.host_prefixes().map_err(switch_error)?;
        taken.extend(state.networks.values().flat_map(NetworkRecord::prefixes));
        let servers = host::name_servers(Path::new(RESOLVER_FILE));
        taken.extend(servers.into_iter().filter_map(|server| Prefix::new(server, 32).ok()));
        Ok(taken)
    }

    /// Removes a network that has no endpoints.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`]; [`NetworkError::Refused`] when it has some; or what could not be removed.
    pub fn delete_network(&self, id: &Guid) -> Result<()> {
        let mut state = self.state();
        let name = state.network(id)?.document.name.clone();
        let count = state.endpoints_of(*id).count();
        if count > 0 {
            let detail = format!("network {name} has {count} endpoints");
            return Err(NetworkError::refused(HcnError::EntityHasReferences, detail));
        }
        self.names.end(id);
        self.switch.delete_network(*id).map_err(switch_error)?;
        self.commit(&mut state, vec![Change::Remove(*id)], When::Now)?;
        info!(network = name, %id, "network removed");
        Ok(())
    }

    /// Changes a network: its policies and its name servers.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], [`NetworkError::Refused`].
    pub fn modify_network(&self, id: &Guid, request: &ModifyNetworkSettingRequest) -> Result<()> {
        let mut state = self.state();
        let mut record = state.network(id)?.clone();
        let json = |error: serde_json::Error| NetworkError::refused(HcnError::InvalidJson, error.to_string());
        match request.resource_type.to_ascii_lowercase().as_str() {
            "policy" => {
                let changed: PolicyRequest = serde_json::from_value(request.settings.clone()).map_err(json)?;
                super::endpoints::change_policies(
                    &mut record.document.policies,
                    changed.policies,
                    request.request_type,
                )?;
                check_policies(&record.document)?;
            }
            "dns" => {
                record.document.dns = match request.request_type {
                    ModifyRequestType::Remove | ModifyRequestType::Reset => Dns::default(),
                    _ => serde_json::from_value(request.settings.clone()).map_err(json)?,
                };
            }
            other => {
                return Err(NetworkError::refused(
                    HcnError::RequestUnsupported,
                    format!("a network has no {other} to change"),
                ));
            }
        }
        record.document.version += 1;
        record.updated = now();
        self.commit(&mut state, vec![Change::Put(Object::Network(record))], When::Now)
    }

    /// How many endpoints a network has and has had, and whether it is there.
    pub fn usage(&self, id: &Guid) -> NetworkUse {
        let state = self.state();
        let current = state.endpoints_of(*id).count() as u64;
        let (most, total) =
            state.networks.get(id).map_or((0, 0), |record| (record.most_endpoints, record.total_endpoints));
        // Those that were made before it was counted.
        NetworkUse { current, most: most.max(current), total, failure: state.unmade.get(id).copied() }
    }
}

fn check_policies(document: &HostComputeNetwork) -> Result<()> {
    let subnets = document.ipams.iter().flat_map(|ipam| &ipam.subnets);
    let all = document.policies.iter().chain(subnets.flat_map(|subnet| &subnet.policies));
    match all.into_iter().find(|policy| !KEPT.contains(&policy.kind.as_str())) {
        None => Ok(()),
        Some(policy) => Err(NetworkError::refused(
            HcnError::InvalidPolicyType,
            format!("policies of type {:?} are not implemented by this version of Casement", policy.kind),
        )),
    }
}

fn subnet(prefix: Prefix, gateway: IpAddr) -> Subnet {
    let route = Route { next_hop: gateway.to_string(), destination_prefix: "0.0.0.0/0".to_owned(), metric: 0 };
    Subnet { ip_address_prefix: prefix.to_string(), routes: vec![route], ..Subnet::default() }
}

/// The pool that a document describes.
pub(super) fn mac_pool(document: &casement_schema::hcn::MacPool) -> Result<MacPool> {
    let refused =
        |error: casement_vswitch::VSwitchError| NetworkError::refused(HcnError::InvalidNetwork, error.to_string());
    let ranges = document.ranges.iter().map(|range| {
        Ok((range.start_mac_address.parse().map_err(refused)?, range.end_mac_address.parse().map_err(refused)?))
    });
    MacPool::new(ranges.collect::<Result<Vec<(MacAddress, MacAddress)>>>()?).map_err(refused)
}

/// A pool of its own for a network.
fn free_mac_pool(taken: &[casement_schema::hcn::MacRange]) -> Result<casement_schema::hcn::MacPool> {
    let taken: Vec<(MacAddress, MacAddress)> = taken
        .iter()
        .filter_map(|range| Some((range.start_mac_address.parse().ok()?, range.end_mac_address.parse().ok()?)))
        .collect();
    let is_free =
        |pool: &MacPool| pool.ranges().all(|(first, last)| taken.iter().all(|(from, to)| last < *from || first > *to));
    // The last four bits choose nothing.
    let start = random::word();
    let pool = (0..=0xfff_u16).map(|step| MacPool::of_seed(start.wrapping_add(step << 4))).find(is_free);
    let pool = pool.ok_or_else(|| NetworkError::refused(HcnError::InvalidNetwork, "every MAC pool is in use"))?;
    let range = |(first, last): (MacAddress, MacAddress)| casement_schema::hcn::MacRange {
        start_mac_address: first.to_string(),
        end_mac_address: last.to_string(),
    };
    Ok(casement_schema::hcn::MacPool { ranges: pool.ranges().map(range).collect() })
}
