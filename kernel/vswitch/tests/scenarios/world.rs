//! A host, a network beyond it, and what is needed to send packets between them: all in namespaces that go with the test.
#![allow(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use casement_schema::Guid;
use casement_vswitch::*;

/// How long something is waited for that has to come.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long something is waited for that must not come. What may come is tried in the same test.
pub const BLOCKED: Duration = Duration::from_millis(250);

/// The host's address on the uplink, and an address of the world beyond.
pub const HOST: &str = "203.0.113.10";
pub const INTERNET: &str = "203.0.113.1";

/// A host with an uplink, and the other end of it.
pub struct World {
    pub host: Namespace,
    pub internet: Namespace,
    pub switch: VSwitch,
}

impl World {
    pub fn new() -> Self {
        let (host, internet) = (Namespace::create().unwrap(), Namespace::create().unwrap());
        let peer = internet.clone();
        host.run(|| {
            ip("link set lo up");
            write("/proc/sys/net/ipv4/ip_forward", "0");
            ip("link add uplink type veth peer name world");
            ip("addr add 203.0.113.10/24 dev uplink");
            ip("addr add 2001:db8::10/64 dev uplink nodad");
            // Its addresses are there at once and stay as they are.
            write("/proc/sys/net/ipv6/conf/uplink/accept_dad", "0");
            ip("link set uplink up");
            // By a process inside the other namespace.
            let mut holder = peer.run(|| Command::new("sleep").arg("1000").spawn().unwrap()).unwrap();
            ip(&format!("link set world netns {}", holder.id()));
            holder.kill().unwrap();
            holder.wait().unwrap();
            ip("route add default via 203.0.113.1");
        })
        .unwrap();
        internet
            .run(|| {
                ip("link set lo up");
                ip("addr add 203.0.113.1/24 dev world");
                ip("addr add 2001:db8::1/64 dev world nodad");
                ip("link set world up");
            })
            .unwrap();
        let switch = host.run(VSwitch::open).unwrap().unwrap();
        Self { host, internet, switch }
    }

    /// Runs on a thread inside the host's namespace, where the switch has to be used.
    pub fn on_host<T: Send>(&self, work: impl FnOnce(&VSwitch) -> T + Send) -> T {
        self.host.run(|| work(&self.switch)).unwrap()
    }

    pub fn network(&self, network: &Network) {
        self.on_host(|switch| switch.create_network(network.clone())).unwrap();
    }

    /// Attaches an endpoint in a new namespace.
    pub fn attach(&self, endpoint: &Endpoint) -> Namespace {
        let namespace = Namespace::create().unwrap();
        self.on_host(|switch| switch.attach(endpoint.clone(), &namespace)).unwrap();
        namespace
    }
}

/// The id with this number.
pub fn id(number: u8) -> Guid {
    let mut bytes = [0x11; 16];
    bytes[0] = number;
    Guid::from_bytes(bytes)
}

/// A network with one IPv4 subnet of 24 bits, `10.number.0.0/24`.
pub fn network(kind: NetworkKind, number: u8) -> Network {
    let gateway = IpAddr::from([10, number, 0, 1]);
    let subnet = Subnet {
        prefix: Prefix::new(gateway, 24).unwrap(),
        gateway: (kind != NetworkKind::Private).then_some(gateway),
    };
    Network::new(id(number), kind, vec![subnet])
}

/// Endpoint `number` of a network of [`network`], with address `10.x.0.number`.
pub fn endpoint(network: &Network, number: u8) -> Endpoint {
    let IpAddr::V4(prefix) = network.subnets[0].prefix.address() else { panic!("no ipv4 subnet") };
    let [a, b, c, _] = prefix.octets();
    let mac = MacAddress([0x00, 0x15, 0x5d, 0x70, b, number]);
    let mut bytes = network.id.to_bytes();
    bytes[1] = number;
    Endpoint::new(Guid::from_bytes(bytes), network, mac, &[IpAddr::from([a, b, c, number])])
}

pub fn address(endpoint: &Endpoint) -> IpAddr {
    endpoint.addresses[0].address
}

/// Runs `ip` with arguments in the namespace of the calling thread.
pub fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("ip (iproute2) is needed: {error}"));
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `nft` with a line of its language in the namespace of the calling thread.
pub fn nft(line: &str) -> String {
    nft_of(&[line])
}

