//! Documents of the Host Network Service, version 1: what `HNSCall` of vmcompute.dll takes and gives.

mod endpoint;
mod namespace;
mod network;
mod policy_list;
mod reply;

pub use endpoint::{AttachRequest, EndpointState, HnsEndpoint};
pub use namespace::{HnsNamespace, HnsNamespaceResource};
pub use network::{HnsNetwork, HnsSubnet};
pub use policy_list::PolicyList;
pub use reply::HnsReply;
