//! ACL policies (`AclPolicySetting`).

use std::net::IpAddr;
use std::ops::RangeInclusive;

use casement_schema::Guid;

use crate::address::Prefix;
use crate::error::VSwitchError;

/// What an ACL policy does with the packets that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lets them pass, without a look at rules of less precedence.
    Allow,
    /// Drops them.
    Block,
}

/// As the endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the endpoint.
    In,
    /// From the endpoint.
    Out,
}

/// Where a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleType {
    /// At the port of the switch (VFP), packet by packet.
    Switch,
    /// In the endpoint's namespace (WFP), by connection: what answers an allowed connection passes.
    Host,
}

/// Addresses of one family, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first.
    pub first: IpAddr,
    /// The last, of the same family.
    pub last: IpAddr,
}

impl From<Prefix> for AddressRange {
    fn from(prefix: Prefix) -> Self {
        Self { first: prefix.address(), last: prefix.last() }
    }
}

/// An ACL policy. Empty lists match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// Allow or block.
    pub action: Action,
    /// In or out.
    pub direction: Direction,
    /// At the switch or in the namespace.
    pub rule_type: RuleType,
    /// Numbers of IP protocols (1 ICMPv4, 6 TCP, 17 UDP, 58 ICMPv6).
    pub protocols: Vec<u8>,
    /// Addresses on the endpoint's side.
    pub local_addresses: Vec<AddressRange>,
    /// Addresses on the other side.
    pub remote_addresses: Vec<AddressRange>,
    /// TCP and UDP ports on the endpoint's side.
    pub local_ports: Vec<RangeInclusive<u16>>,
    /// TCP and UDP ports on the other side.
    pub remote_ports: Vec<RangeInclusive<u16>>,
    /// Lower numbers come first. Of two rules with the same number, one that blocks comes first.
    pub priority: u16,
}

impl AclRule {
    /// Entries of each list of a rule.
    pub const MAX_ENTRIES: usize = 1_024;

    /// A rule that matches everything in a direction.
    pub fn new(action: Action, direction: Direction, rule_type: RuleType, priority: u16) -> Self {
        Self {
            action,
            direction,
            rule_type,
            protocols: Vec::new(),
            local_addresses: Vec::new(),
            remote_addresses: Vec::new(),
            local_ports: Vec::new(),
            remote_ports: Vec::new(),
            priority,
        }
    }

    pub(crate) fn validate(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        let invalid = |reason| Err(VSwitchError::InvalidEndpoint { endpoint, reason });
        let addresses = || self.local_addresses.iter().chain(&self.remote_addresses);
        let mut ports = self.local_ports.iter().chain(&self.remote_ports);
        let longest = [self.protocols.len(), self.local_addresses.len(), self.remote_addresses.len()]
            .into_iter()
            .chain([self.local_ports.len(), self.remote_ports.len()])
            .max();
        if longest > Some(Self::MAX_ENTRIES) {
            return invalid("an acl policy of it has a list of more than 1024 entries");
        }
        if addresses().any(|r| r.first.is_ipv4() != r.last.is_ipv4() || r.first > r.last) {
            return invalid("an acl policy of it has an address range that ends before it begins");
        }
        if ports.any(|r| r.is_empty()) {
            return invalid("an acl policy of it has a port range that ends before it begins");
        }
        let has_ports = !self.local_ports.is_empty() || !self.remote_ports.is_empty();
        if has_ports && self.protocols.iter().any(|protocol| !matches!(protocol, 6 | 17)) {
            return invalid("an acl policy of it has ports with a protocol that has none");
        }
        Ok(())
    }
}