/// As [`nft`], with the numbers by which rules can be deleted.
pub fn nft_with_handles(line: &str) -> String {
    nft_of(&["-a", line])
}

fn nft_of(arguments: &[&str]) -> String {
    let output = Command::new("nft").args(arguments).output().unwrap_or_else(|error| panic!("nft is needed: {error}"));
    assert!(output.status.success(), "nft {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn write(path: &str, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_owned()
}

/// A server that tells each TCP client and each UDP packet its address.
pub struct Mirror;

impl Mirror {
    /// Listens in a namespace until the process ends.
    pub fn listen(namespace: &Namespace, at: impl std::net::ToSocketAddrs + Send + Sync) {
        let (listener, socket) = namespace
            .run(|| {
                let at = at.to_socket_addrs().unwrap().next().unwrap();
                (TcpListener::bind(at).unwrap(), UdpSocket::bind(at).unwrap())
            })
            .unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut text = stream.peer_addr().unwrap().ip().to_string();
                    text.push('\n');
                    let _ = stream.write_all(text.as_bytes());
                    // Then whatever comes goes back.
                    let mut buffer = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(from.ip().to_string().as_bytes(), from);
            }
        });
    }
}

/// An open connection to a [`Mirror`].
pub struct Connection {
    stream: TcpStream,
    /// Who the mirror says that the client is.
    pub seen_as: IpAddr,
}

impl Connection {
    /// Sends something and waits for it to come back.
    pub fn is_alive(&mut self) -> io::Result<()> {
        self.stream.write_all(b"ping")?;
        let mut answer = [0; 4];
        self.stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"ping");
        Ok(())
    }
}

/// Connects from a namespace by TCP.
pub fn open(from: &Namespace, to: IpAddr, port: u16, patience: Duration) -> io::Result<Connection> {
    let mut stream = from.run(|| TcpStream::connect_timeout(&SocketAddr::new(to, port), patience)).unwrap()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte != *b"\n" {
        text.push(byte[0]);
    }
    let seen_as = String::from_utf8(text).unwrap().parse().map_err(io::Error::other)?;
    Ok(Connection { stream, seen_as })
}

/// Who a mirror sees when a namespace connects by TCP.
pub fn tcp(from: &Namespace, to: &str, port: u16) -> IpAddr {
    let opened = open(from, to.parse().unwrap(), port, PATIENCE);
    opened.unwrap_or_else(|error| panic!("tcp to {to}:{port}: {error}")).seen_as
}

/// Who a mirror sees when a namespace asks by UDP.
pub fn udp(from: &Namespace, to: &str, port: u16) -> io::Result<IpAddr> {
    let to: IpAddr = to.parse().unwrap();
    let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = from.run(|| UdpSocket::bind(any).unwrap()).unwrap();
    let mut buffer = [0; 64];
    // The first packet may come before the neighbour is known; a blocked one gets the same number of tries.
    socket.set_read_timeout(Some(BLOCKED))?;
    let mut result = Err(io::ErrorKind::TimedOut.into());
    for _ in 0..3 {
        socket.send_to(b"?", (to, port))?;
        result = socket.recv_from(&mut buffer).map(|(length, _)| length);
        if result.is_ok() {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&buffer[..result?]).parse().unwrap())
}

/// Fails unless the connection cannot be made.
#[track_caller]
pub fn blocked(from: &Namespace, to: &str, port: u16) {
    let tried = open(from, to.parse().unwrap(), port, BLOCKED);
    assert!(tried.is_err(), "tcp to {to}:{port} is not blocked");
}

/// A packet socket on an interface.
pub struct Raw {
    fd: OwnedFd,
    index: i32,
}

