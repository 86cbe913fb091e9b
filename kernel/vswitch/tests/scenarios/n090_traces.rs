//! When everything is gone the host is as it was.

use casement_vswitch::*;

use crate::world::*;

fn picture(world: &World) -> String {
    world
        .host
        .run(|| {
            let settings = [
                "/proc/sys/net/ipv4/ip_forward",
                "/proc/sys/net/ipv6/conf/all/forwarding",
                "/proc/sys/net/ipv6/conf/uplink/accept_ra",
                "/proc/sys/net/ipv4/conf/uplink/forwarding",
                "/proc/sys/net/ipv4/conf/uplink/route_localnet",
                "/proc/sys/net/ipv4/conf/all/accept_redirects",
            ];
            let settings: Vec<_> = settings.iter().map(|path| format!("{path} {}\n", read(path))).collect();
            let shown = ["-o link", "-o addr", "route", "-6 route", "neigh show nud permanent", "rule"].map(ip);
            [shown.concat(), nft("list ruleset"), settings.concat()].concat()
        })
        .unwrap()
}

#[track_caller]
fn same(after: &str, before: &str) {
    let only = |a: &str, b: &str| {
        a.lines().filter(|line| !b.lines().any(|other| other == *line)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!((only(after, before), only(before, after)), Default::default(), "what is new, and what is missing");
}

fn build(world: &World) -> Vec<(Network, Endpoint)> {
    let mut all = Vec::new();
    for (number, kind) in
        [(90, NetworkKind::Nat), (91, NetworkKind::Internal), (92, NetworkKind::Private), (93, NetworkKind::Nat)]
    {
        let mut network = network(kind, number);
        if kind == NetworkKind::Nat {
            let gateway = format!("fd00:{number}::1").parse().unwrap();
            network.subnets.push(Subnet { prefix: Prefix::new(gateway, 64).unwrap(), gateway: Some(gateway) });
        }
        world.network(&network);
        let mut endpoint = endpoint(&network, 2);
        endpoint.acls = vec![AclRule::new(Action::Allow, Direction::In, RuleType::Host, 1)];
        if kind == NetworkKind::Nat {
            endpoint.port_mappings = vec![PortMapping {
                transport: Transport::Tcp,
                host_address: None,
                host_port: 8000 + u16::from(number),
                endpoint_port: 80,
            }];
        }
        world.attach(&endpoint);
        all.push((network, endpoint));
    }
    all
}

#[test]
fn n090_one_after_the_other() {
    let world = World::new();
    let before = picture(&world);
    let all = build(&world);
    assert_ne!(picture(&world), before);
    let (network, endpoint) = &all[0];
    let error = world.on_host(|switch| switch.delete_network(network.id)).unwrap_err();
    assert!(matches!(error, VSwitchError::NetworkInUse { endpoints: 1, .. }), "{error}");
    assert!(world.on_host(|switch| switch.attach(endpoint.clone(), &Namespace::create().unwrap())).is_err());
    for (network, endpoint) in &all {
        // Twice: what is gone is no error.
        for _ in 0..2 {
            world.on_host(|switch| switch.detach(endpoint.id)).unwrap();
            world.on_host(|switch| switch.delete_network(network.id)).unwrap();
        }
    }
    same(&picture(&world), &before);
}

#[test]
fn n091_everything_at_once() {
    let world = World::new();
    let before = picture(&world);
    build(&world);
    world.on_host(|switch| switch.remove_everything()).unwrap();
    same(&picture(&world), &before);
    world.on_host(|switch| switch.remove_everything()).unwrap();
}

/// Forwarding that was on before, or that somebody else has come to need, stays on.
#[test]
fn n092_forwarding_stays_on_for_others() {
    let forwarding = |world: &World| world.host.run(|| read("/proc/sys/net/ipv4/ip_forward")).unwrap();
    let world = World::new();
    world.host.run(|| write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
    build(&world);
    world.on_host(|switch| switch.remove_everything()).unwrap();
    assert_eq!(forwarding(&world), "1");
    let world = World::new();
    build(&world);
    world
        .host
        .run(|| {
            nft("add table ip other");
            nft("add chain ip other forward { type filter hook forward priority 0 ; }");
        })
        .unwrap();
    world.on_host(|switch| switch.remove_everything()).unwrap();
    assert_eq!(forwarding(&world), "1");
}

/// A network or an endpoint that cannot be made leaves nothing.
#[test]
fn n093_failures_leave_nothing() {
    let world = World::new();
    let before = picture(&world);
    let network = network(NetworkKind::Nat, 94);
    world.host.run(|| ip("link add csb5e1111111111 type bridge")).unwrap();
    assert!(world.on_host(|switch| switch.create_network(network.clone())).is_err());
    world.host.run(|| ip("link del csb5e1111111111")).unwrap();
    assert_eq!(picture(&world), before);
    world.network(&network);
    let with_network = picture(&world);
    let a = endpoint(&network, 2);
    // The name of the adapter is taken in the namespace.
    let namespace = Namespace::create().unwrap();
    namespace.run(|| ip("link add eth0 type bridge")).unwrap();
    let error = world.on_host(|switch| switch.attach(a.clone(), &namespace)).unwrap_err();
    assert!(error.to_string().contains("eth0"), "{error}");
    assert_eq!(picture(&world), with_network);
    world.attach(&a);
    let mut b = endpoint(&network, 3);
    b.mac = a.mac;
    assert!(matches!(world.on_host(|s| s.attach(b.clone(), &namespace)), Err(VSwitchError::MacInUse { .. })));
    b = Endpoint { addresses: a.addresses.clone(), ..endpoint(&network, 3) };
    assert!(matches!(world.on_host(|s| s.attach(b.clone(), &namespace)), Err(VSwitchError::AddressInUse { .. })));
    for kind in [NetworkKind::Transparent, NetworkKind::L2Bridge, NetworkKind::L2Tunnel, NetworkKind::Overlay] {
        let other = Network { kind, id: id(95), ..network.clone() };
        assert!(matches!(world.on_host(|s| s.create_network(other)), Err(VSwitchError::UnsupportedKind(_))));
    }
    let overlapping = Network { id: id(95), ..network.clone() };
    assert!(matches!(world.on_host(|s| s.create_network(overlapping)), Err(VSwitchError::SubnetInUse { .. })));
}

/// A container has ended: what its endpoint had is free at once, and its port goes by itself.
#[test]
fn n094_what_a_released_endpoint_had_is_free_at_once() {
    let world = World::new();
    let network = network(NetworkKind::Nat, 96);
    world.network(&network);
    let mut a = endpoint(&network, 2);
    a.port_mappings =
        vec![PortMapping { transport: Transport::Tcp, host_address: None, host_port: 8080, endpoint_port: 80 }];
    let first = world.attach(&a);
    Mirror::listen(&first, ("0.0.0.0", 80));
    assert_eq!(tcp(&world.internet, HOST, 8080), INTERNET.parse::<std::net::IpAddr>().unwrap());
    world.on_host(|switch| switch.release(a.id)).unwrap();
    blocked(&world.internet, HOST, 8080);
    blocked(&first, INTERNET, 80);
    // The same addresses and port, for another endpoint.
    let b = Endpoint { id: id(97), ..a.clone() };
    let second = world.attach(&b);
    Mirror::listen(&second, ("0.0.0.0", 80));
    assert_eq!(tcp(&world.internet, HOST, 8080), INTERNET.parse::<std::net::IpAddr>().unwrap());
    world.on_host(|switch| switch.release(b.id)).unwrap();
    world.on_host(|switch| switch.release(b.id)).unwrap();
    world.switch.settle();
    let left = world.host.run(|| ip("-o link") + &ip("neigh show nud permanent") + &nft("list ruleset")).unwrap();
    for trace in ["csp", "10.96.0.2", "8080"] {
        assert!(!left.contains(trace), "{trace} is left: {left}");
    }
    // What was released is not in the way of a reconcile, nor of the end of its network.
    let third = world.attach(&a);
    world.on_host(|switch| switch.release(a.id)).unwrap();
    assert!(world.on_host(|switch| switch.repair()).unwrap().repairs.is_empty());
    world.on_host(|switch| switch.delete_network(network.id)).unwrap();
    drop(third);
}
