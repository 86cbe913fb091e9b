//! Published ports.

use std::net::IpAddr;

use casement_vswitch::*;

use crate::world::*;

fn published(transport: Transport, host_port: u16, endpoint_port: u16) -> PortMapping {
    PortMapping { transport, host_address: None, host_port, endpoint_port }
}

#[test]
fn n040_a_published_port_is_reached_from_everywhere() {
    reached_from_everywhere("1");
}

#[test]
fn n045_a_published_port_is_reached_from_everywhere_where_bridged_frames_are_not_filtered() {
    reached_from_everywhere("0");
}

fn reached_from_everywhere(filtered: &str) {
    let mut world = World::new();
    let path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if world.host.run(|| std::path::Path::new(path).exists()).unwrap() {
        world.host.run(|| write(path, filtered)).unwrap();
        world.switch = world.host.run(VSwitch::open).unwrap().unwrap();
    }
    let (first, second) = (network(NetworkKind::Nat, 50), network(NetworkKind::Nat, 51));
    world.network(&first);
    world.network(&second);
    let mut a = endpoint(&first, 2);
    a.port_mappings = vec![published(Transport::Tcp, 8080, 80), published(Transport::Udp, 8081, 80)];
    let (b, c) = (endpoint(&first, 3), endpoint(&second, 2));
    let (container_a, container_b, container_c) = (world.attach(&a), world.attach(&b), world.attach(&c));
    Mirror::listen(&container_a, (address(&a), 80));
    let world_address: IpAddr = INTERNET.parse().unwrap();
    let gateway: IpAddr = "10.50.0.1".parse().unwrap();
    // From outside, with the client's own address.
    assert_eq!(tcp(&world.internet, HOST, 8080), world_address);
    assert_eq!(udp(&world.internet, HOST, 8081).unwrap(), world_address);
    // From the host, over localhost and by its address.
    assert_eq!(tcp(&world.host, "127.0.0.1", 8080), gateway);
    assert_eq!(udp(&world.host, "127.0.0.1", 8081).unwrap(), gateway);
    assert_eq!(tcp(&world.host, HOST, 8080), HOST.parse::<IpAddr>().unwrap());
    // From a neighbour, from the endpoint itself, and from another network.
    assert_eq!(tcp(&container_b, HOST, 8080), gateway);
    assert_eq!(udp(&container_b, HOST, 8081).unwrap(), gateway);
    assert_eq!(tcp(&container_b, "10.50.0.1", 8080), gateway);
    assert_eq!(tcp(&container_a, HOST, 8080), gateway);
    assert_eq!(tcp(&container_c, HOST, 8080), gateway);
    // Only what is published.
    blocked(&world.internet, HOST, 80);
    assert!(udp(&world.internet, HOST, 8080).is_err());
    // A port of that number elsewhere in the world is not the host's.
    Mirror::listen(&world.internet, (INTERNET, 8080));
    assert_eq!(tcp(&container_b, INTERNET, 8080), HOST.parse::<IpAddr>().unwrap());
}

#[test]
fn n041_a_port_can_be_published_at_one_address() {
    let world = World::new();
    world.host.run(|| ip("addr add 203.0.113.77/24 dev uplink")).unwrap();
    let network = network(NetworkKind::Nat, 52);
    world.network(&network);
    let (mut a, mut b) = (endpoint(&network, 2), endpoint(&network, 3));
    let at = |address: &str| PortMapping { host_address: address.parse().ok(), ..published(Transport::Tcp, 8080, 80) };
    a.port_mappings = vec![at(HOST)];
    b.port_mappings = vec![at("203.0.113.77")];
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_a, (address(&a), 80));
    assert_eq!(tcp(&world.internet, HOST, 8080), INTERNET.parse::<IpAddr>().unwrap());
    blocked(&world.internet, "203.0.113.77", 8080);
    Mirror::listen(&container_b, (address(&b), 80));
    assert_eq!(tcp(&world.internet, "203.0.113.77", 8080), INTERNET.parse::<IpAddr>().unwrap());
    blocked(&world.host, "127.0.0.1", 8080);
}

#[test]
fn n042_a_port_is_published_once() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 53);
    world.network(&network);
    let (mut a, mut b) = (endpoint(&network, 2), endpoint(&network, 3));
    a.port_mappings = vec![published(Transport::Tcp, 8080, 80)];
    world.attach(&a);
    let at_one = PortMapping { host_address: HOST.parse().ok(), ..published(Transport::Tcp, 8080, 81) };
    for mapping in [published(Transport::Tcp, 8080, 81), at_one] {
        b.port_mappings = vec![mapping];
        let namespace = Namespace::create().unwrap();
        let error = world.on_host(|switch| switch.attach(b.clone(), &namespace)).unwrap_err();
        assert_eq!(error.to_string(), format!("tcp port 8080 is published already by endpoint {}", a.id));
    }
    b.port_mappings = vec![published(Transport::Udp, 8080, 80)];
    world.attach(&b);
    b.port_mappings.push(published(Transport::Udp, 8080, 81));
    assert!(world.on_host(|switch| switch.modify(b.clone())).is_err());
}

/// Whoever publishes port 53 does not become the name server of the neighbours.
#[test]
fn n043_a_published_port_does_not_take_the_gateways_place() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 54);
    world.network(&network);
    let (mut a, b) = (endpoint(&network, 2), endpoint(&network, 3));
    a.port_mappings = vec![published(Transport::Udp, 53, 53)];
    let (container_a, container_b) = (world.attach(&a), world.attach(&b));
    Mirror::listen(&container_a, (address(&a), 53));
    Mirror::listen(&world.host, ("10.54.0.1", 53));
    // The container's mirror would see the gateway's address.
    assert_eq!(udp(&container_b, "10.54.0.1", 53).unwrap(), address(&b));
    assert_eq!(udp(&container_b, HOST, 53).unwrap(), "10.54.0.1".parse::<IpAddr>().unwrap());
}

#[test]
fn n044_ports_come_and_go_while_connections_stay() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 55);
    world.network(&network);
    let mut a = endpoint(&network, 2);
    let container = world.attach(&a);
    Mirror::listen(&container, (address(&a), 80));
    Mirror::listen(&world.internet, (INTERNET, 80));
    let mut out = open(&container, INTERNET.parse().unwrap(), 80, PATIENCE).unwrap();
    blocked(&world.internet, HOST, 8080);
    a.port_mappings = vec![published(Transport::Tcp, 8080, 80)];
    world.on_host(|switch| switch.modify(a.clone())).unwrap();
    let mut inward = open(&world.internet, HOST.parse().unwrap(), 8080, PATIENCE).unwrap();
    a.port_mappings = vec![published(Transport::Tcp, 8081, 80)];
    world.on_host(|switch| switch.modify(a.clone())).unwrap();
    blocked(&world.internet, HOST, 8080);
    assert_eq!(tcp(&world.internet, HOST, 8081), INTERNET.parse::<IpAddr>().unwrap());
    inward.is_alive().unwrap();
    out.is_alive().unwrap();
    world.on_host(|switch| switch.detach(a.id)).unwrap();
    blocked(&world.internet, HOST, 8081);
    let mut changed = a.clone();
    changed.mac = MacAddress([0, 0x15, 0x5d, 9, 9, 9]);
    assert!(world.on_host(|switch| switch.modify(changed)).is_err(), "an endpoint that is not attached cannot change");
}
