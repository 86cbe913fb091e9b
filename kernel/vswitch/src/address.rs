//! MAC addresses, pools of them, and address prefixes, in the forms that HNS writes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::VSwitchError;

/// A MAC address. Its text form is Microsoft's: `00-15-5D-70-38-C8`; colons and lower case are read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Microsoft's prefix for Hyper-V adapters.
    pub const HYPER_V_PREFIX: [u8; 3] = [0x00, 0x15, 0x5d];

    /// Whether it stands for more than one station (broadcast included).
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The address as a number, for ranges.
    pub fn to_number(self) -> u64 {
        self.0.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// The address of a number below 2^48.
    pub const fn from_number(number: u64) -> Self {
        let b = number.to_be_bytes();
        Self([b[2], b[3], b[4], b[5], b[6], b[7]])
    }

    /// The IPv6 link-local address that belongs to it (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let m = self.0;
        Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02X}-{:02X}-{:02X}-{:02X}-{:02X}-{:02X}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

impl FromStr for MacAddress {
    type Err = VSwitchError;

    fn from_str(text: &str) -> Result<Self, VSwitchError> {
        let invalid = || VSwitchError::InvalidMacAddress(text.chars().take(32).collect());
        let mut bytes = [0; 6];
        let mut parts = text.split(['-', ':']);
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(invalid)?;
            // from_str_radix takes a sign, which has no place here.
            if !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(invalid());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        if parts.next().is_some() { Err(invalid()) } else { Ok(Self(bytes)) }
    }
}

/// The MAC addresses that a network gives to its endpoints, HNS's `MacPools`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacPool {
    ranges: Vec<RangeInclusive<u64>>,
}

impl MacPool {
    /// A pool of ranges, each from its first to its last address.
    pub fn new(ranges: impl IntoIterator<Item = (MacAddress, MacAddress)>) -> Result<Self, VSwitchError> {
        let mut pool = Vec::new();
        for (first, last) in ranges {
            if first > last || first.is_multicast() || last.is_multicast() {
                return Err(VSwitchError::InvalidMacRange { first, last });
            }
            pool.push(first.to_number()..=last.to_number());
        }
        Ok(Self { ranges: pool })
    }

    /// A pool of 4,096 addresses as HNS makes one for a network: `00-15-5D-xx-y0-00` to `00-15-5D-xx-yF-FF`, chosen by `seed`.
    pub fn of_seed(seed: u16) -> Self {
        let [high, low] = seed.to_be_bytes();
        let [a, b, c] = MacAddress::HYPER_V_PREFIX;
        let first = MacAddress([a, b, c, high, low & 0xf0, 0]).to_number();
        Self { ranges: vec![first..=first + 0xfff] }
    }

    /// First and last address of each range.
    pub fn ranges(&self) -> impl Iterator<Item = (MacAddress, MacAddress)> + '_ {
        self.ranges.iter().map(|r| (MacAddress::from_number(*r.start()), MacAddress::from_number(*r.end())))
    }

    /// Whether `mac` is of this pool.
    pub fn contains(&self, mac: MacAddress) -> bool {
        self.ranges.iter().any(|range| range.contains(&mac.to_number()))
    }

    /// The first address that `taken` does not claim; none when the pool is used up.
    pub fn allocate(&self, taken: impl Fn(MacAddress) -> bool) -> Option<MacAddress> {
        self.ranges.iter().flat_map(Clone::clone).map(MacAddress::from_number).find(|&mac| !taken(mac))
    }
}

/// An address prefix, `192.168.48.0/20`. Its address has no bits beyond the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of `length` bits that `address` is in.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, VSwitchError> {
        let bits = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if length > bits {
            return Err(VSwitchError::InvalidPrefix(format!("{address}/{length}")));
        }
        let address = match address {
            IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) & !u32::MAX.checked_shr(length.into()).unwrap_or(0)).into(),
            IpAddr::V6(v6) => {
                Ipv6Addr::from(u128::from(v6) & !u128::MAX.checked_shr(length.into()).unwrap_or(0)).into()
            }
        };
        Ok(Self { address, length })
    }

    /// The first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                Ipv4Addr::from(u32::from(v4) | u32::MAX.checked_shr(self.length.into()).unwrap_or(0)).into()
            }
            IpAddr::V6(v6) => {
                Ipv6Addr::from(u128::from(v6) | u128::MAX.checked_shr(self.length.into()).unwrap_or(0)).into()
            }
        }
    }

    /// The number of leading bits that count.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.address <= address && address <= self.last()
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Prefix) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = VSwitchError;

    /// Takes `address/length` and a lone address, which is a prefix of one.
    fn from_str(text: &str) -> Result<Self, VSwitchError> {
        let invalid = || VSwitchError::InvalidPrefix(text.chars().take(64).collect());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let length = match length {
            Some(length) => length.parse().map_err(|_| invalid())?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Self::new(address, length).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_read_and_written_as_hns_does() {
        let mac: MacAddress = "00-15-5D-70-38-C8".parse().unwrap();
        assert_eq!(mac, "00:15:5d:70:38:c8".parse().unwrap());
        assert_eq!(mac.to_string(), "00-15-5D-70-38-C8");
        assert_eq!(MacAddress::from_number(mac.to_number()), mac);
        for wrong in
            ["", "00-15-5D-70-38", "00-15-5D-70-38-C8-00", "0-015-5D-70-38-C8", "+0-15-5D-70-38-C8", "é-15-5D-70-38-C8"]
        {
            assert!(wrong.parse::<MacAddress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_pool_of_the_example_holds_4096_addresses() {
        let pool = MacPool::of_seed(0x7030);
        let ranges: Vec<_> = pool.ranges().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        assert_eq!(ranges, [("00-15-5D-70-30-00".to_owned(), "00-15-5D-70-3F-FF".to_owned())]);
        assert!(pool.contains("00-15-5D-70-38-C8".parse().unwrap()));
        let mut taken = std::collections::BTreeSet::new();
        while let Some(mac) = pool.allocate(|mac| taken.contains(&mac)) {
            assert!(taken.insert(mac) && pool.contains(mac));
            if taken.len() > 64 {
                break;
            }
        }
        assert_eq!(pool.allocate(|_| true), None);
    }

    #[test]
    fn a_prefix_knows_its_first_and_last_address() {
        let prefix: Prefix = "192.168.51.62/20".parse().unwrap();
        assert_eq!(prefix.to_string(), "192.168.48.0/20");
        assert_eq!(prefix.last().to_string(), "192.168.63.255");
        assert!(prefix.contains("192.168.51.62".parse().unwrap()) && !prefix.contains("192.168.64.0".parse().unwrap()));
        assert_eq!("0.0.0.0/0".parse::<Prefix>().unwrap().last().to_string(), "255.255.255.255");
        assert_eq!("fd00::1:2/64".parse::<Prefix>().unwrap().to_string(), "fd00::/64");
        assert!("10.0.0.0/8".parse::<Prefix>().unwrap().overlaps(&"10.9.0.0/16".parse().unwrap()));
        assert!(!"10.0.0.0/8".parse::<Prefix>().unwrap().overlaps(&"::/0".parse().unwrap()));
        for wrong in ["10.0.0.0/33", "fd00::/129", "10.0.0/8", "/8", "10.0.0.0/-1", ""] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }
}
