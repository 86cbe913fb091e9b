//! A load balancer: addresses and ports that stand for several endpoints (Microsoft: `HostComputeLoadBalancer`).

use serde::{Deserialize, Serialize};

use super::flags::{LoadBalancerFlags, LoadBalancerPortMappingFlags, Protocol};
use crate::json::is_default;
use crate::{Guid, Version};

/// A load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostComputeLoadBalancer {
    /// Identifier.
    #[serde(rename = "ID", skip_serializing_if = "is_default")]
    pub id: Guid,
    /// Who made it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: String,
    /// Counts the changes.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// Endpoints that answer.
    #[serde(skip_serializing_if = "is_default")]
    pub host_compute_endpoints: Vec<Guid>,
    /// Source address that endpoints see.
    #[serde(rename = "SourceVIP", skip_serializing_if = "is_default")]
    pub source_vip: String,
    /// Addresses that clients ask.
    #[serde(rename = "FrontendVIPs", skip_serializing_if = "is_default")]
    pub frontend_vips: Vec<String>,
    /// Ports.
    #[serde(skip_serializing_if = "is_default")]
    pub port_mappings: Vec<LoadBalancerPortMapping>,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: LoadBalancerFlags,
    /// Schema of this document.
    #[serde(skip_serializing_if = "is_default")]
    pub schema_version: Option<Version>,
}

/// One port of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LoadBalancerPortMapping {
    /// Protocol.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// Port of the endpoints.
    #[serde(skip_serializing_if = "is_default")]
    pub internal_port: u16,
    /// Port that clients ask.
    #[serde(skip_serializing_if = "is_default")]
    pub external_port: u16,
    /// Flags.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: LoadBalancerPortMappingFlags,
}
