//! Version 1 of the service: the same objects in the form of `HNSCall`.

mod adapter;
mod call;
mod policy;
mod view;

pub use call::comma_list;
pub use view::{endpoint_view, network_view, policy_list_view};

pub(crate) use call::{endpoint_of, guid, network_of, parse};
