//! Ports of the host that lead to endpoints.
//!
//! The rules of the switch take packets before any socket sees them. So that no program of the host finds its port taken away, and
//! none takes a port that is published, every published port is also bound here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use casement_schema::Guid;
use casement_schema::hcn::{HcnError, PortMappingPolicySetting, Protocol};
use casement_vswitch::Transport;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::error::{NetworkError, Result};
use crate::random;

/// Where a port that nobody names is taken from: the dynamic ports of Windows.
const DYNAMIC: std::ops::Range<u16> = 49_152..65_535;

/// The ports of the host that are taken.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    taken: HashMap<Key, Reservation>,
}

/// A port; no address stands for all of the host's.
type Key = (Transport, Option<IpAddr>, u16);

#[derive(Debug)]
struct Reservation {
    endpoint: Guid,
    /// None when the address is none of the host's yet.
    _socket: Option<OwnedFd>,
}

/// A port mapping whose settings are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) transport: Transport,
    pub(crate) address: Option<IpAddr>,
    pub(crate) external: u16,
    pub(crate) internal: u16,
}

impl Mapping {
    pub(crate) fn of(setting: &PortMappingPolicySetting) -> Result<Self> {
        let refused = |detail: String| NetworkError::refused(HcnError::InvalidPolicy, detail);
        let transport = match setting.protocol {
            Protocol::TCP => Transport::Tcp,
            Protocol::UDP => Transport::Udp,
            other => return Err(refused(format!("protocol {} has no ports", other.0))),
        };
        if setting.internal_port == 0 {
            return Err(NetworkError::refused(HcnError::InvalidInternalPort, "internal port 0"));
        }
        let address = match setting.vip.as_str() {
            "" => None,
            text => Some(text.parse::<IpAddr>().map_err(|_| refused(format!("{text} is no address")))?),
        };
        let address = address.filter(|address| !address.is_unspecified());
        Ok(Self { transport, address, external: setting.external_port, internal: setting.internal_port })
    }

    fn key(&self) -> Key {
        (self.transport, self.address, self.external)
    }
}

impl Reservations {
    /// Takes a port for an endpoint; returns it, as one that is 0 is chosen here.
    pub(crate) fn take(&mut self, endpoint: Guid, mapping: Mapping) -> Result<Mapping> {
        if mapping.external != 0 {
            self.take_exactly(endpoint, mapping)?;
            return Ok(mapping);
        }
        let count = DYNAMIC.end - DYNAMIC.start;
        let start = u16::try_from(random::below(count.into())).unwrap_or_default();
        let chosen = (0..count).find_map(|step| {
            let external = DYNAMIC.start + (u32::from(start) + u32::from(step)).rem_euclid(count.into()) as u16;
            let mapping = Mapping { external, ..mapping };
            self.take_exactly(endpoint, mapping).ok().map(|()| mapping)
        });
        chosen.ok_or_else(|| {
            NetworkError::refused(HcnError::PortAlreadyExists, "every dynamic port of the host is in use")
        })
    }

    fn take_exactly(&mut self, endpoint: Guid, mapping: Mapping) -> Result<()> {
        if self.collides(&mapping) {
            return Err(NetworkError::refused(HcnError::PortAlreadyExists, format!("port {}", name(&mapping))));
        }
        let socket = match bind(&mapping) {
            Ok(socket) => Some(socket),
            Err(rustix::io::Errno::ADDRINUSE) => return Err(NetworkError::PortInUse { port: name(&mapping) }),
            // An address that the host does not have now may come; no family of version 6 is no reason to refuse version 4.
            Err(_) => None,
        };
        self.taken.insert(mapping.key(), Reservation { endpoint, _socket: socket });
        Ok(())
    }

    fn collides(&self, mapping: &Mapping) -> bool {
        let (transport, address, port) = mapping.key();
        match address {
            Some(_) => [address, None].iter().any(|address| self.taken.contains_key(&(transport, *address, port))),
            None => self.taken.keys().any(|taken| taken.0 == transport && taken.2 == port),
        }
    }

    /// Gives back the ports of an endpoint.
    pub(crate) fn release(&mut self, endpoint: Guid) {
        self.taken.retain(|_, reservation| reservation.endpoint != endpoint);
    }
}

fn name(mapping: &Mapping) -> String {
    let address = mapping.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    format!("{}/{}", SocketAddr::new(address, mapping.external), mapping.transport)
}

/// A socket that has the port and takes nothing that comes to it.
fn bind(mapping: &Mapping) -> Result<OwnedFd, rustix::io::Errno> {
    let address = mapping.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = match mapping.transport {
        Transport::Tcp => SocketType::STREAM,
        Transport::Udp => SocketType::DGRAM,
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddr::new(address, mapping.external))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_vswitch::Namespace;
    use std::net::TcpListener;

    fn tcp(address: Option<&str>, external: u16) -> Mapping {
        let address = address.map(|address| address.parse().unwrap());
        Mapping { transport: Transport::Tcp, address, external, internal: 80 }
    }

    #[test]
    fn a_port_belongs_to_one_endpoint_until_it_is_released() {
        Namespace::create()
            .unwrap()
            .run(|| {
                let (one, two) = (random::guid(), random::guid());
                let mut ports = Reservations::default();
                ports.take(one, tcp(None, 8080)).unwrap();
                let error = ports.take(two, tcp(None, 8080)).unwrap_err();
                assert_eq!(error.hresult().to_string(), "0x803b0013");
                assert!(ports.take(two, tcp(Some("127.0.0.1"), 8080)).is_err(), "all addresses hold this one");
                ports.take(two, Mapping { transport: Transport::Udp, ..tcp(None, 8080) }).unwrap();
                ports.release(one);
                ports.take(two, tcp(None, 8080)).unwrap();
                let chosen = ports.take(two, tcp(None, 0)).unwrap();
                assert!(DYNAMIC.contains(&chosen.external));
            })
            .unwrap();
    }

    #[test]
    fn ports_of_the_hosts_programs_are_left_alone() {
        Namespace::create()
            .unwrap()
            .run(|| {
                let program = TcpListener::bind("0.0.0.0:0").unwrap();
                let port = program.local_addr().unwrap().port();
                let mut ports = Reservations::default();
                let error = ports.take(random::guid(), tcp(None, port)).unwrap_err();
                assert!(matches!(error, NetworkError::PortInUse { .. }), "{error}");
                drop(program);
                ports.take(random::guid(), tcp(None, port)).unwrap();
                assert!(TcpListener::bind(("0.0.0.0", port)).is_err(), "a published port is nobody else's");
            })
            .unwrap();
    }
}
