//! A network namespace for one host: what its daemon makes of interfaces, addresses and rules ends with it.
#![allow(unsafe_code)]

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// What the names of the ports of virtual switches begin with.
const SWITCH_PORT: &str = "csp";

/// A network namespace that lives as long as this value, or anything that runs in it.
#[derive(Debug)]
pub struct Network {
    namespace: File,
}

impl Network {
    /// A new one, in which only the loopback interface is, and is up.
    ///
    /// # Panics
    /// When this is not root.
    pub fn new() -> Self {
        let made = std::thread::spawn(|| {
            // SAFETY: only the network of this thread changes, which ends at once.
            let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            assert_eq!(result, 0, "make a network namespace: {}", std::io::Error::last_os_error());
            loopback_up();
            File::open("/proc/thread-self/ns/net").expect("open the network namespace")
        });
        Self { namespace: made.join().expect("a network namespace") }
    }

    /// That of a process.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn of_process(pid: u32) -> Self {
        let namespace = File::open(format!("/proc/{pid}/ns/net")).expect("the network namespace of a process");
        Self { namespace }
    }

    /// Another one beyond a router's uplink: this one gets the interface `uplink` with the first address, the new one the
    /// interface `world` with the second; both have this many bits.
    ///
    /// # Panics
    /// When `ip` (iproute2) is not there, or refuses.
    pub fn beyond_uplink(&self, here: IpAddr, there: IpAddr, prefix_length: u8) -> Self {
        let other = Self::new();
        let place = format!("/proc/{}/fd/{}", std::process::id(), other.namespace.as_raw_fd());
        self.ip(&format!("link add uplink type veth peer name world netns {place}"));
        for (network, address, interface) in [(self, here, "uplink"), (&other, there, "world")] {
            network.ip(&format!("addr add {address}/{prefix_length} dev {interface}"));
            network.ip(&format!("link set {interface} up"));
        }
        self.ip(&format!("route add default via {there}"));
        other
    }

    /// What `ip` with these arguments, separated by blanks, prints here.
    ///
    /// # Panics
    /// When it is not there, or refuses.
    pub fn ip(&self, arguments: &str) -> String {
        let output =
            self.enter(Command::new("ip").args(arguments.split(' '))).output().expect("ip (iproute2) is needed");
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The ports of virtual switches that are here: interfaces of endpoints.
    pub fn switch_ports(&self) -> Vec<String> {
        let listed = self.within(|| std::fs::read_to_string("/proc/thread-self/net/dev").expect("interfaces"));
        let names = listed.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
        names.filter(|name| name.starts_with(SWITCH_PORT)).collect()
    }

    /// Starts a command in this namespace.
    pub fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let namespace = self.namespace.try_clone().expect("a descriptor");
        let enter = move || move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        // SAFETY: between fork and exec only a system call is made, which allocates nothing and takes no lock.
        unsafe { command.pre_exec(move || enter().map_err(Into::into)) }
    }

    /// Does something in this namespace, on a thread of its own. Sockets that it makes stay there.
    ///
    /// # Panics
    /// When it does.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("enter the network namespace");
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

fn loopback_up() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // SAFETY: ifreq is plain data for which all zeroes is valid; the call reads only that struct.
    let result = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    };
    assert_eq!(result, 0, "bring up the loopback interface: {}", std::io::Error::last_os_error());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_listens_inside_is_reached_only_from_inside() {
        let network = Network::new();
        let listener = network.within(|| TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        network.within(|| TcpStream::connect(address).unwrap());
        let elsewhere = Network::new();
        elsewhere.within(|| TcpStream::connect(address).unwrap_err());
        let listed = network.enter(Command::new("cat").arg("/proc/net/dev")).output().unwrap();
        let devices = String::from_utf8(listed.stdout).unwrap();
        assert_eq!(devices.lines().skip(2).count(), 1, "{devices}");
    }
}
