//! Address ranges, and which address an endpoint gets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use casement_schema::hcn::{HcnError, Subnet, SubnetFlags};
use casement_vswitch::Prefix;

use crate::error::{NetworkError, Result};

/// Member of [`Subnet::additional_params`]: addresses that are not given out.
pub const RESERVED: &str = "ReservedAddresses";
/// Member of [`Subnet::additional_params`]: the part of the range that addresses are given out of.
pub const RANGE: &str = "AllocationRange";

/// A range that addresses are given out of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// The whole range.
    pub(crate) prefix: Prefix,
    /// The host's address in it.
    pub(crate) gateway: Option<IpAddr>,
    range: Prefix,
    reserved: BTreeSet<IpAddr>,
    gateway_is_free: bool,
}

fn refused(detail: impl Into<String>) -> NetworkError {
    NetworkError::refused(HcnError::InvalidSubnet, detail)
}

impl Pool {
    /// The range that a document describes.
    pub(crate) fn of(subnet: &Subnet) -> Result<Self> {
        let text = &subnet.ip_address_prefix;
        let prefix = parse_prefix(text)?;
        let gateway = subnet.routes.iter().find(|route| is_default_route(&route.destination_prefix));
        let gateway = gateway.map(|route| parse_address(&route.next_hop)).transpose()?;
        if let Some(gateway) = gateway
            && (!prefix.contains(gateway) || is_edge(&prefix, gateway))
        {
            return Err(refused(format!("the gateway {gateway} is no address of {prefix}")));
        }
        if number(prefix.last()) - number(prefix.address()) < 3 {
            return Err(refused(format!("{prefix} has no room for endpoints")));
        }
        let params = subnet.additional_params.as_ref();
        let range = match params.and_then(|params| params.get(RANGE)).and_then(|range| range.as_str()) {
            None => prefix,
            Some(text) => parse_prefix(text)?,
        };
        if !prefix.contains(range.address()) || !prefix.contains(range.last()) {
            return Err(refused(format!("{range} is not a part of {prefix}")));
        }
        let reserved = params.and_then(|params| params.get(RESERVED)).and_then(|list| list.as_array());
        let reserved = reserved.into_iter().flatten().map(|address| {
            let address = parse_address(address.as_str().unwrap_or_default())?;
            if prefix.contains(address) {
                Ok(address)
            } else {
                Err(refused(format!("{address} is no address of {prefix}")))
            }
        });
        Ok(Self {
            prefix,
            gateway,
            range,
            reserved: reserved.collect::<Result<_>>()?,
            gateway_is_free: subnet.flags.contains(SubnetFlags::DO_NOT_RESERVE_GATEWAY_ADDRESS),
        })
    }

    /// Whether an endpoint may have this address, were it not for other endpoints.
    fn is_usable(&self, address: IpAddr) -> bool {
        let is_gateway = !self.gateway_is_free && self.gateway == Some(address);
        !is_gateway && !is_edge(&self.prefix, address) && !self.reserved.contains(&address)
    }

    /// Checks an address that someone asks for. Reserved ones may be asked for; only the gateway and the ends may not.
    pub(crate) fn check(&self, address: IpAddr, used: &BTreeSet<IpAddr>) -> Result<()> {
        if !self.prefix.contains(address) {
            return Err(NetworkError::refused(
                HcnError::InvalidIp,
                format!("{address} is no address of {}", self.prefix),
            ));
        }
        let is_gateway = !self.gateway_is_free && self.gateway == Some(address);
        if is_gateway || is_edge(&self.prefix, address) {
            return Err(NetworkError::refused(HcnError::AddressInvalidOrReserved, format!("{address} is reserved")));
        }
        if used.contains(&address) {
            return Err(NetworkError::refused(
                HcnError::AddressInvalidOrReserved,
                format!("{address} is already in use"),
            ));
        }
        Ok(())
    }

