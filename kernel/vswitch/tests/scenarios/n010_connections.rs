//! Who reaches whom.

use std::net::IpAddr;

use casement_schema::Guid;
use casement_vswitch::*;

use crate::world::*;

/// The endpoint of the example in Microsoft's talk, with exactly its parameters.
#[test]
fn n010_the_endpoint_of_the_example() {
    let world = World::new();
    let subnet = Subnet { prefix: "192.168.48.0/20".parse().unwrap(), gateway: "192.168.48.1".parse().ok() };
    let pool = MacPool::new([("00-15-5D-70-30-00".parse().unwrap(), "00-15-5D-70-3F-FF".parse().unwrap())]).unwrap();
    let mac: MacAddress = "00-15-5D-70-38-C8".parse().unwrap();
    assert!(pool.contains(mac));
    let network_id: Guid = "7864c6c9-b77c-4d67-8d1a-ed4007d7d50a".parse().unwrap();
    let network = Network::new(network_id, NetworkKind::Nat, vec![subnet]);
    world.network(&network);
    let endpoint = Endpoint::new(id(9), &network, mac, &["192.168.51.62".parse().unwrap()]);
    let container = world.attach(&endpoint);
    let (link, addresses, routes) =
        container.run(|| (ip("-o link show eth0"), ip("-o addr show eth0"), ip("route"))).unwrap();
    assert!(link.contains("link/ether 00:15:5d:70:38:c8") && link.contains("mtu 1500"), "{link}");
    assert!(addresses.contains("inet 192.168.51.62/20 brd 192.168.63.255"), "{addresses}");
    assert!(routes.contains("default via 192.168.48.1 dev eth0"), "{routes}");
    let adapters = world.on_host(|switch| switch.adapters()).unwrap();
    let bridge = adapters.iter().find(|a| a.endpoint.is_none()).unwrap();
    assert_eq!((bridge.network, bridge.name.as_str(), bridge.up), (network_id, "csb7864c6c9b77c", true));
    let gateway = InterfaceAddress { address: "192.168.48.1".parse().unwrap(), prefix_length: 20 };
    assert!(bridge.addresses.contains(&gateway), "{:?}", bridge.addresses);
    assert_eq!(adapters.iter().filter(|a| a.endpoint == Some(endpoint.id)).count(), 1);
    Mirror::listen(&world.internet, (INTERNET, 80));
    assert_eq!(tcp(&container, INTERNET, 80), HOST.parse::<IpAddr>().unwrap());
}

#[test]
fn n011_peers_reach_each_other_and_the_world_sees_the_host() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 20);
    world.network(&network);
    let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_b, (address(&b), 80));
    Mirror::listen(&world.internet, (INTERNET, 80));
    assert_eq!(tcp(&container_a, "10.20.0.3", 80), address(&a));
    assert_eq!(udp(&container_a, "10.20.0.3", 80).unwrap(), address(&a));
    assert_eq!(tcp(&container_a, INTERNET, 80), HOST.parse::<IpAddr>().unwrap());
    assert_eq!(udp(&container_a, INTERNET, 80).unwrap(), HOST.parse::<IpAddr>().unwrap());
    let statistics = world.on_host(|switch| switch.statistics(a.id)).unwrap();
    assert!(statistics.packets_sent > 8 && statistics.packets_received > 8, "{statistics:?}");
}

#[test]
fn n012_two_nat_networks_do_not_reach_each_other() {
    let world = World::new();
    let (first, second) = (network(NetworkKind::Nat, 21), network(NetworkKind::Nat, 22));
    world.network(&first);
    world.network(&second);
    let (a, b, c) = (endpoint(&first, 2), endpoint(&second, 2), endpoint(&second, 3));
    let (container_a, container_b, container_c) = (world.attach(&a), world.attach(&b), world.attach(&c));
    Mirror::listen(&container_b, (address(&b), 80));
    assert_eq!(tcp(&container_c, "10.22.0.2", 80), address(&c));
    blocked(&container_a, "10.22.0.2", 80);
    assert!(udp(&container_a, "10.22.0.2", 80).is_err());
    // Not even the other network's gateway.
    Mirror::listen(&world.host, ("10.22.0.1", 53));
    assert_eq!(tcp(&container_b, "10.22.0.1", 53), address(&b));
    blocked(&container_a, "10.22.0.1", 53);
}

#[test]
fn n013_isolated_endpoints_reach_the_world_but_not_each_other() {
    let world = World::new();
    let mut network = network(NetworkKind::Nat, 23);
    network.isolated = true;
    world.network(&network);
    let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_b, (address(&b), 80));
    Mirror::listen(&world.internet, (INTERNET, 80));
    assert_eq!(tcp(&container_a, INTERNET, 80), HOST.parse::<IpAddr>().unwrap());
    assert_eq!(tcp(&world.host, "10.23.0.3", 80), "10.23.0.1".parse::<IpAddr>().unwrap());
    blocked(&container_a, "10.23.0.3", 80);
    // Nor by way of the gateway.
    container_a.run(|| ip("route add 10.23.0.3/32 via 10.23.0.1 dev eth0")).unwrap();
    blocked(&container_a, "10.23.0.3", 80);
}

