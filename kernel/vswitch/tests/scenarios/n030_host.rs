//! What an endpoint reaches of the host: the services that its network has at the gateway, and nothing else.

use std::net::IpAddr;

use casement_vswitch::*;

use crate::world::*;

#[test]
fn n030_only_the_allowed_services_of_the_host_are_reached() {
    let world = World::new();
    let mut network = network(NetworkKind::Nat, 40);
    network.host_services.push(HostService { transport: Transport::Tcp, port: 8888 });
    world.network(&network);
    let a = endpoint(&network, 2);
    let container = world.attach(&a);
    // Services as they are: at all addresses, so the name server and the allowed port are at others too.
    for port in [53, 8888, 2375, 22] {
        Mirror::listen(&world.host, ("0.0.0.0", port));
    }
    assert_eq!(tcp(&container, "10.40.0.1", 53), address(&a));
    assert_eq!(udp(&container, "10.40.0.1", 53).unwrap(), address(&a));
    assert_eq!(tcp(&container, "10.40.0.1", 8888), address(&a));
    for at in ["10.40.0.1", HOST] {
        // The daemon's socket, were it open, and a shell.
        blocked(&container, at, 2375);
        blocked(&container, at, 22);
        assert!(udp(&container, at, 8888).is_err());
    }
    blocked(&container, HOST, 53);
    blocked(&container, HOST, 8888);
    assert!(udp(&container, HOST, 53).is_err());
    // They are there for others.
    assert_eq!(tcp(&world.internet, HOST, 2375), INTERNET.parse::<IpAddr>().unwrap());
}

#[test]
fn n031_the_gateway_answers_a_ping_and_the_hosts_other_addresses_do_not() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 41);
    world.network(&network);
    let a = endpoint(&network, 2);
    let container = world.attach(&a);
    let raw = Raw::open(&container, "eth0");
    let ping =
        |to: &str| raw.send(&ethernet(network.bridge_mac(), a.mac, 0x0800, &ping(address(&a), to.parse().unwrap())));
    let answer = || {
        let frame = raw.receive(|f| f[12..14] == [8, 0] && f[23] == 1 && f[30..34] == [10, 41, 0, 2]);
        IpAddr::from([frame[26], frame[27], frame[28], frame[29]]).to_string()
    };
    ping(HOST);
    ping("10.41.0.1");
    assert_eq!(answer(), "10.41.0.1");
    ping(INTERNET);
    assert_eq!(answer(), INTERNET);
}

/// Somebody on the host's own link sends to a port that is published at 127.0.0.1 only (CVE-2020-8558 and its like).
#[test]
fn n032_what_is_published_at_localhost_is_not_reached_from_the_link() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 42);
    world.network(&network);
    let mut a = endpoint(&network, 2);
    let local = PortMapping {
        transport: Transport::Tcp,
        host_address: Some([127, 0, 0, 1].into()),
        host_port: 8080,
        endpoint_port: 80,
    };
    a.port_mappings = vec![local];
    let container = world.attach(&a);
    Mirror::listen(&container, (address(&a), 80));
    assert_eq!(tcp(&world.host, "127.0.0.1", 8080), "10.42.0.1".parse::<IpAddr>().unwrap());
    blocked(&world.internet, HOST, 8080);
    world
        .internet
        .run(|| {
            write("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
            ip("addr del 127.0.0.1/8 dev lo");
            ip("route add 127.0.0.0/8 via 203.0.113.10 dev world");
            ip("rule add pref 0 to 127.0.0.0/8 lookup main");
        })
        .unwrap();
    let listener = Raw::open(&world.host, "uplink");
    blocked(&world.internet, "127.0.0.1", 8080);
    // It was sent, so it was the host that did not take it.
    let seen = listener.receive(|frame| frame[12..14] == [8, 0] && frame[30..34] == [127, 0, 0, 1]);
    assert_eq!(seen[36..38], 8080u16.to_be_bytes());
}

/// Where clouds tell a machine its secrets (attack N1). The world beyond has these addresses here.
#[test]
fn n033_metadata_of_the_machine_is_the_hosts_alone() {
    const METADATA: [&str; 4] = ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200"];
    let world = World::new();
    let network = network(NetworkKind::Nat, 43);
    world.network(&network);
    let container = world.attach(&endpoint(&network, 2));
    world
        .internet
        .run(|| METADATA.iter().for_each(|address| drop(ip(&format!("addr add {address}/32 dev lo")))))
        .unwrap();
    Mirror::listen(&world.internet, ("0.0.0.0", 80));
    assert_eq!(tcp(&container, INTERNET, 80), HOST.parse::<IpAddr>().unwrap(), "the world is reached");
    for address in METADATA {
        assert_eq!(tcp(&world.host, address, 80), HOST.parse::<IpAddr>().unwrap(), "{address} is there for the host");
        blocked(&container, address, 80);
    }
}
