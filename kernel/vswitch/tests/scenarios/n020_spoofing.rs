//! Attacks N1: an endpoint that sends in somebody else's name. Each test sends the forged packet first and an honest one after it
//! on the same way: what arrives first tells whether the forged one was dropped.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

use casement_vswitch::*;

use crate::world::*;

const PORT: u16 = 4000;

struct Attack {
    attacker: Endpoint,
    victim: Endpoint,
    other: Endpoint,
    raw: Raw,
    world: World,
    attackers: Namespace,
    victims: Namespace,
}

impl Attack {
    fn new(network: &Network) -> Self {
        let world = World::new();
        world.network(network);
        let (attacker, victim, other) = (endpoint(network, 2), endpoint(network, 3), endpoint(network, 4));
        let (attackers, victims) = (world.attach(&attacker), world.attach(&victim));
        world.attach(&other);
        let raw = Raw::open(&attackers, "eth0");
        Self { attacker, victim, other, raw, world, attackers, victims }
    }

    /// The first content that arrives at the victim when the frame is sent before an honest one.
    fn first_after(&self, forged: &[u8]) -> String {
        let socket = self.victims.run(|| UdpSocket::bind((address(&self.victim), PORT)).unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        self.raw.send(forged);
        self.raw.send(&self.frame(self.attacker.mac, address(&self.attacker), "honest"));
        let mut buffer = [0; 64];
        let (length, _) = socket.recv_from(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// A UDP packet to the victim with a given source.
    fn frame(&self, mac: MacAddress, ip: IpAddr, content: &str) -> Vec<u8> {
        let packet = udp_packet(ip, address(&self.victim), (PORT, PORT), content.as_bytes());
        ethernet(self.victim.mac, mac, 0x0800, &packet)
    }
}

#[test]
fn n020_an_honest_frame_arrives() {
    let attack = Attack::new(&network(NetworkKind::Nat, 30));
    let frame = attack.frame(attack.attacker.mac, address(&attack.attacker), "also honest");
    assert_eq!(attack.first_after(&frame), "also honest");
}

#[test]
fn n021_a_forged_mac_address_is_dropped() {
    let attack = Attack::new(&network(NetworkKind::Nat, 31));
    for forged in [attack.other.mac, attack.victim.mac, MacAddress([2, 0, 0, 0, 0, 1])] {
        assert_eq!(attack.first_after(&attack.frame(forged, address(&attack.attacker), "forged")), "honest");
    }
    // The switch has not learnt the way to the other from it either.
    let frame = ethernet(MacAddress([0xff; 6]), attack.other.mac, 0x0806, &[0; 28]);
    attack.raw.send(&frame);
    Mirror::listen(&attack.victims, (address(&attack.victim), 80));
    let fdb = attack.world.host.run(|| ip("-d link show type bridge_slave")).unwrap();
    assert!(fdb.contains("learning off"), "{fdb}");
}

#[test]
fn n022_a_forged_ip_address_is_dropped() {
    let attack = Attack::new(&network(NetworkKind::Nat, 32));
    for forged in ["10.32.0.4", "10.32.0.1", "10.32.0.99", "192.0.2.1", "127.0.0.1", "0.0.0.0"] {
        let frame = attack.frame(attack.attacker.mac, forged.parse().unwrap(), "forged");
        assert_eq!(attack.first_after(&frame), "honest", "{forged}");
    }
}

#[test]
fn n023_other_protocols_and_tags_are_dropped() {
    let attack = Attack::new(&network(NetworkKind::Nat, 33));
    let listener = Raw::open(&attack.victims, "eth0");
    let honest = attack.frame(attack.attacker.mac, address(&attack.attacker), "honest");
    // 802.1Q with a forged packet inside, 802.1ad, MPLS, LLDP, a length (802.3), IPX.
    for kind in [0x8100, 0x88a8, 0x8847, 0x88cc, 0x0026, 0x8137] {
        attack.raw.send(&ethernet(attack.victim.mac, attack.attacker.mac, kind, &honest[12..]));
        attack.raw.send(&honest);
        // The kernel's own question for the neighbour may come between.
        let first = listener.receive(|frame| frame[6..12] == attack.attacker.mac.0 && frame[12..14] != [8, 6]);
        assert_eq!(first[12..14], [8, 0], "{kind:x}: {first:x?}");
    }
}

#[test]
fn n024_arp_in_the_name_of_others_is_dropped() {
    let attack = Attack::new(&network(NetworkKind::Nat, 34));
    let (me, gateway) = (attack.attacker.mac, "10.34.0.1".parse::<IpAddr>().unwrap());
    let victim = (attack.victim.mac, address(&attack.victim));
    let listener = Raw::open(&attack.victims, "eth0");
    let honest = ethernet(victim.0, me, 0x0806, &arp(2, (me, address(&attack.attacker)), victim));
    let broadcast = MacAddress([0xff; 6]);
    let forged = [
        // An answer, an unasked one, and a question that claim the gateway or another.
        ethernet(victim.0, me, 0x0806, &arp(2, (me, gateway), victim)),
        ethernet(broadcast, me, 0x0806, &arp(2, (me, gateway), (broadcast, gateway))),
        ethernet(broadcast, me, 0x0806, &arp(1, (me, address(&attack.other)), victim)),
        // Another's MAC address inside.
        ethernet(victim.0, me, 0x0806, &arp(2, (attack.other.mac, address(&attack.attacker)), victim)),
        // Not Ethernet and IPv4 as it says, so that the addresses are not where they are looked for.
        ethernet(
            victim.0,
            me,
            0x0806,
            &[0, 6, 8, 0, 8, 4, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 10, 34, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ];
    for frame in forged {
        attack.raw.send(&frame);
        attack.raw.send(&honest);
        let first = listener.receive(|f| f[12..14] == [8, 6] && f[6..12] == me.0);
        assert_eq!(first[14..42], honest[14..42], "{frame:x?}");
    }
    // Nor does the host believe it.
    attack.raw.send(&ethernet(broadcast, me, 0x0806, &arp(2, (me, address(&attack.other)), (broadcast, gateway))));
    attack.raw.send(&honest);
    listener.receive(|f| f[12..14] == [8, 6] && f[6..12] == me.0);
    let neighbours = attack.world.host.run(|| ip("neigh show 10.34.0.4")).unwrap();
    let right = attack.other.mac.to_string().replace('-', ":").to_lowercase();
    assert!(neighbours.contains(&right) && neighbours.contains("PERMANENT"), "{neighbours}");
}

#[test]
fn n025_a_rogue_dhcp_server_is_not_heard() {
    let attack = Attack::new(&network(NetworkKind::Nat, 35));
    let listener = Raw::open(&attack.victims, "eth0");
    let packet = |port| udp_packet(address(&attack.attacker), "255.255.255.255".parse().unwrap(), (port, 68), b"offer");
    let frame = |port| ethernet(MacAddress([0xff; 6]), attack.attacker.mac, 0x0800, &packet(port));
    attack.raw.send(&frame(67));
    attack.raw.send(&frame(66));
    let first = listener.receive(|f| f[6..12] == attack.attacker.mac.0);
    assert_eq!(first[34..36], [0, 66]);
}

/// The bridge carries connections from 127.0.0.1 for published ports; an endpoint cannot use that to reach what listens there.
#[test]
fn n026_what_listens_on_localhost_is_not_reached() {
    let network = network(NetworkKind::Nat, 36);
    let attack = Attack::new(&network);
    let gateway = network.bridge_mac();
    let socket = attack.world.host.run(|| UdpSocket::bind(("0.0.0.0", 53)).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = |ip: &str, content: &str| {
        let packet = udp_packet(address(&attack.attacker), ip.parse().unwrap(), (PORT, 53), content.as_bytes());
        ethernet(gateway, attack.attacker.mac, 0x0800, &packet)
    };
    attack.raw.send(&to("127.0.0.1", "forged"));
    attack.raw.send(&to("127.1.2.3", "forged"));
    attack.raw.send(&to("10.36.0.1", "honest"));
    let mut buffer = [0; 64];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"honest");
}

/// Router and neighbour advertisements, redirects and DHCPv6 in the name of the gateway.
#[test]
fn n027_ipv6_neighbours_and_routers_are_not_forged() {
    let mut network = network(NetworkKind::Nat, 37);
    let prefix: Prefix = "fd00:37::/64".parse().unwrap();
    network.subnets.push(Subnet { prefix, gateway: "fd00:37::1".parse().ok() });
    let world = World::new();
    world.network(&network);
    let both = |number: u8| {
        let four = endpoint(&network, number);
        let six = format!("fd00:37::{number}").parse().unwrap();
        Endpoint::new(four.id, &network, four.mac, &[address(&four), six])
    };
    let (attacker, victim) = (both(2), both(3));
    let (attackers, victims) = (world.attach(&attacker), world.attach(&victim));
    let (raw, listener) = (Raw::open(&attackers, "eth0"), Raw::open(&victims, "eth0"));
    let own = attacker.mac.link_local();
    let gateway: Ipv6Addr = "fd00:37::1".parse().unwrap();
    let all: Ipv6Addr = "ff02::1".parse().unwrap();
    let all_mac = MacAddress([0x33, 0x33, 0, 0, 0, 1]);
    let icmp = |from: Ipv6Addr, kind: u8, about: Ipv6Addr| {
        // Type, code, checksum, flags, target, option with our MAC address as the target's.
        let mut content = vec![kind, 0, 0, 0, 0x20, 0, 0, 0];
        content.extend(about.octets());
        content.extend([2, 1]);
        content.extend(attacker.mac.0);
        ethernet(all_mac, attacker.mac, 0x86dd, &ipv6_packet(from, all, 58, &content, 2))
    };
    let honest = icmp(own, 136, own);
    let dhcp = udp_packet(own.into(), all.into(), (547, 546), b"advertise");
    for forged in [
        icmp(own, 136, gateway),
        icmp(gateway, 136, gateway),
        icmp(own, 134, own),
        icmp(own, 137, own),
        icmp("fd00:37::3".parse().unwrap(), 135, gateway),
        ethernet(all_mac, attacker.mac, 0x86dd, &dhcp),
    ] {
        raw.send(&forged);
        raw.send(&honest);
        let first = listener.receive(|f| f[6..12] == attacker.mac.0 && f[12..14] == [0x86, 0xdd]);
        assert_eq!(first, honest, "{forged:x?}");
    }
}

/// A port that the filter does not know, as after a crash between two steps, lets nothing through.
#[test]
fn n028_an_unknown_port_is_closed() {
    let attack = Attack::new(&network(NetworkKind::Nat, 38));
    Mirror::listen(&attack.victims, (address(&attack.victim), 80));
    assert_eq!(tcp(&attack.attackers, "10.38.0.3", 80), address(&attack.attacker));
    attack.world.host.run(|| nft("flush set bridge casement stations")).unwrap();
    blocked(&attack.attackers, "10.38.0.3", 80);
    attack.world.on_host(|switch| switch.repair()).unwrap();
    assert_eq!(tcp(&attack.attackers, "10.38.0.3", 80), address(&attack.attacker));
}
