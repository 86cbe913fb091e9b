//! The host's side of networks and endpoints, with the names of Get-NetAdapter and Get-NetIPAddress.

use casement_schema::Guid;
use casement_vswitch::{Adapter, MacAddress};
use serde_json::{Value, json};

use super::view::identifier;

/// What Windows calls every adapter of a virtual switch.
const DESCRIPTION: &str = "Hyper-V Virtual Ethernet Adapter";
/// Ethernet, as the Internet's registry of interface types numbers it.
const ETHERNET: u32 = 6;
/// Digits of an endpoint's identifier in the name of its port.
const SHORT: usize = 8;

/// An adapter: that of a network by the network's name, and the hidden one of an endpoint by the endpoint's identifier and with the
/// endpoint's MAC address.
pub(super) fn adapter_view(adapter: &Adapter, network: Option<&str>, endpoint_mac: Option<MacAddress>) -> Value {
    let name = match &adapter.endpoint {
        None => format!("vEthernet ({})", network.unwrap_or_default()),
        Some(endpoint) => format!("vEthernet (Container NIC {})", short(endpoint)),
    };
    let addresses = adapter.addresses.iter().map(|assigned| {
        json!({
            "AddressFamily": if assigned.address.is_ipv4() { "IPv4" } else { "IPv6" },
            "IPAddress": assigned.address,
            "InterfaceAlias": name,
            "InterfaceIndex": adapter.index,
            "PrefixLength": assigned.prefix_length,
            "Type": "Unicast",
        })
    });
    let device = identifier(&adapter.endpoint.unwrap_or(adapter.network));
    json!({
        "DeviceID": format!("{{{device}}}"),
        "DeviceName": format!("\\Device\\{{{device}}}"),
        "Hidden": adapter.endpoint.is_some(),
        "IPAddresses": addresses.collect::<Vec<_>>(),
        "InterfaceAlias": name,
        "InterfaceDescription": DESCRIPTION,
        "InterfaceIndex": adapter.index,
        "InterfaceName": adapter.name,
        "InterfaceType": ETHERNET,
        "MacAddress": endpoint_mac.unwrap_or(adapter.mac).to_string(),
        "MtuSize": adapter.mtu,
        "Name": name,
        "Status": if adapter.up { "Up" } else { "Disconnected" },
        "Virtual": true,
        "VirtualNetwork": identifier(&adapter.network),
    })
}

fn short(id: &Guid) -> String {
    identifier(id).chars().take(SHORT).collect()
}
