//! What the network service must know of the host's own network.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use casement_schema::hcn::HcnError;
use casement_vswitch::Prefix;

use crate::error::{NetworkError, Result};
use crate::random;

/// Bits of a range that is chosen, as Windows chooses it.
const PREFIX_LENGTH: u8 = 20;
/// Private ranges, in the order in which they are tried.
const PRIVATE: [(Ipv4Addr, u8); 3] =
    [(Ipv4Addr::new(172, 16, 0, 0), 12), (Ipv4Addr::new(192, 168, 0, 0), 16), (Ipv4Addr::new(10, 0, 0, 0), 8)];

/// A private range that overlaps none of `taken`, and its first address, for the gateway.
pub(crate) fn free_subnet(taken: &[Prefix]) -> Result<(Prefix, IpAddr)> {
    let size = 1_u32 << (32 - PREFIX_LENGTH);
    for (base, length) in PRIVATE {
        let count = 1_u32 << (PREFIX_LENGTH - length);
        let start = u32::try_from(random::below(count.into())).unwrap_or_default();
        for step in 0..count {
            let first = base.to_bits() + (start + step) % count * size;
            let Ok(prefix) = Prefix::new(Ipv4Addr::from_bits(first).into(), PREFIX_LENGTH) else { continue };
            if !taken.iter().any(|other| prefix.overlaps(other)) {
                return Ok((prefix, Ipv4Addr::from_bits(first + 1).into()));
            }
        }
    }
    Err(NetworkError::refused(HcnError::InvalidSubnet, "every private range overlaps a route of the host: name one"))
}

/// The name servers of the host, as resolv.conf(5) lists them.
pub(crate) fn name_servers(file: &Path) -> Vec<IpAddr> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        // A zone index names an interface of the host.
        (words.next()? == "nameserver").then(|| words.next()?.split('%').next()?.parse().ok())?
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_chosen_range_overlaps_nothing() {
        let mut taken: Vec<Prefix> = vec!["172.16.0.0/13".parse().unwrap(), "192.168.1.0/24".parse().unwrap()];
        for _ in 0..150 {
            let (net, gateway) = free_subnet(&taken).unwrap();
            assert!(net.contains(gateway) && !taken.iter().any(|other| net.overlaps(other)), "{net}");
            taken.push(net);
        }
        taken.extend(["172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"].map(|net| net.parse::<Prefix>().unwrap()));
        assert!(free_subnet(&taken).is_err());
    }

    #[test]
    fn name_servers_are_those_of_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# a comment\nnameserver 192.0.2.1\nsearch x\nnameserver fe80::1%eth0\nnameserver nonsense\n nameserver\t192.0.2.2 # x").unwrap();
        let servers: Vec<String> = name_servers(file.path()).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1", "fe80::1", "192.0.2.2"]);
        assert!(name_servers(Path::new("/no/such/file")).is_empty());
    }
}