    /// The next free address after `last`, going round.
    pub(crate) fn allocate(&self, used: &BTreeSet<IpAddr>, last: Option<IpAddr>) -> Result<IpAddr> {
        let (first, end) = (number(self.range.address()), number(self.range.last()));
        let from = last.map(number).filter(|last| (first..end).contains(last)).map_or(first, |last| last + 1);
        // If there is a free one, it is among as many as can be taken, and one more: used, reserved, both ends, the gateway.
        let tries = used.len() as u128 + self.reserved.len() as u128 + 4;
        let mut candidate = from;
        for _ in 0..tries {
            let address = self.address(candidate);
            if self.is_usable(address) && !used.contains(&address) {
                return Ok(address);
            }
            candidate = if candidate >= end { first } else { candidate + 1 };
            if candidate == from {
                break;
            }
        }
        Err(NetworkError::refused(HcnError::AddressInvalidOrReserved, format!("no address of {} is free", self.range)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "numbers of a range of version 4 have 32 bits")]
    fn address(&self, number: u128) -> IpAddr {
        match self.prefix.address() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// An address as text, also with the length of its prefix.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr> {
    let address = text.split('/').next().unwrap_or_default();
    address.parse().map_err(|_| NetworkError::refused(HcnError::InvalidIp, format!("{text} is no address")))
}

/// Whether a destination is everything.
pub(crate) fn is_default_route(prefix: &str) -> bool {
    matches!(prefix, "" | "0.0.0.0/0" | "::/0" | "default")
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of the range itself; in version 4 also that of all its members.
fn is_edge(prefix: &Prefix, address: IpAddr) -> bool {
    address == prefix.address() || (address.is_ipv4() && address == prefix.last())
}

/// A prefix with its length, which a lone address does not say.
pub(crate) fn parse_prefix(text: &str) -> Result<Prefix> {
    let refused = || NetworkError::refused(HcnError::InvalidPrefix, format!("{text} is no prefix"));
    if text.contains('/') { text.parse().map_err(|_| refused()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_schema::hcn::Route;
    use serde_json::json;

    fn subnet(prefix: &str, gateway: &str) -> Subnet {
        let route = Route { next_hop: gateway.to_owned(), destination_prefix: "0.0.0.0/0".to_owned(), metric: 0 };
        Subnet { ip_address_prefix: prefix.to_owned(), routes: vec![route], ..Subnet::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_go_round_and_leave_out_what_is_taken() {
        let mut subnet = subnet("10.0.0.0/29", "10.0.0.1");
        subnet.additional_params = Some(json!({ RESERVED: ["10.0.0.3"] }));
        let pool = Pool::of(&subnet).unwrap();
        let mut used = BTreeSet::new();
        let mut last = None;
        for expected in ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"] {
            let address = pool.allocate(&used, last).unwrap();
            assert_eq!(address, ip(expected));
            used.insert(address);
            last = Some(address);
        }
        assert!(pool.allocate(&used, last).is_err());
        used.remove(&ip("10.0.0.4"));
        assert_eq!(pool.allocate(&used, last).unwrap(), ip("10.0.0.4"));
        assert!(pool.check(ip("10.0.0.3"), &used).is_ok(), "a reserved address may be asked for");
        for bad in ["10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.2", "10.0.1.2", "fd00::2"] {
            assert!(pool.check(ip(bad), &used).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_bounds_what_is_given_out_but_not_what_may_be_asked_for() {
        let mut subnet = subnet("192.168.48.0/20", "192.168.48.1");
        subnet.additional_params = Some(json!({ RANGE: "192.168.51.60/30" }));
        let pool = Pool::of(&subnet).unwrap();
        let mut used = BTreeSet::new();
        for _ in 0..4 {
            let address = pool.allocate(&used, None).unwrap();
            assert!(address.to_string().starts_with("192.168.51.6"), "{address}");
            used.insert(address);
        }
        assert!(pool.allocate(&used, None).is_err());
        assert!(pool.check(ip("192.168.63.254"), &used).is_ok());
    }

    #[test]
    fn large_ranges_cost_nothing() {
        let route = Route { next_hop: "fd00::1".to_owned(), destination_prefix: "::/0".to_owned(), metric: 0 };
        let subnet = Subnet { ip_address_prefix: "fd00::/64".to_owned(), routes: vec![route], ..Subnet::default() };
        let pool = Pool::of(&subnet).unwrap();
        assert_eq!(pool.allocate(&BTreeSet::new(), None).unwrap(), ip("fd00::2"));
        assert_eq!(pool.allocate(&BTreeSet::new(), Some(ip("fd00::ffff:ffff:ffff:ffff"))).unwrap(), ip("fd00::2"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (prefix, gateway) in [
            ("10.0.0.0", "10.0.0.1"),
            ("10.0.0.0/33", ""),
            ("10.0.0.0/24", "10.0.1.1"),
            ("10.0.0.0/31", "10.0.0.1"),
            ("10.0.0.0/24", "10.0.0.255"),
            ("10.0.0.0/24", "x"),
        ] {
            assert!(Pool::of(&subnet(prefix, gateway)).is_err(), "{prefix} {gateway}");
        }
    }
}
