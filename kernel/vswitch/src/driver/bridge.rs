//! What networks on a bridge have in common: the bridge, veth pairs as ports, and what the filter pins to them.

use std::net::IpAddr;

use crate::acl::{Direction, RuleType};
use crate::adapter;
use crate::address::MacAddress;
use crate::capabilities::{Capabilities, Shaper};
use crate::driver::{Released, Verified};
use crate::endpoint::{Endpoint, InterfaceAddress};
use crate::error::VSwitchError;
use crate::filter::{Fragment, Key, address_sets, family_of, neighbours, port_sets};
use crate::forwarding::{self, Restore};
use crate::host::Host;
use crate::name;
use crate::network::Network;
use crate::nftables::build::rule;
use crate::nftables::table::{Family, Rule};
use crate::policy;
use crate::reconcile::Attachment;
use crate::route::{self, Link, PortMode, VethPair};

/// Text in the alias of every complete port; the id follows.
const PORT_ALIAS: &str = "casement endpoint ";

pub(super) fn validate(network: &Network, capabilities: &Capabilities) -> Result<(), VSwitchError> {
    network.validate()?;
    if network.has_ipv6() && !capabilities.ipv6 {
        return Err(VSwitchError::UnsupportedKernel { feature: "ipv6", needed_for: "the network has an ipv6 subnet" });
    }
    if network.outbound_nat && network.kind != crate::network::NetworkKind::Nat {
        let reason = "only nat networks translate source addresses";
        return Err(VSwitchError::InvalidNetwork { network: network.id, reason });
    }
    Ok(())
}

/// What endpoints cannot have where nothing is forwarded.
pub(super) fn validate_closed_endpoint(network: &Network, endpoint: &Endpoint) -> Result<(), VSwitchError> {
    let invalid = |reason| Err(VSwitchError::InvalidEndpoint { endpoint: endpoint.id, reason });
    if !endpoint.port_mappings.is_empty() {
        return invalid("its network has no connection to the outside that a port could be published to");
    }
    if endpoint.outbound_nat != Default::default() {
        return invalid("its network has no outbound nat");
    }
    if endpoint.gateways.iter().any(|gateway| !network.gateways().any(|address| address == *gateway)) {
        return invalid("a gateway of it is none of the network's");
    }
    Ok(())
}

pub(super) fn network_fragment(network: &Network) -> Fragment {
    let mut fragment = Fragment::default();
    let bridge = || Key::new().interface(&name::bridge(network.id));
    if !network.isolated {
        for family in [Family::Ipv4, Family::Ipv6] {
            fragment.key(family, address_sets::SAME, bridge().interface(&name::bridge(network.id)).build());
        }
    }
    for gateway in network.gateways() {
        let key = || bridge().address(gateway);
        fragment.key(family_of(gateway), address_sets::GATEWAYS, key().build());
        for service in &network.host_services {
            let key = key().bytes(&[service.transport.number()]).port(service.port).build();
            fragment.key(family_of(gateway), address_sets::SERVICES, key);
        }
    }
    fragment
}

pub(super) fn endpoint_fragment(endpoint: &Endpoint, capabilities: &Capabilities) -> Fragment {
    let mut fragment = Fragment::default();
    let name = name::port(endpoint.id);
    let port = || Key::new().interface(&name);
    fragment.key(Family::Bridge, port_sets::STATIONS, port().bytes(&endpoint.mac.0).build());
    for address in addresses_of(endpoint) {
        let set = if address.address.is_ipv4() { port_sets::ADDRESSES4 } else { port_sets::ADDRESSES6 };
        fragment.key(Family::Bridge, set, port().address(address.address).build());
    }
    let mut outgoing: Vec<Rule> = Vec::new();
    if let (Some(rate), Shaper::Policer) = (endpoint.maximum_outgoing_bandwidth, capabilities.shaper) {
        outgoing.push(rule().over(rate, (rate / 100).clamp(64 << 10, 16 << 20) as u32).drop());
    }
    outgoing.extend(policy::rules(endpoint, RuleType::Switch, Direction::Out));
    let mut incoming = policy::rules(endpoint, RuleType::Switch, Direction::In);
    if !incoming.is_empty() {
        incoming.splice(..0, neighbours());
    }
    for (set, direction, rules) in [(port_sets::ACL_OUT, "out", outgoing), (port_sets::ACL_IN, "in", incoming)] {
        if !rules.is_empty() {
            let chain = format!("{direction}-{}", name::short(endpoint.id));
            fragment.chain(Family::Bridge, set, port().build(), chain, rules);
        }
    }
    fragment
}

/// The endpoint's addresses, with the link-local one that IPv6 needs.
pub(crate) fn addresses_of(endpoint: &Endpoint) -> Vec<InterfaceAddress> {
    with_link_local(endpoint.addresses.clone(), endpoint.mac)
}

