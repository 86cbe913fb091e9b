//! Documents of the Host Compute Network service, version 2 (Microsoft: HCN, "Host Compute Network (HCN) service API").
//!
//! Flags and protocols are numbers, as hcsshim writes them; their documented names are understood too.

mod endpoint;
mod error;
mod flags;
mod load_balancer;
mod modify;
mod namespace;
mod network;
mod policy;
mod query;
mod route;

pub use endpoint::{HostComputeEndpoint, IpConfig};
pub use error::HcnError;
pub use flags::{
    EndpointFlags, LoadBalancerFlags, LoadBalancerPortMappingFlags, NatFlags, NetworkFlags, Protocol, SubnetFlags,
};
pub use load_balancer::{HostComputeLoadBalancer, LoadBalancerPortMapping};
pub use modify::{
    ModifyEndpointSettingRequest, ModifyNamespaceSettingRequest, ModifyNetworkSettingRequest, ModifyRequestType,
    NamespaceContainerRequest, NamespaceEndpointRequest, PolicyRequest,
};
pub use namespace::{HostComputeNamespace, NamespaceResource, NamespaceType};
pub use network::{Dns, HostComputeNetwork, Ipam, IpamType, MacPool, MacRange, Route, Subnet};
pub use policy::{
    AclPolicySetting, ActionType, DirectionType, OutboundNatPolicySetting, Policy, PortMappingPolicySetting,
    QosPolicySetting, RuleType,
};
pub use query::HostComputeQuery;
pub use route::{HostComputeRoute, SdnRoutePolicySetting};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;

/// How an object is (Microsoft: `Health`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// What went wrong last, and when.
    #[serde(skip_serializing_if = "is_default")]
    pub data: Option<Value>,
    /// `Resources`, `SharedContainers`, `LayeredOn`, `SwitchGuid`, `UtilityVM`, `VirtualMachine`.
    #[serde(skip_serializing_if = "is_default")]
    pub extra: Option<Value>,
}
