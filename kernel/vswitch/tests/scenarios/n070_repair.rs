//! Somebody else flushes and deletes what is ours, and the daemon starts again: what is wrong is repaired, and what is right stays.

use casement_vswitch::*;

use crate::world::*;

fn published(endpoint_port: u16) -> Vec<PortMapping> {
    vec![PortMapping { transport: Transport::Tcp, host_address: None, host_port: 8080, endpoint_port }]
}

struct Running {
    world: World,
    network: Network,
    a: Endpoint,
    container: Namespace,
    out: Connection,
    inward: Connection,
}

impl Running {
    fn new(number: u8) -> Self {
        let world = World::new();
        let network = network(NetworkKind::Nat, number);
        world.network(&network);
        let mut a = endpoint(&network, 2);
        a.port_mappings = published(80);
        a.acls = vec![
            AclRule {
                protocols: vec![6],
                remote_ports: vec![25..=25],
                ..AclRule::new(Action::Block, Direction::Out, RuleType::Switch, 1)
            },
            AclRule {
                protocols: vec![6],
                remote_ports: vec![26..=26],
                ..AclRule::new(Action::Block, Direction::Out, RuleType::Host, 1)
            },
        ];
        let container = world.attach(&a);
        Mirror::listen(&container, (address(&a), 80));
        for port in [80, 25, 26] {
            Mirror::listen(&world.internet, (INTERNET, port));
        }
        let out = open(&container, INTERNET.parse().unwrap(), 80, PATIENCE).unwrap();
        let inward = open(&world.internet, HOST.parse().unwrap(), 8080, PATIENCE).unwrap();
        Self { world, network, a, container, out, inward }
    }

    fn desired(&self) -> Desired {
        Desired {
            networks: vec![self.network.clone()],
            attachments: vec![Attachment { endpoint: self.a.clone(), namespace: self.container.clone() }],
        }
    }

    /// Everything works: the old connections, new ones, and the policies.
    fn check(&mut self) {
        self.out.is_alive().unwrap();
        self.inward.is_alive().unwrap();
        self.works();
    }

    fn works(&self) {
        assert!(open(&self.container, INTERNET.parse().unwrap(), 80, PATIENCE).is_ok());
        assert!(open(&self.world.internet, HOST.parse().unwrap(), 8080, PATIENCE).is_ok());
        blocked(&self.container, INTERNET, 25);
        blocked(&self.container, INTERNET, 26);
    }
}

#[test]
fn n070_a_flush_of_the_packet_filter_is_repaired() {
    let mut running = Running::new(80);
    let bridge = "csb501111111111";
    let by_somebody_else = [
        ("flush ruleset", 3),
        ("delete table ip casement", 1),
        ("flush chain bridge casement from_port", 1),
        ("add rule ip casement host accept", 1),
        ("flush map ip casement published", 1),
        ("add element bridge casement stations { \"csp500211111111\" . 02:00:00:00:00:01 }", 1),
        ("delete rule ip casement forward handle LAST", 1),
    ];
    assert!(running.world.host.run(|| ip("-o link")).unwrap().contains(bridge));
    for (command, tables) in by_somebody_else {
        running
            .world
            .host
            .run(|| {
                if let Some(start) = command.strip_suffix(" handle LAST") {
                    let listed = nft_with_handles("list chain ip casement forward");
                    let handle = listed.lines().rev().find_map(|line| Some(line.split_once("# handle ")?.1)).unwrap();
                    nft(&format!("{start} handle {handle}"));
                } else {
                    nft(command);
                }
            })
            .unwrap();
        let done = running.world.on_host(|switch| switch.repair()).unwrap();
        assert!(done.failures.is_empty(), "{command}: {:?}", done.failures);
        assert_eq!(done.repairs.len(), tables, "{command}: {:?}", done.repairs);
        assert!(done.repairs.iter().all(|r| matches!(r, Repair::RulesWritten { .. })), "{command}: {:?}", done.repairs);
        running.check();
    }
    assert_eq!(running.world.on_host(|switch| switch.repair()).unwrap().repairs, []);
}

#[test]
fn n071_a_change_after_a_flush_writes_everything_again() {
    let running = Running::new(81);
    running.world.host.run(|| nft("flush ruleset")).unwrap();
    let mut a = running.a.clone();
    a.port_mappings.push(PortMapping { host_port: 8081, ..a.port_mappings[0] });
    running.world.on_host(|switch| switch.modify(a)).unwrap();
    running.works();
    assert!(open(&running.world.internet, HOST.parse().unwrap(), 8081, PATIENCE).is_ok());
}