#[test]
fn n014_an_internal_network_has_peers_and_the_host_but_no_way_out() {
    let world = World::new();
    let network = network(NetworkKind::Internal, 24);
    world.network(&network);
    let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_b, (address(&b), 80));
    Mirror::listen(&world.host, ("10.24.0.1", 53));
    Mirror::listen(&world.internet, (INTERNET, 80));
    assert_eq!(tcp(&container_a, "10.24.0.3", 80), address(&a));
    assert_eq!(tcp(&container_a, "10.24.0.1", 53), address(&a));
    blocked(&container_a, INTERNET, 80);
    assert_eq!(world.host.run(|| read("/proc/sys/net/ipv4/ip_forward")).unwrap(), "0");
    // Also on a host that forwards.
    world.host.run(|| write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
    blocked(&container_a, INTERNET, 80);
    world.internet.run(|| ip("route add 10.24.0.0/24 via 203.0.113.10")).unwrap();
    blocked(&world.internet, "10.24.0.3", 80);
}

#[test]
fn n015_a_private_network_has_peers_only() {
    let world = World::new();
    let network = network(NetworkKind::Private, 25);
    world.network(&network);
    let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_b, (address(&b), 80));
    assert_eq!(tcp(&container_a, "10.25.0.3", 80), address(&a));
    let routes = container_a.run(|| ip("route")).unwrap();
    assert!(!routes.contains("default"), "{routes}");
    // A route of the container's own making leads to nothing of the host's.
    container_a.run(|| ip("route add default via 10.25.0.3 dev eth0")).unwrap();
    Mirror::listen(&world.host, (HOST, 80));
    blocked(&container_a, HOST, 80);
}

/// Frames between endpoints pass the host's IP hooks or not, as the host has it: the result is the same.
#[test]
fn n016_bridged_frames_may_be_filtered_or_not() {
    for filtered in ["0", "1"] {
        let world = World::new();
        let path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        if world.host.run(|| !std::path::Path::new(path).exists()).unwrap() {
            eprintln!("the kernel has no br_netfilter: frames are never filtered");
            return;
        }
        world.host.run(|| write(path, filtered)).unwrap();
        let network = network(NetworkKind::Nat, 26);
        world.network(&network);
        let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
        let (container_a, container_b) = (world.attach(&a), world.attach(&b));
        Mirror::listen(&container_b, (address(&b), 80));
        Mirror::listen(&world.internet, (INTERNET, 80));
        assert_eq!(tcp(&container_a, "10.26.0.3", 80), address(&a), "filtered: {filtered}");
        assert_eq!(tcp(&container_a, INTERNET, 80), HOST.parse::<IpAddr>().unwrap());
    }
}

/// The world does not reach an endpoint by its own address, even if it has a route there.
#[test]
fn n017_endpoints_are_not_reached_from_outside() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 27);
    world.network(&network);
    let a = endpoint(&network, 2);
    let container = world.attach(&a);
    Mirror::listen(&container, (address(&a), 80));
    assert_eq!(tcp(&world.host, "10.27.0.2", 80), "10.27.0.1".parse::<IpAddr>().unwrap());
    world.internet.run(|| ip("route add 10.27.0.0/24 via 203.0.113.10")).unwrap();
    blocked(&world.internet, "10.27.0.2", 80);
}

/// The bridge answers for its stations: others do not even see the question.
#[test]
fn n018_neighbours_are_not_asked() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 28);
    world.network(&network);
    let (a, b, c) = (endpoint(&network, 2), endpoint(&network, 3), endpoint(&network, 4));
    let (container_a, container_b, container_c) = (world.attach(&a), world.attach(&b), world.attach(&c));
    Mirror::listen(&container_b, (address(&b), 80));
    let listener = Raw::open(&container_c, "eth0");
    assert_eq!(tcp(&container_a, "10.28.0.3", 80), address(&a));
    // A question about nobody goes to all: had there been one about b, it would have come before.
    let asker = Raw::open(&container_a, "eth0");
    let nobody = (MacAddress([0; 6]), "10.28.0.99".parse().unwrap());
    asker.send(&ethernet(MacAddress([0xff; 6]), a.mac, 0x0806, &arp(1, (a.mac, address(&a)), nobody)));
    let first = listener.receive(|frame| frame[12..14] == [8, 6]);
    assert_eq!(first[38..42], [10, 28, 0, 99], "{first:x?}");
}

#[test]
fn n019_outbound_nat_has_exceptions_and_addresses() {
    let world = World::new();
    world.host.run(|| ip("addr add 203.0.113.77/24 dev uplink")).unwrap();
    world
        .internet
        .run(|| {
            ip("addr add 198.51.100.1/32 dev lo");
            ip("route add 10.29.0.0/24 via 203.0.113.10");
        })
        .unwrap();
    let network = network(NetworkKind::Nat, 29);
    world.network(&network);
    let mut a = endpoint(&network, 2);
    a.outbound_nat.exceptions = vec!["198.51.100.0/24".parse().unwrap()];
    let mut b = endpoint(&network, 3);
    b.outbound_nat.virtual_addresses = vec!["203.0.113.77".parse().unwrap()];
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&world.internet, ("0.0.0.0", 80));
    assert_eq!(tcp(&container_a, INTERNET, 80), HOST.parse::<IpAddr>().unwrap());
    assert_eq!(tcp(&container_a, "198.51.100.1", 80), address(&a));
    assert_eq!(tcp(&container_b, INTERNET, 80), "203.0.113.77".parse::<IpAddr>().unwrap());
    assert_eq!(tcp(&container_b, "198.51.100.1", 80), "203.0.113.77".parse::<IpAddr>().unwrap());
}