fn with_link_local(mut addresses: Vec<InterfaceAddress>, mac: MacAddress) -> Vec<InterfaceAddress> {
    if addresses.iter().any(|a| a.address.is_ipv6()) {
        addresses.push(InterfaceAddress { address: mac.link_local().into(), prefix_length: 64 });
    }
    addresses
}

pub(super) fn setup(host: &mut Host, network: &Network, group: u32, restore: &Restore) -> Result<bool, VSwitchError> {
    let name = name::bridge(network.id);
    let failed = |action| VSwitchError::kernel(action, format!("the bridge {name}"));
    let found = route::link(&mut host.route, &name).map_err(failed("look for"))?;
    let mut made = false;
    let link = match found {
        Some(link) if link.group == group && link.kind == "bridge" => link,
        Some(link) => return Err(VSwitchError::InterfaceTaken { id: network.id, interface: link.name }),
        None => {
            made = true;
            let new = route::new_bridge(&name, group, network.bridge_mac(), network.mtu);
            let answers = host.route.exchange_all(&mut [new, route::get_link(&name)]).map_err(failed("create"))?;
            answers.iter().find_map(|a| route::first_link(a)).ok_or(VSwitchError::Protocol("a new bridge"))?
        }
    };
    let alias = restore.write(network.id);
    let gateways = with_link_local(
        network
            .subnets
            .iter()
            .filter_map(|s| Some(InterfaceAddress { address: s.gateway?, prefix_length: s.prefix.length() }))
            .collect(),
        network.bridge_mac(),
    );
    let there = route::addresses(&mut host.route).map_err(failed("list the addresses of"))?;
    let missing: Vec<_> = gateways.iter().filter(|gateway| !there.contains(&(link.index, **gateway))).collect();
    made |= !missing.is_empty() || !link.is_up || link.alias != alias;
    // The alias comes first: it says what is to be undone.
    let mut messages = vec![
        route::set_alias(link.index, &alias),
        route::set_up_plain(link.index, host.capabilities.ipv6, group == name::ROUTED_GROUP),
    ];
    messages.extend(missing.into_iter().map(|gateway| route::new_address(link.index, *gateway)));
    host.route.exchange_all(&mut messages).map_err(failed("set up"))?;
    Ok(made)
}

fn bridge_of(host: &mut Host, network: &Network) -> Result<Link, VSwitchError> {
    let name = name::bridge(network.id);
    let found = route::link(&mut host.route, &name).map_err(VSwitchError::kernel("look for the bridge", name))?;
    found.ok_or(VSwitchError::NetworkNotFound(network.id))
}

pub(super) fn attach(host: &mut Host, network: &Network, attachment: &Attachment) -> Result<(), VSwitchError> {
    use std::os::fd::AsFd;
    let endpoint = &attachment.endpoint;
    let bridge = bridge_of(host, network)?;
    let name = name::port(endpoint.id);
    let failed = |action| VSwitchError::kernel(action, format!("the switch port {name}"));
    let [_, tail @ ..] = endpoint.mac.0;
    let pair = route::new_veth(&VethPair {
        port: &name,
        port_mac: MacAddress([0xfe, tail[0], tail[1], tail[2], tail[3], tail[4]]),
        group: name::PORT_GROUP,
        bridge: bridge.index,
        port_mtu: network.mtu,
        adapter: endpoint.interface.as_str(),
        adapter_mac: endpoint.mac,
        adapter_mtu: endpoint.mtu.unwrap_or(network.mtu),
        namespace: attachment.namespace.as_fd(),
    });
    let mut answers = host.route.exchange(&mut [pair, route::get_link(&name)]).map_err(failed("create"))?.into_iter();
    let (created, found) = (answers.next(), answers.next());
    let found = found.and_then(Result::ok).and_then(|answers| route::first_link(&answers));
    match (created, found) {
        (Some(Ok(_)), Some(port)) => {
            forwarding::keep_ipv6_off(&name)?;
            let mut inside = adapter::configure(host, endpoint, &attachment.namespace)?;
            finish_port(host, &bridge, port.index, endpoint).map_err(failed("set up"))?;
            route::wait_until_ready(&mut inside, endpoint.interface.as_str())
                .and_then(|()| route::wait_until_ready(&mut host.route, &name))
                .and_then(|()| route::wait_until_ready(&mut host.route, &bridge.name))
                .map_err(failed("wait for"))
        }
        (Some(Err(error)), found) if error.raw_os_error() == Some(libc::EEXIST) => {
            // Either the port's name is taken, or the adapter's in the namespace.
            let interface = found.map_or_else(|| endpoint.interface.to_string(), |port| port.name);
            Err(VSwitchError::InterfaceTaken { id: endpoint.id, interface })
        }
        (Some(Err(error)), _) => Err(failed("create")(error)),
        _ => Err(VSwitchError::Protocol("a new switch port")),
    }
}

