//! Speed of the switch beside CNI's `bridge` and `portmap`, and beside a bridge with nftables that was made by hand. Everything
//! runs in namespaces of its own; the contestants take turns, so that whatever else the machine does meets both.

#[path = "by_hand/raw.rs"]
mod raw;
#[allow(dead_code)]
#[path = "../tests/scenarios/world.rs"]
mod world;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use casement_vswitch::*;
use world::*;

const ENDPOINTS: usize = 500;
const CNI_ENDPOINTS: usize = 12;
const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(150);
const PORT: u16 = 5201;

fn main() {
    plumbing();
    traffic();
    // Last: the kernel is busy for long with removing what it has made.
    let (mut first, mut last) = by_raw_requests();
    first.sort();
    last.sort();
    println!("\n| A port without rules by raw requests | n | p50 ms | p95 ms |\n|---|---:|---:|---:|");
    for (what, times) in [("the first 50", first), ("the last 50 of 500", last)] {
        println!("| {what} | {} | {:.2} | {:.2} |", times.len(), at(&times, 50), at(&times, 95));
    }
}

fn big_network() -> Network {
    let gateway = IpAddr::from([10, 200, 0, 1]);
    let subnet = Subnet { prefix: Prefix::new(gateway, 16).unwrap(), gateway: Some(gateway) };
    let mut network = Network::new(id(200), NetworkKind::Nat, vec![subnet]);
    network.host_services.push(HostService { transport: Transport::Tcp, port: PORT });
    network
}

fn numbered(network: &Network, number: usize) -> Endpoint {
    let [high, low] = (number as u16 + 2).to_be_bytes();
    let mut bytes = id(201).to_bytes();
    (bytes[1], bytes[2]) = (high, low);
    let mac = MacAddress([0, 0x15, 0x5d, 0x70, high, low]);
    let mut endpoint =
        Endpoint::new(casement_schema::Guid::from_bytes(bytes), network, mac, &[[10, 200, high, low].into()]);
    let host_port = 20_000 + number as u16;
    let mapping = PortMapping { transport: Transport::Tcp, host_address: None, host_port, endpoint_port: PORT };
    endpoint.port_mappings.push(mapping);
    endpoint
}

fn plumbing() {
    let world = World::new();
    let network = big_network();
    world.network(&network);
    let (mut attach, mut detach, mut release, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..ENDPOINTS {
        let endpoint = numbered(&network, number);
        let (time, namespace) = world.on_host(|switch| {
            let started = Instant::now();
            let namespace = Namespace::create().unwrap();
            switch.attach(endpoint, &namespace).unwrap();
            (started.elapsed(), namespace)
        });
        attach.push(time);
        kept.push(namespace);
    }
    // By turns, the ones that the kernel still removes slowing down the others.
    for number in 0..50 {
        let (one, other) = (numbered(&network, number).id, numbered(&network, number + 50).id);
        let time = |how: fn(&VSwitch, casement_schema::Guid) -> Result<(), VSwitchError>, id| {
            world.on_host(|switch| {
                let started = Instant::now();
                how(switch, id).unwrap();
                started.elapsed()
            })
        };
        detach.push(time(VSwitch::detach, one));
        release.push(time(VSwitch::release, other));
        world.switch.settle();
    }
    let (first, last) = (attach[..50].to_vec(), attach[ENDPOINTS - 50..].to_vec());
    let started = Instant::now();
    world.on_host(|switch| switch.repair()).unwrap();
    let repair = started.elapsed();
    let (mut cni_add, mut cni_del) = (Vec::new(), Vec::new());
    let other = World::new();
    let leases = std::env::temp_dir().join(format!("casement-vswitch-bench-{}", std::process::id()));
    for number in 0..CNI_ENDPOINTS {
        let started = Instant::now();
        let namespace = Namespace::create().unwrap();
        let Some(result) = cni(&other, &namespace, &leases, "ADD", number, "bridge", None) else {
            println!("no CNI plugins in /usr/lib/cni (containernetworking-plugins): not compared");
            break;
        };
        cni(&other, &namespace, &leases, "ADD", number, "portmap", Some(&result)).unwrap();
        cni_add.push(started.elapsed());
        let started = Instant::now();
        cni(&other, &namespace, &leases, "DEL", number, "portmap", Some(&result)).unwrap();
        cni(&other, &namespace, &leases, "DEL", number, "bridge", Some(&result)).unwrap();
        cni_del.push(started.elapsed());
    }
    let _ = std::fs::remove_dir_all(leases);
    println!("\n| Endpoint with a published port, namespace included | n | p50 ms | p95 ms |\n|---|---:|---:|---:|");
    for (what, mut times) in [
        ("attach", attach.clone()),
        ("attach, the first 50", first),
        ("attach, the last 50 of 500", last),
        ("detach", detach),
        ("release, at the end of a container", release),
        ("CNI `bridge` + `portmap` ADD", cni_add.clone()),
        ("CNI DEL", cni_del),
    ] {
        times.sort();
        if !times.is_empty() {
            println!("| {what} | {} | {:.2} | {:.2} |", times.len(), at(&times, 50), at(&times, 95));
        }
    }
    attach.sort();
    cni_add.sort();
    println!("\nrepair with {} endpoints, nothing wrong: {:.0} ms", ENDPOINTS - 100, repair.as_secs_f64() * 1e3);
    if !cni_add.is_empty() {
        println!("attach to CNI ADD, p50: {:.3}", at(&attach, 50) / at(&cni_add, 50));
    }
}

/// What the kernel alone takes for the first and the last of as many ports on one bridge.
fn by_raw_requests() -> (Vec<Duration>, Vec<Duration>) {
    let host = Namespace::create().unwrap();
    let times = host.run(|| {
        let bridge = raw::Bridge::new("hands");
        let attach = |number| {
            let started = Instant::now();
            let namespace = Namespace::create().unwrap();
            bridge.attach(number, &namespace);
            (started.elapsed(), namespace)
        };
        (0..ENDPOINTS).map(attach).collect::<Vec<_>>()
    });
    let times: Vec<Duration> = times.unwrap().into_iter().map(|(time, _)| time).collect();
    (times[..50].to_vec(), times[ENDPOINTS - 50..].to_vec())
}

/// The value below which `percent` of the sorted times are, in milliseconds.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_secs_f64() * 1e3
}