/// As after kill -9 of the daemon: a new switch takes over what is there.
#[test]
fn n072_a_new_switch_takes_over_and_connections_stay() {
    let mut running = Running::new(82);
    running.world.switch = running.world.host.run(VSwitch::open).unwrap().unwrap();
    let desired = running.desired();
    let done = running.world.on_host(|switch| switch.reconcile(desired)).unwrap();
    assert!(done.failures.is_empty() && done.repairs.is_empty(), "{done:?}");
    running.check();
    running.world.on_host(|switch| switch.detach(running.a.id)).unwrap();
    running.world.on_host(|switch| switch.delete_network(running.network.id)).unwrap();
    let links = running.world.host.run(|| ip("-o link")).unwrap();
    assert!(!links.contains("csb") && !links.contains("csp"), "{links}");
}

#[test]
fn n073_interfaces_that_are_gone_are_made_again() {
    let running = Running::new(83);
    let (network, endpoint) = (running.network.id, running.a.id);
    for (command, repairs) in [
        ("link del csp530211111111", vec![Repair::EndpointMade(endpoint)]),
        ("link set csp530211111111 nomaster", vec![Repair::EndpointMade(endpoint)]),
        ("link set csp530211111111 down", vec![Repair::EndpointMade(endpoint)]),
        ("link del csb531111111111", vec![Repair::NetworkMade(network), Repair::EndpointMade(endpoint)]),
        ("addr del 10.83.0.1/24 dev csb531111111111", vec![Repair::NetworkMade(network)]),
        ("link set csb531111111111 down", vec![Repair::NetworkMade(network)]),
    ] {
        running.world.host.run(|| ip(command)).unwrap();
        let done = running.world.on_host(|switch| switch.repair()).unwrap();
        assert!(done.failures.is_empty(), "{command}: {:?}", done.failures);
        assert_eq!(done.repairs, repairs, "{command}");
        running.works();
    }
    for command in ["addr flush dev eth0", "link set eth0 down", "route del default"] {
        running.container.run(|| ip(command)).unwrap();
        let done = running.world.on_host(|switch| switch.repair()).unwrap();
        assert_eq!(done.repairs, [Repair::EndpointMade(endpoint)], "{command}: {done:?}");
        running.works();
    }
    running.container.run(|| nft("flush ruleset")).unwrap();
    running.world.on_host(|switch| switch.repair()).unwrap();
    running.world.host.run(|| write("/proc/sys/net/ipv4/ip_forward", "0")).unwrap();
    let done = running.world.on_host(|switch| switch.repair()).unwrap();
    assert_eq!(done.repairs, [Repair::NetworkMade(network)]);
    running.works();
}

#[test]
fn n074_what_nobody_describes_is_removed() {
    let running = Running::new(84);
    let mut desired = running.desired();
    desired.attachments.clear();
    let done = running.world.on_host(|switch| switch.reconcile(desired)).unwrap();
    assert!(done.repairs.contains(&Repair::OrphanRemoved { interface: "csp540211111111".to_owned() }), "{done:?}");
    blocked(&running.world.internet, HOST, 8080);
    let neighbours = running.world.host.run(|| ip("neigh show nud permanent")).unwrap();
    assert!(!neighbours.contains("10.84."), "{neighbours}");
    let done = running.world.on_host(|switch| switch.reconcile(Desired::default())).unwrap();
    assert!(done.repairs.contains(&Repair::OrphanRemoved { interface: "csb541111111111".to_owned() }), "{done:?}");
    assert_eq!(running.world.host.run(|| nft("list ruleset")).unwrap(), "");
    assert_eq!(running.world.host.run(|| read("/proc/sys/net/ipv4/ip_forward")).unwrap(), "0");
    // What looks like ours and is not stays.
    running.world.host.run(|| ip("link add csb541111111111 type bridge")).unwrap();
    running.world.on_host(|switch| switch.reconcile(Desired::default())).unwrap();
    assert!(running.world.host.run(|| ip("-o link")).unwrap().contains("csb541111111111"));
    let error = running.world.on_host(|switch| switch.create_network(running.network.clone())).unwrap_err();
    assert!(matches!(error, VSwitchError::InterfaceTaken { .. }), "{error}");
    assert!(running.world.host.run(|| ip("-o link")).unwrap().contains("csb541111111111"));
}
