//! Networks with an IPv6 subnet beside the IPv4 one.

use std::net::IpAddr;

use casement_vswitch::*;

use crate::world::*;

const HOST6: &str = "2001:db8::10";
const INTERNET6: &str = "2001:db8::1";

fn dual(number: u8) -> Network {
    let mut network = network(NetworkKind::Nat, number);
    let gateway: IpAddr = format!("fd00:{number}::1").parse().unwrap();
    network.subnets.push(Subnet { prefix: Prefix::new(gateway, 64).unwrap(), gateway: Some(gateway) });
    network
}

fn both(network: &Network, number: u8) -> Endpoint {
    let four = endpoint(network, number);
    let IpAddr::V6(prefix) = network.subnets[1].prefix.address() else { panic!("no ipv6 subnet") };
    let mut octets = prefix.octets();
    octets[15] = number;
    Endpoint::new(four.id, network, four.mac, &[address(&four), octets.into()])
}

#[test]
fn n060_ipv6_goes_where_ipv4_goes() {
    let world = World::new();
    let (first, second) = (dual(70), dual(71));
    world.network(&first);
    world.network(&second);
    let (mut a, b, c) = (both(&first, 2), both(&first, 3), both(&second, 2));
    a.port_mappings =
        vec![PortMapping { transport: Transport::Tcp, host_address: None, host_port: 8080, endpoint_port: 80 }];
    let (container_a, container_b, container_c) = (world.attach(&a), world.attach(&b), world.attach(&c));
    for container in [&container_a, &container_b] {
        Mirror::listen(container, ("::", 80));
    }
    Mirror::listen(&world.internet, (INTERNET6, 80));
    let of = |endpoint: &Endpoint| endpoint.addresses[1].address;
    // Peers, the world, the published port, and the same in IPv4.
    assert_eq!(
        tcp(&container_a, "fd00:70::3", 80),
        of(&b).to_string().replace("::3", "::2").parse::<IpAddr>().unwrap()
    );
    assert_eq!(tcp(&container_a, INTERNET6, 80), HOST6.parse::<IpAddr>().unwrap());
    assert_eq!(tcp(&world.internet, HOST6, 8080), INTERNET6.parse::<IpAddr>().unwrap());
    assert_eq!(tcp(&container_b, HOST6, 8080), "fd00:70::1".parse::<IpAddr>().unwrap());
    assert!(open(&world.internet, HOST.parse().unwrap(), 8080, PATIENCE).is_ok());
    // Not another network, not the endpoint's own address from outside, not the host's other services.
    blocked(&container_c, "fd00:70::3", 80);
    world.internet.run(|| ip("-6 route add fd00:70::/64 via 2001:db8::10")).unwrap();
    blocked(&world.internet, "fd00:70::3", 80);
    for port in [53, 2375] {
        Mirror::listen(&world.host, ("::", port));
    }
    assert_eq!(tcp(&container_a, "fd00:70::1", 53), of(&a));
    blocked(&container_a, "fd00:70::1", 2375);
    blocked(&container_a, HOST6, 53);
}

/// An endpoint without an IPv6 address does not get one, and sends nothing in IPv6.
#[test]
fn n061_without_an_ipv6_subnet_there_is_no_ipv6() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 72);
    world.network(&network);
    let container = world.attach(&endpoint(&network, 2));
    let addresses = container.run(|| ip("-6 -o addr show dev eth0")).unwrap();
    assert_eq!(addresses, "");
    let bridge = world.host.run(|| ip("-6 -o addr show")).unwrap();
    assert!(!bridge.contains("csb") && !bridge.contains("csp"), "{bridge}");
    assert_eq!(world.host.run(|| read("/proc/sys/net/ipv6/conf/all/forwarding")).unwrap(), "0");
}