/// Runs a CNI plugin in the host's namespace and returns its result.
fn cni(
    world: &World,
    namespace: &Namespace,
    leases: &std::path::Path,
    command: &str,
    number: usize,
    plugin: &str,
    previous: Option<&str>,
) -> Option<String> {
    let path = format!("/usr/lib/cni/{plugin}");
    if !std::path::Path::new(&path).exists() {
        return None;
    }
    let previous = previous.map(|result| format!(r#", "prevResult": {result}"#)).unwrap_or_default();
    let settings = if plugin == "bridge" {
        let ipam = format!(
            r#"{{"type": "host-local", "subnet": "10.210.0.0/16", "dataDir": "{}", "routes": [{{"dst": "0.0.0.0/0"}}]}}"#,
            leases.display()
        );
        format!(r#""bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": {ipam}"#)
    } else {
        let port = 30_000 + number;
        let mapping = format!(r#"{{"hostPort": {port}, "containerPort": 80, "protocol": "tcp"}}"#);
        format!(r#""capabilities": {{"portMappings": true}}, "runtimeConfig": {{"portMappings": [{mapping}]}}"#)
    };
    let input = format!(r#"{{"cniVersion": "0.4.0", "name": "bench", "type": "{plugin}", {settings}{previous}}}"#);
    let inside = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_fd().as_raw_fd());
    world
        .host
        .run(|| {
            let mut child = Command::new(&path)
                .env("CNI_COMMAND", command)
                .env("CNI_CONTAINERID", format!("bench{number}"))
                .env("CNI_NETNS", inside)
                .env("CNI_IFNAME", "eth0")
                .env("CNI_PATH", "/usr/lib/cni")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{plugin} {command}: {text}");
            Some(text)
        })
        .unwrap()
}

/// The set-up that somebody would make by hand: bridge, veth, masquerading, one dnat rule, no filter.
fn by_hand(world: &World) -> Namespace {
    let container = Namespace::create().unwrap();
    let inside = container.clone();
    world
        .host
        .run(|| {
            write("/proc/sys/net/ipv4/ip_forward", "1");
            ip("link add br0 type bridge");
            ip("addr add 10.201.0.1/24 dev br0");
            ip("link add port type veth peer name eth0");
            let mut holder = inside.run(|| Command::new("sleep").arg("1000").spawn().unwrap()).unwrap();
            ip(&format!("link set eth0 netns {}", holder.id()));
            holder.kill().unwrap();
            holder.wait().unwrap();
            ip("link set port master br0 up");
            ip("link set br0 up");
            nft("add table ip hand");
            nft("add chain ip hand pre { type nat hook prerouting priority -100 ; }");
            nft("add chain ip hand post { type nat hook postrouting priority 100 ; }");
            nft(&format!("add rule ip hand pre iifname uplink tcp dport 20000 dnat to 10.201.0.2:{PORT}"));
            nft("add rule ip hand post ip saddr 10.201.0.0/24 oifname != br0 masquerade");
        })
        .unwrap();
    container
        .run(|| {
            ip("addr add 10.201.0.2/24 dev eth0");
            ip("link set eth0 up");
            ip("route add default via 10.201.0.1");
        })
        .unwrap();
    container
}

/// Takes what comes, for each connection.
fn sink(namespace: &Namespace) {
    let listener = namespace.run(|| TcpListener::bind(("0.0.0.0", PORT)).unwrap()).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = vec![0; 256 << 10];
                while matches!(stream.read(&mut buffer), Ok(1..)) {}
            });
        }
    });
}

