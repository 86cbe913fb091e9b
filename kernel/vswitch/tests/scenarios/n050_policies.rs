//! ACL policies and limits of bandwidth.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use casement_vswitch::*;

use crate::world::*;

fn rule(action: Action, direction: Direction, place: RuleType, priority: u16) -> AclRule {
    AclRule::new(action, direction, place, priority)
}

fn prefix(text: &str) -> AddressRange {
    text.parse::<Prefix>().unwrap().into()
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Two containers, of which the second serves at ports 80 and 81, and the means to change the first's policies.
struct Pair {
    world: World,
    a: Endpoint,
    b: Endpoint,
    container_a: Namespace,
    container_b: Namespace,
}

impl Pair {
    fn new(number: u8) -> Self {
        let world = World::new();
        let network = network(NetworkKind::Nat, number);
        world.network(&network);
        let (a, b) = (endpoint(&network, 2), endpoint(&network, 3));
        let (container_a, container_b) = (world.attach(&a), world.attach(&b));
        for port in [80, 81] {
            Mirror::listen(&container_a, (address(&a), port));
            Mirror::listen(&container_b, (address(&b), port));
        }
        Self { world, a, b, container_a, container_b }
    }

    fn policies(&self, acls: Vec<AclRule>) {
        let changed = Endpoint { acls, ..self.a.clone() };
        self.world.on_host(|switch| switch.modify(changed)).unwrap();
    }

    fn out(&self, port: u16) -> bool {
        open(&self.container_a, address(&self.b), port, BLOCKED).is_ok()
    }

    fn inward(&self, port: u16) -> bool {
        open(&self.container_b, address(&self.a), port, BLOCKED).is_ok()
    }

    fn out_udp(&self, port: u16) -> bool {
        udp(&self.container_a, &address(&self.b).to_string(), port).is_ok()
    }
}

#[test]
fn n050_switch_policies_block_by_direction_protocol_and_port() {
    let pair = Pair::new(60);
    assert!(pair.out(80) && pair.out(81) && pair.inward(80) && pair.out_udp(80), "without policies all is open");
    let mut block = rule(Action::Block, Direction::Out, RuleType::Switch, 100);
    block.protocols = vec![TCP];
    block.remote_ports = vec![80..=80];
    pair.policies(vec![block.clone()]);
    assert!(!pair.out(80) && pair.out(81) && pair.inward(80) && pair.out_udp(80));
    block.protocols = vec![UDP];
    pair.policies(vec![block.clone()]);
    assert!(pair.out(80) && !pair.out_udp(80) && pair.out_udp(81));
    // Without protocols, ports are those of TCP and UDP.
    block.protocols = Vec::new();
    block.remote_ports = vec![70..=79, 81..=90];
    pair.policies(vec![block.clone()]);
    assert!(pair.out(80) && !pair.out(81) && pair.out_udp(80) && !pair.out_udp(81));
    let mut block = rule(Action::Block, Direction::In, RuleType::Switch, 100);
    block.protocols = vec![TCP];
    block.local_ports = vec![80..=80];
    pair.policies(vec![block]);
    assert!(!pair.inward(80) && pair.inward(81) && pair.out(80));
    pair.policies(Vec::new());
    assert!(pair.out(80) && pair.inward(80));
}

#[test]
fn n051_lower_numbers_come_first_and_block_before_allow() {
    let pair = Pair::new(61);
    let block_all = |priority| rule(Action::Block, Direction::Out, RuleType::Switch, priority);
    let allow_80 = |priority| AclRule {
        protocols: vec![TCP],
        remote_ports: vec![80..=80],
        ..rule(Action::Allow, Direction::Out, RuleType::Switch, priority)
    };
    pair.policies(vec![block_all(200), allow_80(100)]);
    assert!(pair.out(80) && !pair.out(81));
    pair.policies(vec![block_all(100), allow_80(200)]);
    assert!(!pair.out(80) && !pair.out(81));
    pair.policies(vec![allow_80(100), block_all(100)]);
    assert!(!pair.out(80), "of two with one number the one that blocks comes first");
}

#[test]
fn n052_policies_go_by_address() {
    let pair = Pair::new(62);
    Mirror::listen(&pair.world.internet, (INTERNET, 80));
    let out = |to: &str| open(&pair.container_a, to.parse::<IpAddr>().unwrap(), 80, BLOCKED).is_ok();
    let mut block = rule(Action::Block, Direction::Out, RuleType::Switch, 100);
    block.remote_addresses = vec![prefix("10.62.0.0/24"), prefix("fd00::/8")];
    pair.policies(vec![block.clone()]);
    assert!(!out("10.62.0.3") && out(INTERNET));
    block.remote_addresses = vec![AddressRange { first: INTERNET.parse().unwrap(), last: HOST.parse().unwrap() }];
    pair.policies(vec![block.clone()]);
    assert!(out("10.62.0.3") && !out(INTERNET));
    // Another's address on the endpoint's own side matches nothing.
    block.local_addresses = vec![prefix("10.62.0.3")];
    pair.policies(vec![block.clone()]);
    assert!(out(INTERNET));
    block.local_addresses = vec![prefix("10.62.0.2"), prefix("10.62.0.9")];
    pair.policies(vec![block]);
    assert!(!out(INTERNET));
}

/// Policies of type Host know connections: what answers an allowed one passes.
#[test]
fn n053_host_policies_hold_in_the_namespace_by_connection() {
    let pair = Pair::new(63);
    let block_in = rule(Action::Block, Direction::In, RuleType::Host, 1000);
    let allow_81 = AclRule {
        protocols: vec![TCP],
        local_ports: vec![81..=81],
        ..rule(Action::Allow, Direction::In, RuleType::Host, 100)
    };
    pair.policies(vec![block_in.clone(), allow_81]);
    assert!(pair.out(80), "the answers to its own connections reach it");
    assert!(!pair.inward(80) && pair.inward(81));
    // At the switch, which looks at each packet, the same rule keeps the answers out too.
    pair.policies(vec![AclRule { rule_type: RuleType::Switch, ..block_in }]);
    assert!(!pair.out(80) && !pair.inward(81));
    pair.policies(Vec::new());
    assert!(pair.out(80) && pair.inward(80));
    let rules = pair.container_a.run(|| nft("list tables")).unwrap();
    assert!(!rules.contains("casement"), "{rules}");
}

/// A change of policies is one step: while they are exchanged, nothing that both block comes through.
#[test]
fn n054_policies_change_without_a_gap() {
    let pair = Pair::new(64);
    let block = |priority| AclRule {
        remote_addresses: vec![prefix("10.62.0.0/24"), prefix("10.64.0.0/24")],
        ..rule(Action::Block, Direction::Out, RuleType::Switch, priority)
    };
    pair.policies(vec![block(1)]);
    let socket = pair.container_b.run(|| std::net::UdpSocket::bind((address(&pair.b), 4000)).unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let sender = pair.container_a.run(|| std::net::UdpSocket::bind(("0.0.0.0", 0)).unwrap()).unwrap();
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| (2..60).for_each(|priority| pair.policies(vec![block(priority)])));
        while !changes.is_finished() {
            let _ = sender.send_to(b"leak", (address(&pair.b), 4000));
        }
    });
    assert!(socket.recv(&mut [0; 8]).is_err(), "a packet came through");
    pair.policies(Vec::new());
    assert!(pair.out_udp(80));
}

