//! Policies: a type and settings whose shape depends on it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flags::{NatFlags, Protocol};
use crate::json::is_default;

/// A policy of a network, an address range or an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Policy {
    /// `PortMapping`, `ACL`, `QOS`, `OutBoundNAT`, ….
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its settings.
    #[serde(skip_serializing_if = "is_default")]
    pub settings: Value,
}

impl Policy {
    /// A policy with these settings.
    pub fn new<T: Serialize>(kind: &str, settings: &T) -> Self {
        // The settings of this module are plain data, which JSON always holds.
        Self { kind: kind.to_owned(), settings: serde_json::to_value(settings).unwrap_or_default() }
    }
}

/// Settings of `PortMapping`: a port of the host that leads to the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortMappingPolicySetting {
    /// Protocol.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// Port of the endpoint.
    #[serde(skip_serializing_if = "is_default")]
    pub internal_port: u16,
    /// Port of the host; 0 asks for any.
    #[serde(skip_serializing_if = "is_default")]
    pub external_port: u16,
    /// Address of the host; all when empty.
    #[serde(rename = "VIP", skip_serializing_if = "is_default")]
    pub vip: String,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: NatFlags,
}

/// Settings of `ACL`: packets that pass or do not. Lists are separated by commas; what is empty fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclPolicySetting {
    /// Protocol numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub protocols: String,
    /// What happens.
    pub action: ActionType,
    /// Which way.
    pub direction: DirectionType,
    /// Addresses and ranges of the endpoint.
    #[serde(skip_serializing_if = "is_default")]
    pub local_addresses: String,
    /// Addresses and ranges of the other side.
    #[serde(skip_serializing_if = "is_default")]
    pub remote_addresses: String,
    /// Ports and ranges of the endpoint.
    #[serde(skip_serializing_if = "is_default")]
    pub local_ports: String,
    /// Ports and ranges of the other side.
    #[serde(skip_serializing_if = "is_default")]
    pub remote_ports: String,
    /// Where it is applied.
    #[serde(skip_serializing_if = "is_default")]
    pub rule_type: RuleType,
    /// The lowest that fits decides.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: u16,
    /// Name of the rule.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
}

/// What an ACL does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionType {
    /// The packet passes.
    #[default]
    Allow,
    /// The packet is dropped.
    Block,
    /// The next tier decides.
    Pass,
}

/// Which way a packet goes, seen from the endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectionType {
    /// To the endpoint.
    #[default]
    In,
    /// From the endpoint.
    Out,
}

/// Where an ACL is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleType {
    /// In the compartment, with memory of connections.
    Host,
    /// At the port of the switch, without.
    #[default]
    Switch,
}

/// Settings of `QOS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QosPolicySetting {
    /// Bytes a second that the endpoint may send.
    pub maximum_outgoing_bandwidth_in_bytes: u64,
}

/// Settings of `OutBoundNAT`: packets that leave with another source address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OutboundNatPolicySetting {
    /// That address; the host's when empty.
    #[serde(rename = "VirtualIP", skip_serializing_if = "is_default")]
    pub virtual_ip: String,
    /// Destinations that see the endpoint's own address.
    #[serde(skip_serializing_if = "is_default")]
    pub exceptions: Vec<String>,
    /// Only these destinations, if there are any.
    #[serde(skip_serializing_if = "is_default")]
    pub destinations: Vec<String>,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: NatFlags,
}
