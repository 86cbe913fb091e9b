//! W5, W8: other containers, and servers of the host.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use casement_tests::Host;

use crate::attacker::{Answer, Attacker, parse};
use crate::processes::resting;

/// The path of wineserver's socket in a running container.
fn server_socket(host: &Host, id: &str) -> String {
    let output = host.casement(["exec", id, r"C:\t\linux.exe", "walk", "/run"]).succeeded();
    let sockets: Vec<&str> = output.lines().into_iter().filter(|line| line.starts_with("s ")).collect();
    assert_eq!(sockets.len(), 1, "one wineserver, its own: {output}");
    sockets[0].splitn(4, ' ').last().unwrap().to_owned()
}

fn connect(host: &Host, id: &str, words: &[&str]) -> Answer {
    let output = host.casement([&["exec", id, r"C:\t\linux.exe"], words].concat());
    parse(output.text()).unwrap_or_else(|| panic!("{output}"))
}

#[test]
fn w5_a_container_reaches_no_wineserver_but_its_own() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let (one, two) = (resting(&attacker, "one"), resting(&attacker, "two"));
    let (own, others) = (server_socket(host, &one), server_socket(host, &two));
    assert!(connect(host, &one, &["connect", &own]).is_ok(), "{own}");
    assert_ne!(own, others, "named after the prefix, of which each has its own");
    assert_eq!(connect(host, &one, &["connect", &others]), Err(libc::ENOENT));
    // Nor can the host's root be confused into serving it: nothing of the other's is in this one's files.
    let output = host.casement(["exec", &one, r"C:\t\linux.exe", "walk", "/silo/dosdevices"]).succeeded();
    assert!(!output.stdout.contains(&two));
}

#[test]
fn w5_objects_of_one_container_do_not_exist_in_another() {
    let attacker = Attacker::start();
    let host = &attacker.host;
    let (one, two) = (resting(&attacker, "one"), resting(&attacker, "two"));
    for (id, text) in [(&one, "first"), (&two, "second")] {
        let key = r"HKLM\Software\CasementProbe";
        let _ = host.casement(["exec", id, "reg", "add", key, "/v", "who", "/d", text, "/f"]).succeeded();
    }
    let says = |id: &str| {
        host.casement(["exec", id, "reg", "query", r"HKLM\Software\CasementProbe", "/v", "who"]).succeeded().stdout
    };
    assert!(says(&one).contains("first") && says(&two).contains("second"));
}

#[test]
fn w8_servers_of_the_host_cannot_be_reached() {
    let attacker = Attacker::start();
    let name = format!("casement-probe-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let network = attacker.host.network();
    let _abstract_server = network.within(|| UnixListener::bind_addr(&address).unwrap());
    assert!(network.within(|| UnixStream::connect_addr(&address).is_ok()));
    assert_eq!(attacker.linux(&["connect", &format!("@{name}")]), Err(libc::ECONNREFUSED));
    let server = network.within(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let port = server.local_addr().unwrap().port();
    assert!(network.within(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()));
    assert_eq!(attacker.linux(&["tcp", &port.to_string()]), Err(libc::ECONNREFUSED));
    let control = attacker.host.docker_socket();
    assert!(UnixStream::connect(&control).is_ok());
    assert_eq!(attacker.linux(&["connect", control.to_str().unwrap()]), Err(libc::ENOENT));
}