#[test]
fn n055_bandwidth_out_is_limited_and_bandwidth_in_is_not() {
    const RATE: u64 = 4 << 20;
    const LENGTH: u64 = 3 << 20;
    let world = World::new();
    let network = network(NetworkKind::Nat, 65);
    world.network(&network);
    let mut a = endpoint(&network, 2);
    a.maximum_outgoing_bandwidth = Some(RATE);
    let container = world.attach(&a);
    let duration = |from: &Namespace, to: &Namespace, at: IpAddr| -> Duration {
        let listener = to.run(|| TcpListener::bind((at, 0)).unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut stream = from.run(|| TcpStream::connect((at, port)).unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let started = Instant::now();
        let sender = std::thread::spawn(move || stream.write_all(&vec![7; LENGTH as usize]).unwrap());
        let mut received = Vec::new();
        accepted.read_to_end(&mut received).unwrap();
        sender.join().unwrap();
        assert_eq!(received.len() as u64, LENGTH);
        started.elapsed()
    };
    // The bucket holds 64 KiB to begin with; the rest comes at the rate and no faster. A slow machine only takes longer.
    let least = Duration::from_secs_f64((LENGTH - (256 << 10)) as f64 / RATE as f64);
    let out = duration(&container, &world.internet, INTERNET.parse().unwrap());
    assert!(out >= least, "{out:?} is too fast for the limit");
    let inward = duration(&world.host, &container, address(&a));
    assert!(inward < out, "in {inward:?}, out {out:?}");
    // Without the limit it is as fast as the other way.
    world.on_host(|switch| switch.modify(Endpoint { maximum_outgoing_bandwidth: None, ..a.clone() })).unwrap();
    let free = duration(&container, &world.internet, INTERNET.parse().unwrap());
    assert!(free < out, "without a limit {free:?}, with one {out:?}");
}
