//! The objects as the store keeps them: Microsoft's documents, and what belongs to them here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use casement_schema::Guid;
use casement_schema::hcn::{
    HostComputeEndpoint, HostComputeLoadBalancer, HostComputeNamespace, HostComputeNetwork, HostComputeRoute, IpConfig,
    NamespaceResource,
};
use casement_vswitch::{MacAddress, Prefix};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ipam::{self, Pool};

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkRecord {
    /// The document.
    pub document: HostComputeNetwork,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it was changed last, RFC 3339.
    pub updated: String,
    /// MAC address of the host's adapter in it.
    pub gateway_mac: String,
    /// Endpoints that it has had.
    pub total_endpoints: u64,
    /// Most endpoints that it has had at one time.
    pub most_endpoints: u64,
}

impl NetworkRecord {
    pub(crate) fn pools(&self) -> Result<Vec<Pool>> {
        self.document.ipams.iter().flat_map(|ipam| &ipam.subnets).map(Pool::of).collect()
    }

    pub(crate) fn prefixes(&self) -> Vec<Prefix> {
        let subnets = self.document.ipams.iter().flat_map(|ipam| &ipam.subnets);
        subnets.filter_map(|subnet| ipam::parse_prefix(&subnet.ip_address_prefix).ok()).collect()
    }

    pub(crate) fn gateways(&self) -> Vec<IpAddr> {
        self.pools().into_iter().flatten().filter_map(|pool| pool.gateway).collect()
    }

    /// Whether it has this type, in whatever case.
    pub fn is_type(&self, name: &str) -> bool {
        self.document.mode.eq_ignore_ascii_case(name)
    }
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointRecord {
    /// The document.
    pub document: HostComputeEndpoint,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Names that stand for it in its network.
    pub names: Vec<String>,
    /// Names that only it knows, and the names in its network that they stand for (`--link`).
    pub links: BTreeMap<String, String>,
    /// Number of its adapter in the namespace.
    pub adapter: u16,
}

impl EndpointRecord {
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.document.ip_configurations.iter().filter_map(|config| config.ip_address.parse().ok())
    }

    pub(crate) fn mac(&self) -> Option<MacAddress> {
        self.document.mac_address.parse().ok()
    }

    /// Its first address of one family, with the length of its prefix.
    pub fn address(&self, is_of_family: fn(&IpAddr) -> bool) -> Option<&IpConfig> {
        let fits = |config: &&IpConfig| config.ip_address.parse().is_ok_and(|address| is_of_family(&address));
        self.document.ip_configurations.iter().find(fits)
    }

    /// The gateway of one family.
    pub fn gateway(&self, is_of_family: fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let routes = self.document.routes.iter().filter(|route| ipam::is_default_route(&route.destination_prefix));
        routes.filter_map(|route| route.next_hop.parse().ok()).find(is_of_family)
    }
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NamespaceRecord {
    /// The document.
    pub document: HostComputeNamespace,
}

impl NamespaceRecord {
    /// The endpoints in it.
    pub fn endpoints(&self) -> impl Iterator<Item = Guid> + '_ {
        self.document.resources.iter().filter_map(|resource| match resource {
            NamespaceResource::Endpoint { id } => Some(*id),
            NamespaceResource::Container { .. } => None,
        })
    }

    /// The containers in it.
    pub fn containers(&self) -> impl Iterator<Item = &str> {
        self.document.resources.iter().filter_map(|resource| match resource {
            NamespaceResource::Container { id } => Some(id.as_str()),
            NamespaceResource::Endpoint { .. } => None,
        })
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Object {
    Network(NetworkRecord),
    Endpoint(EndpointRecord),
    Namespace(NamespaceRecord),
    LoadBalancer(HostComputeLoadBalancer),
    Route(HostComputeRoute),
}

impl Object {
    pub(crate) fn id(&self) -> Guid {
        match self {
            Self::Network(record) => record.document.id,
            Self::Endpoint(record) => record.document.id,
            Self::Namespace(record) => record.document.id,
            Self::LoadBalancer(document) => document.id,
            Self::Route(document) => document.id,
        }
    }
}

/// A change of the store.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few at a time, and most of them are the large ones")]
pub(crate) enum Change {
    Put(Object),
    Remove(Guid),
}
