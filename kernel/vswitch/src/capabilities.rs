//! What the kernel offers, and what stands in for what it lacks.

/// How `MaximumOutgoingBandwidthInBytes` is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaper {
    /// A token bucket queue on the adapter inside the namespace: packets wait.
    TokenBucket,
    /// A limit in the packet filter at the switch port: packets beyond it are dropped, which costs retransmissions.
    Policer,
}

/// What was found out about the kernel when the switch was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How bandwidth is limited.
    pub shaper: Shaper,
    /// Whether IPv6 is on, so that networks may have IPv6 subnets.
    pub ipv6: bool,
    /// Whether bridged frames pass the host's IP filter too (`bridge-nf-call-iptables`), where rules of others may drop them.
    pub bridge_netfilter: bool,
}

impl Capabilities {
    /// One line for each fallback that is in use, for `casement doctor`.
    pub fn fallbacks(&self) -> Vec<&'static str> {
        let mut lines = Vec::new();
        if self.shaper == Shaper::Policer {
            lines.push("no tbf queue (sch_tbf): bandwidth limits drop packets instead of delaying them");
        }
        if !self.ipv6 {
            lines.push("no ipv6: networks have ipv4 subnets only");
        }
        if self.bridge_netfilter {
            lines.push(
                "bridge-nf-call-iptables is 1: the host's own forward rules apply between endpoints of one network too",
            );
        }
        lines
    }
}
