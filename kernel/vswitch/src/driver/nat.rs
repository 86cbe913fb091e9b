//! The nat network: a bridge that the host routes and translates for.

use crate::address::Prefix;
use crate::capabilities::Capabilities;
use crate::driver::{Driver, Released, Verified, bridge};
use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::filter::{Fragment, Key, address_sets, family_of};
use crate::host::Host;
use crate::name::{self, ROUTED_GROUP};
use crate::network::Network;
use crate::nftables::table::Family;
use crate::reconcile::Attachment;

pub(super) struct Nat;

impl Driver for Nat {
    fn validate(&self, network: &Network, capabilities: &Capabilities) -> Result<(), VSwitchError> {
        bridge::validate(network, capabilities)?;
        if network.subnets.is_empty() || network.subnets.iter().any(|subnet| subnet.gateway.is_none()) {
            let reason = "a nat network needs a subnet, and a gateway address in each";
            return Err(VSwitchError::InvalidNetwork { network: network.id, reason });
        }
        Ok(())
    }

    fn validate_endpoint(&self, network: &Network, endpoint: &Endpoint) -> Result<(), VSwitchError> {
        let invalid = |reason| Err(VSwitchError::InvalidEndpoint { endpoint: endpoint.id, reason });
        if endpoint.addresses.is_empty() {
            return invalid("an endpoint of a nat network needs an address");
        }
        if endpoint.gateways.iter().any(|gateway| !network.gateways().any(|address| address == *gateway)) {
            return invalid("a gateway of it is none of the network's");
        }
        for mapping in &endpoint.port_mappings {
            let ipv4 = mapping.host_address.map(|address| address.is_ipv4());
            let has = |ipv4: bool| endpoint.addresses.iter().any(|a| a.address.is_ipv4() == ipv4);
            if ipv4.is_some_and(|ipv4| !has(ipv4)) {
                return invalid("a port mapping of it is at an address of a family that it has no address of");
            }
            if mapping.host_address.is_some_and(|a| a.is_unspecified() || a.is_multicast()) {
                return invalid("a port mapping of it is at an address that is none: leave the address out for all");
            }
        }
        Ok(())
    }

    fn network_fragment(&self, network: &Network) -> Fragment {
        let mut fragment = bridge::network_fragment(network);
        if network.outbound_nat {
            for family in [Family::Ipv4, Family::Ipv6] {
                if network.subnets.iter().any(|subnet| family_of(subnet.prefix.address()) == family) {
                    let key = Key::new().interface(&name::bridge(network.id)).build();
                    fragment.key(family, address_sets::OUTBOUND, key);
                }
            }
        }
        fragment
    }

    fn endpoint_fragment(&self, _: &Network, endpoint: &Endpoint, capabilities: &Capabilities) -> Fragment {
        let mut fragment = bridge::endpoint_fragment(endpoint, capabilities);
        for mapping in &endpoint.port_mappings {
            for ipv4 in [true, false] {
                let Some(to) = endpoint.addresses.iter().find(|a| a.address.is_ipv4() == ipv4) else { continue };
                let (set, key) = match mapping.host_address {
                    Some(at) if at.is_ipv4() != ipv4 => continue,
                    Some(at) => (address_sets::PUBLISHED_AT, Key::new().address(at)),
                    None => (address_sets::PUBLISHED, Key::new()),
                };
                let key = key.bytes(&[mapping.transport.number()]).port(mapping.host_port).build();
                let value = Key::new().address(to.address).port(mapping.endpoint_port).build();
                fragment.value(family_of(to.address), set, key, value);
            }
        }
        for source in endpoint.addresses.iter().map(|a| a.address) {
            fragment.key(family_of(source), address_sets::ENDPOINTS, Key::new().address(source).build());
            let same_family = |prefix: &&Prefix| prefix.address().is_ipv4() == source.is_ipv4();
            for exception in endpoint.outbound_nat.exceptions.iter().filter(same_family) {
                let key = |address| Key::new().address(source).address(address).build();
                let (first, last) = (key(exception.address()), key(exception.last()));
                fragment.range(family_of(source), address_sets::EXCEPTIONS, first, last);
            }
            let mut virtual_addresses = endpoint.outbound_nat.virtual_addresses.iter();
            if let Some(vip) = virtual_addresses.find(|vip| vip.is_ipv4() == source.is_ipv4()) {
                let (key, value) = (Key::new().address(source).build(), Key::new().address(*vip).build());
                fragment.value(family_of(source), address_sets::OUTBOUND_FROM, key, value);
            }
        }
        fragment
    }

    fn setup(&self, host: &mut Host, network: &Network) -> Result<bool, VSwitchError> {
        let restore = host.forwarding_to_restore(network)?;
        let made = bridge::setup(host, network, ROUTED_GROUP, &restore)?;
        Ok(host.enable_forwarding(network.has_ipv6())? | made)
    }

    fn attach(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<(), VSwitchError> {
        bridge::attach(host, network, attachment)
    }

    fn verify(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<Verified, VSwitchError> {
        bridge::verify(host, network, attachment)
    }

    fn modify(&self, host: &mut Host, old: &Endpoint, new: &Attachment) -> Result<(), VSwitchError> {
        bridge::modify(host, old, new)
    }

    fn release(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Released {
        bridge::release(host, network, attachment)
    }

    fn teardown(&self, host: &mut Host, network: &Network, last: bool) -> Vec<VSwitchError> {
        let mut errors = Vec::new();
        if last {
            errors.extend(host.restore_forwarding().err());
        }
        errors.extend(bridge::teardown(host, network));
        errors
    }
}