fn connect(from: &Namespace, to: SocketAddr) -> TcpStream {
    from.run(|| TcpStream::connect_timeout(&to, PATIENCE).unwrap()).unwrap()
}

/// Gigabits a second of one connection.
fn throughput(from: &Namespace, to: SocketAddr) -> f64 {
    let mut stream = connect(from, to);
    let (buffer, started, mut sent) = (vec![0; 256 << 10], Instant::now(), 0);
    while started.elapsed() < ROUND {
        sent += stream.write(&buffer).unwrap();
    }
    sent as f64 * 8e-9 / started.elapsed().as_secs_f64()
}

/// Connections a second, one after the other.
fn connections(from: &Namespace, to: SocketAddr) -> f64 {
    from.run(|| {
        let (started, mut count) = (Instant::now(), 0);
        while started.elapsed() < ROUND {
            drop(TcpStream::connect(to).unwrap());
            count += 1;
        }
        f64::from(count) / started.elapsed().as_secs_f64()
    })
    .unwrap()
}

fn traffic() {
    let (ours, hands) = (World::new(), World::new());
    let network = big_network();
    ours.network(&network);
    let container = ours.attach(&numbered(&network, 0));
    // The other endpoints are there, so that the sets are not empty.
    let _others: Vec<_> = (1..ENDPOINTS).map(|number| ours.attach(&numbered(&network, number))).collect();
    let by_hand = by_hand(&hands);
    for namespace in [&ours.host, &hands.host, &container, &by_hand] {
        sink(namespace);
    }
    let host = |address: [u8; 4]| SocketAddr::from((address, PORT));
    let published: SocketAddr = format!("{HOST}:20000").parse().unwrap();
    println!("\n| With {ENDPOINTS} endpoints, to one made by hand | ours | by hand | ratio |\n|---|---:|---:|---:|");
    type Measure = fn(&Namespace, SocketAddr) -> f64;
    type Way<'a> = (&'a Namespace, SocketAddr);
    let rows: [(&str, Measure, Way<'_>, Way<'_>); 4] = [
        (
            "container to host, Gbit/s",
            throughput,
            (&container, host([10, 200, 0, 1])),
            (&by_hand, host([10, 201, 0, 1])),
        ),
        ("published port, Gbit/s", throughput, (&ours.internet, published), (&hands.internet, published)),
        (
            "container to host, connections/s",
            connections,
            (&container, host([10, 200, 0, 1])),
            (&by_hand, host([10, 201, 0, 1])),
        ),
        ("published port, connections/s", connections, (&ours.internet, published), (&hands.internet, published)),
    ];
    for (what, measure, (from, to), (hand_from, hand_to)) in rows {
        // Each round has a ratio of its own, whoever is first in it, so that a moment in which the machine does something else counts
        // for both.
        let mut rounds: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|round| {
                if round % 2 == 0 {
                    let own = measure(from, to);
                    (own, measure(hand_from, hand_to))
                } else {
                    let hand = measure(hand_from, hand_to);
                    (measure(from, to), hand)
                }
            })
            .collect();
        rounds.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (own, other) = rounds[ROUNDS / 2];
        println!("| {what} | {own:.1} | {other:.1} | {:.2} |", own / other);
    }
}
