//! What the kernel takes for a bridge's ports: veth pairs that are made with as few requests as there can be, and no rules.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use casement_vswitch::Namespace;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
/// REQUEST and ACK.
const ASK: u16 = 0x5;
/// CREATE and EXCL besides.
const MAKE: u16 = 0x605;
const NESTED: u16 = 0x8000;
const IFF_UP: u32 = 1;
/// The number of the first adapter in a namespace, after the loopback interface.
const ADAPTER: u32 = 2;

/// A bridge in the namespace of the thread that makes it.
pub struct Bridge {
    socket: OwnedFd,
    index: u32,
}

impl Bridge {
    pub fn new(name: &str) -> Self {
        let socket = socket();
        let kind = nest(18, &text(1, "bridge"));
        ask(&socket, &message(NEW_LINK, MAKE, &[link(0, 0), text(3, name), kind].concat()));
        ask(&socket, &message(NEW_LINK, ASK, &[link(0, IFF_UP), text(3, name)].concat()));
        let index = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"));
        let index = index.map_or_else(|_| index_of(name), |text| text.trim().parse().unwrap());
        Self { socket, index }
    }

    /// A port with its adapter in a namespace, as ready as one of the switch's.
    pub fn attach(&self, number: usize, namespace: &Namespace) {
        let [high, low] = (number as u16 + 2).to_be_bytes();
        let port = format!("hand{number}");
        let place = attribute(28, &(namespace.as_fd().as_raw_fd() as u32).to_ne_bytes());
        let mac = attribute(1, &[0, 0x15, 0x5d, 0x71, high, low]);
        let peer = nest(1, &[link(0, 0), text(3, "eth0"), mac, place].concat());
        let kind = nest(18, &[text(1, "veth"), nest(2, &peer)].concat());
        let master = attribute(10, &self.index.to_ne_bytes());
        ask(&self.socket, &message(NEW_LINK, MAKE, &[link(0, 0), text(3, &port), master, kind].concat()));
        let inside = namespace.run(socket).unwrap();
        for interface in [1, ADAPTER] {
            ask(&inside, &message(NEW_LINK, ASK, &link(interface, IFF_UP)));
        }
        let address = attribute(2, &[10, 220, high, low]);
        let head = [&[2, 16, 0, 0][..], &ADAPTER.to_ne_bytes()].concat();
        ask(&inside, &message(NEW_ADDRESS, MAKE, &[head, address].concat()));
        let route = [&[2, 0, 0, 0, 254, 4, 0, 1][..], &[0; 4], &attribute(5, &[10, 220, 0, 1])].concat();
        ask(&inside, &message(NEW_ROUTE, MAKE, &route));
        ask(&self.socket, &message(NEW_LINK, ASK, &[link(0, IFF_UP), text(3, &port)].concat()));
    }
}

#[expect(unsafe_code, reason = "a system call without pointers to anything that is not a text")]
fn index_of(name: &str) -> u32 {
    let name = std::ffi::CString::new(name).unwrap();
    // SAFETY: the name ends with a zero.
    unsafe { libc::if_nametoindex(name.as_ptr()) }
}

#[expect(unsafe_code, reason = "the bench needs a socket of its own, beside the switch's")]
fn socket() -> OwnedFd {
    // SAFETY: a call without pointers; the descriptor is nobody else's.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as above.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[expect(unsafe_code, reason = "reads and writes buffers of its own")]
fn ask(socket: &OwnedFd, message: &[u8]) {
    let mut answer = [0_u8; 4096];
    // SAFETY: the kernel reads the message and writes into the answer, each with its length.
    let received = unsafe {
        libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), 0);
        libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0)
    };
    assert!(received >= 20, "{}", io::Error::last_os_error());
    let code = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    assert_eq!(code, 0, "{}", io::Error::from_raw_os_error(-code));
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = (16 + body.len()) as u32;
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8], body].concat()
}

fn link(index: u32, flags: u32) -> Vec<u8> {
    [&[0; 4][..], &index.to_ne_bytes(), &flags.to_ne_bytes(), &flags.to_ne_bytes()].concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&((value.len() + 4) as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), &[0]].concat())
}

fn nest(kind: u16, value: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, value)
}
