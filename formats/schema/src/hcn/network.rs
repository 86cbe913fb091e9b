//! A network (Microsoft: `HostComputeNetwork`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flags::{NetworkFlags, SubnetFlags};
use super::{Health, Policy};
use crate::json::is_default;
use crate::{Guid, Version};

/// A network: a switch with its address ranges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeNetwork {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// Who made it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Name.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Counts the changes.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// What the owner keeps with it.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_params: Option<Value>,
    /// `NAT`, `Transparent`, `L2Bridge`, `Internal`, … (Microsoft: `NetworkMode`); `NAT` when empty.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub mode: String,
    /// Policies.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Policy>,
    /// Where the MAC addresses of its endpoints come from.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_pool: MacPool,
    /// How its endpoints resolve names.
    #[serde(skip_serializing_if = "is_default")]
    pub dns: Dns,
    /// Address ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub ipams: Vec<Ipam>,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: NetworkFlags,
    /// How it is.
    #[serde(skip_serializing_if = "is_default")]
    pub health: Health,
    /// Schema of this document.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
}

/// Ranges of MAC addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MacPool {
    /// The ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub ranges: Vec<MacRange>,
}

/// A range of MAC addresses, `00-15-5D-70-30-00` to `00-15-5D-70-3F-FF`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MacRange {
    /// The first one.
    pub start_mac_address: String,
    /// The last one.
    pub end_mac_address: String,
}

/// How names are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Dns {
    /// Suffix of the connection.
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    /// Suffixes that are tried.
    #[serde(skip_serializing_if = "is_default")]
    pub search: Vec<String>,
    /// Addresses of servers.
    #[serde(skip_serializing_if = "is_default")]
    pub server_list: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "is_default")]
    pub options: Vec<String>,
}

/// Address ranges of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipam {
    /// Who gives the addresses out.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: IpamType,
    /// The ranges.
    #[serde(skip_serializing_if = "is_default")]
    pub subnets: Vec<Subnet>,
}

/// Who gives addresses out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpamType {
    /// The service.
    #[default]
    Static,
    /// A server on the network.
    #[serde(alias = "DHCP")]
    Dhcp,
}

/// An address range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Subnet {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// What the owner keeps with it.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_params: Option<Value>,
    /// `192.168.48.0/20`.
    #[serde(skip_serializing_if = "is_default")]
    pub ip_address_prefix: String,
    /// Policies.
    #[serde(skip_serializing_if = "is_default")]
    pub policies: Vec<Policy>,
    /// Routes; that of `0.0.0.0/0` names the gateway.
    #[serde(skip_serializing_if = "is_default")]
    pub routes: Vec<Route>,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: SubnetFlags,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Route {
    /// Where it leads.
    #[serde(skip_serializing_if = "is_default")]
    pub next_hop: String,
    /// What it is for.
    #[serde(skip_serializing_if = "is_default")]
    pub destination_prefix: String,
    /// Lower ones are preferred.
    #[serde(skip_serializing_if = "is_default")]
    pub metric: u16,
}