impl Raw {
    pub fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace
            .run(|| {
                let name = std::ffi::CString::new(interface).unwrap();
                // SAFETY: the name is a C string; the socket is ours and gets an address of its own size.
                unsafe {
                    let index = libc::if_nametoindex(name.as_ptr()) as i32;
                    assert!(index > 0, "no interface {interface}");
                    let protocol = (libc::ETH_P_ALL as u16).to_be();
                    let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol.into());
                    assert!(fd >= 0, "{}", io::Error::last_os_error());
                    let fd = OwnedFd::from_raw_fd(fd);
                    let mut at: libc::sockaddr_ll = std::mem::zeroed();
                    at.sll_family = libc::AF_PACKET as u16;
                    at.sll_protocol = protocol;
                    at.sll_ifindex = index;
                    let size = size_of_val(&at) as u32;
                    assert_eq!(libc::bind(fd.as_raw_fd(), (&raw const at).cast(), size), 0);
                    let wait = libc::timeval { tv_sec: PATIENCE.as_secs() as i64, tv_usec: 0 };
                    let size = size_of_val(&wait) as u32;
                    let set = libc::setsockopt(
                        fd.as_raw_fd(),
                        libc::SOL_SOCKET,
                        libc::SO_RCVTIMEO,
                        (&raw const wait).cast(),
                        size,
                    );
                    assert_eq!(set, 0);
                    Self { fd, index }
                }
            })
            .unwrap()
    }

    pub fn send(&self, frame: &[u8]) {
        // SAFETY: the address is of its own size and the frame lives through the call.
        let sent = unsafe {
            let mut to: libc::sockaddr_ll = std::mem::zeroed();
            to.sll_family = libc::AF_PACKET as u16;
            to.sll_ifindex = self.index;
            to.sll_halen = 6;
            let size = size_of_val(&to) as u32;
            libc::sendto(self.fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0, (&raw const to).cast(), size)
        };
        assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
    }

    /// The next incoming frame that `wanted` likes.
    pub fn receive(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut buffer = [0u8; 2048];
        loop {
            // SAFETY: the kernel writes at most the buffer's length.
            let length = unsafe { libc::recv(self.fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            assert!(length >= 0, "no frame came: {}", io::Error::last_os_error());
            if wanted(&buffer[..length as usize]) {
                return buffer[..length as usize].to_vec();
            }
        }
    }
}

/// An Ethernet frame.
pub fn ethernet(to: MacAddress, from: MacAddress, kind: u16, content: &[u8]) -> Vec<u8> {
    [&to.0, &from.0, &kind.to_be_bytes()[..], content].concat()
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u32 = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !sum as u16
}

/// An ICMP echo request.
pub fn ping(from: IpAddr, to: IpAddr) -> Vec<u8> {
    let mut echo = vec![8, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum(&[&echo]);
    echo[2..4].copy_from_slice(&sum.to_be_bytes());
    // In place of a UDP packet's header.
    let mut packet = udp_packet(from, to, (0, 0), &[]);
    packet.truncate(20);
    packet[9] = 1;
    packet[10..12].copy_from_slice(&[0, 0]);
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(echo);
    packet
}

/// A UDP packet over IPv4 or IPv6.
pub fn udp_packet(from: IpAddr, to: IpAddr, ports: (u16, u16), content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 8) as u16;
    let head = [ports.0.to_be_bytes(), ports.1.to_be_bytes(), length.to_be_bytes(), [0; 2]].concat();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0];
            ip[2..4].copy_from_slice(&(length + 20).to_be_bytes());
            ip.extend(from.octets());
            ip.extend(to.octets());
            let sum = checksum(&[&ip]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            // A checksum of zero is none.
            [&ip[..], &head, content].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6_packet(from, to, 17, &[&head[..], content].concat(), 6),
        _ => panic!("two families"),
    }
}

/// A packet over IPv6 whose checksum is at an offset.
pub fn ipv6_packet(
    from: std::net::Ipv6Addr,
    to: std::net::Ipv6Addr,
    protocol: u8,
    content: &[u8],
    at: usize,
) -> Vec<u8> {
    let length = content.len() as u16;
    let sum = checksum(&[&from.octets(), &to.octets(), &[0, 0], &length.to_be_bytes(), &[0, 0, 0, protocol], content]);
    let mut content = content.to_vec();
    content[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend(length.to_be_bytes());
    ip.extend([protocol, 255]);
    ip.extend(from.octets());
    ip.extend(to.octets());
    ip.extend(content);
    ip
}

/// An ARP packet: operation 1 asks, 2 answers.
pub fn arp(operation: u16, sender: (MacAddress, IpAddr), target: (MacAddress, IpAddr)) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => panic!("arp is for ipv4"),
    };
    let mut packet = vec![0, 1, 8, 0, 6, 4];
    packet.extend(operation.to_be_bytes());
    for (mac, ip) in [sender, target] {
        packet.extend(mac.0);
        packet.extend(octets(ip));
    }
    packet
}