/// Where bridged frames pass IP's hooks, what an endpoint sends to its own published port is translated on the bridge and has to
/// leave by the port that it came by.
fn mode_of(host: &Host, endpoint: &Endpoint) -> PortMode {
    let reflects = host.capabilities.bridge_netfilter && !endpoint.port_mappings.is_empty();
    PortMode { isolated: endpoint.isolated, reflects }
}

/// What makes a port complete; can be repeated.
fn finish_port(host: &mut Host, bridge: &Link, port: u32, endpoint: &Endpoint) -> std::io::Result<()> {
    let mut messages = vec![route::set_port(port, mode_of(host, endpoint)), route::new_station(port, endpoint.mac)];
    for address in addresses_of(endpoint) {
        messages.push(route::new_neighbour(bridge.index, address.address, endpoint.mac));
    }
    messages.push(route::set_up_plain(port, host.capabilities.ipv6, false));
    // Last: a port with this text needs nothing more.
    messages.push(route::set_alias(port, &format!("{PORT_ALIAS}{}", endpoint.id)));
    host.route.exchange_all(&mut messages).map(drop)
}

pub(super) fn verify(host: &mut Host, network: &Network, attachment: &Attachment) -> Result<Verified, VSwitchError> {
    let endpoint = &attachment.endpoint;
    let bridge = bridge_of(host, network)?;
    let name = name::port(endpoint.id);
    let failed = |action| VSwitchError::kernel(action, format!("the switch port {name}"));
    let Some(port) = route::link(&mut host.route, &name).map_err(failed("look for"))? else {
        return Ok(Verified::Broken);
    };
    if port.group != name::PORT_GROUP || port.kind != "veth" {
        return Err(VSwitchError::InterfaceTaken { id: endpoint.id, interface: name });
    }
    let complete = port.alias == format!("{PORT_ALIAS}{}", endpoint.id);
    if !complete || port.master != Some(bridge.index) {
        return Ok(Verified::Broken);
    }
    let adapter = adapter::verify(host, endpoint, &attachment.namespace)?;
    finish_port(host, &bridge, port.index, endpoint).map_err(failed("set up"))?;
    Ok(if adapter == Verified::Right && !port.is_up { Verified::Mended } else { adapter })
}

pub(super) fn modify(host: &mut Host, old: &Endpoint, new: &Attachment) -> Result<(), VSwitchError> {
    let endpoint = &new.endpoint;
    let mode = mode_of(host, endpoint);
    if mode_of(host, old) != mode {
        let name = name::port(endpoint.id);
        let failed = |action| VSwitchError::kernel(action, format!("the switch port {name}"));
        let port = route::link(&mut host.route, &name).map_err(failed("look for"))?;
        let port = port.ok_or(VSwitchError::EndpointNotFound(endpoint.id))?;
        host.route.exchange_all(&mut [route::set_port(port.index, mode)]).map_err(failed("change"))?;
    }
    adapter::modify(host, old, endpoint, &new.namespace)
}

pub(super) fn release(host: &mut Host, network: &Network, attachment: &Attachment) -> Released {
    let endpoint = &attachment.endpoint;
    let (mut port, mut errors) = (None, Vec::new());
    let name = name::port(endpoint.id);
    errors.extend(adapter::release(endpoint, &attachment.namespace).err());
    match route::link(&mut host.route, &name) {
        Ok(found) => port = found.filter(|port| name::is_ours(&port.name, port.group)),
        Err(error) => errors.push(VSwitchError::kernel("look for the switch port", name)(error)),
    }
    if let Ok(bridge) = bridge_of(host, network) {
        let addresses: Vec<IpAddr> = addresses_of(endpoint).iter().map(|a| a.address).collect();
        let mut messages: Vec<_> = addresses.iter().map(|a| route::delete_neighbour(bridge.index, *a)).collect();
        let results = host.route.exchange(&mut messages).unwrap_or_else(|error| vec![Err(error)]);
        for error in results.into_iter().filter_map(Result::err) {
            if error.raw_os_error() != Some(libc::ENOENT) {
                errors.push(VSwitchError::kernel("forget the neighbours of the switch port", name::port(endpoint.id))(
                    error,
                ));
            }
        }
    }
    Released { port, errors }
}

/// Removes an interface; one that is gone is no error.
pub(crate) fn delete(host: &mut Host, link: &Link) -> Result<(), VSwitchError> {
    match host.route.exchange_all(&mut [route::delete_link(link.index)]) {
        Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
            Err(VSwitchError::kernel("delete the interface", &link.name)(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn teardown(host: &mut Host, network: &Network) -> Vec<VSwitchError> {
    let name = name::bridge(network.id);
    match route::link(&mut host.route, &name) {
        Ok(Some(bridge)) if name::is_ours(&bridge.name, bridge.group) => {
            delete(host, &bridge).err().into_iter().collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => vec![VSwitchError::kernel("look for the bridge", name)(error)],
    }
}
