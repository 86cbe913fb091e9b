//! Names end to end: a Windows program looks something up, and a name server beyond the host is asked.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

use casement_tests::{Host, Network, Output};

const HOST: &str = "203.0.113.10";
/// The name server's address.
const INTERNET: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const NODE: &str = r"C:\t\real\node\node.exe";
/// Prints how many addresses a name has, and the first.
const LOOK_UP: &str =
    "require('dns').lookup(process.argv[1],{all:true,family:4},(e,a)=>console.log(e?e.code:a.length+' '+a[0].address))";
/// Bytes of a message before its question, and where its flags are.
const HEAD: usize = 12;
const TRUNCATED: u8 = 0x02;
const RESPONSE: u8 = 0x84;
const NO_SUCH_NAME: u8 = 3;

/// The name that a question asks for, and the length of the question.
fn question(message: &[u8]) -> (String, usize) {
    let (mut name, mut at) = (Vec::new(), HEAD);
    while message[at] != 0 {
        let length = usize::from(message[at]);
        name.push(String::from_utf8_lossy(&message[at + 1..=at + length]).to_ascii_lowercase());
        at += 1 + length;
    }
    // The closing zero, type and class.
    (name.join("."), at + 5 - HEAD)
}

/// What a server answers that knows two names below `corp.example`: `db` has its own address, `many` has a hundred, which is more than
/// a datagram holds.
fn respond(message: &[u8], by_datagram: bool) -> Vec<u8> {
    let (name, length) = question(message);
    let asks_for_v4 = message[HEAD + length - 4..HEAD + length - 2] == [0, 1];
    let addresses: Vec<Ipv4Addr> = match name.as_str() {
        "db.corp.example" => vec![INTERNET],
        "many.corp.example" => (1..=100).map(|last| Ipv4Addr::new(198, 51, 100, last)).collect(),
        _ => Vec::new(),
    };
    let code = if addresses.is_empty() { NO_SUCH_NAME } else { 0 };
    let cut = by_datagram && addresses.len() > 1;
    let addresses = if cut || !asks_for_v4 { Vec::new() } else { addresses };
    let flags = [RESPONSE | if cut { TRUNCATED } else { 0 } | message[2] & 1, 0x80 | code];
    let count = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    let mut answer = [&message[..2], &flags, &[0, 1], &count, &[0; 4], &message[HEAD..HEAD + length]].concat();
    for address in addresses {
        // The name of the question, A, IN, a minute, four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

/// A name server in a network until the process ends.
fn serve_names(network: &Network) {
    let at = (IpAddr::V4(INTERNET), 53);
    let (socket, listener) = network.within(|| (UdpSocket::bind(at).unwrap(), TcpListener::bind(at).unwrap()));
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&respond(&buffer[..length], true), from);
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut message).unwrap();
                let answer = respond(&message, false);
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
        }
    });
}

fn world(host: &Host) -> Network {
    let world = host.network().beyond_uplink(HOST.parse().unwrap(), INTERNET.into(), 24);
    serve_names(&world);
    world
}

fn run(host: &Host, flags: &[&str], words: &[&str]) -> Output {
    let volume = host.programs_volume();
    host.docker([&["run", "--rm", "-v", &volume, "--dns", "203.0.113.1"], flags, &["nanoserver"], words].concat())
}

#[test]
fn names_are_looked_for_with_the_suffixes_of_the_container() {
    let host = Host::start();
    let _world = world(&host);
    let ping = ["ping", "-n", "1", "db"];
    let found = run(&host, &["--dns-search", "corp.example"], &ping).succeeded();
    assert!(found.stdout.contains(&format!("[{INTERNET}]")) && found.stdout.contains("Reply from"), "{found}");
    let without = run(&host, &[], &ping);
    assert_ne!(without.code(), 0, "only the suffix leads to it: {without}");
    // The suffix of a network holds for those in it, and for the names of containers too.
    let suffix = "com.docker.network.windowsshim.dnssuffix=corp.example";
    let _ = host.docker(["network", "create", "-o", suffix, "corp"]).succeeded();
    let found = run(&host, &["--network", "corp"], &ping).succeeded();
    assert!(found.stdout.contains("Reply from"), "{found}");
    let _ = host.docker(["run", "-d", "-i", "--network", "corp", "--name", "web", "nanoserver", "cmd"]).succeeded();
    let found = run(&host, &["--network", "corp"], &["ping", "-n", "1", "web.corp.example"]).succeeded();
    assert!(found.stdout.contains("Reply from"), "{found}");
    let shown = run(&host, &["--dns-search", "corp.example"], &["ipconfig", "/all"]).succeeded();
    assert!(shown.stdout.contains("corp.example"), "{shown}");
}

#[test]
fn what_does_not_fit_a_datagram_is_asked_for_again_on_a_connection() {
    let host = Host::start();
    let _world = world(&host);
    let few = run(&host, &[], &[NODE, "-e", LOOK_UP, "db.corp.example"]).succeeded();
    assert_eq!(few.text(), "1 203.0.113.1");
    let many = run(&host, &[], &[NODE, "-e", LOOK_UP, "many.corp.example"]).succeeded();
    assert!(many.text().starts_with("100 198.51.100."), "{many}");
    let none = run(&host, &[], &[NODE, "-e", LOOK_UP, "nobody.corp.example"]).succeeded();
    assert_eq!(none.text(), "ENOTFOUND");
}
