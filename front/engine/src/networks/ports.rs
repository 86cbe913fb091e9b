//! Published ports.

use std::collections::{BTreeMap, BTreeSet};

use casement_hns::PORT_MAPPING;
use casement_schema::hcn::{Policy, PortMappingPolicySetting, Protocol};

use crate::container::Container;
use crate::error::{Error, Result};
use crate::model::PortBinding;

/// Published ports by `80/tcp`.
pub(crate) type Published = BTreeMap<String, Vec<PortBinding>>;

/// Number and protocol of a port such as `80/tcp`.
pub(crate) fn parse(port: &str) -> Result<(u16, Protocol, &str)> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let number =
        number.parse().map_err(|_| Error::InvalidParameter(format!("invalid port specification: \"{port}\"")))?;
    match protocol {
        "tcp" => Ok((number, Protocol::TCP, protocol)),
        "udp" => Ok((number, Protocol::UDP, protocol)),
        other => Err(Error::InvalidParameter(format!("invalid protocol {other}"))),
    }
}

/// The policies that publish the ports of a container. `taken` are ports of the host that others have: of a range, the first one that
/// is free is chosen.
pub(crate) fn policies(container: &Container, taken: &BTreeSet<(u32, u16)>) -> Result<Vec<Policy>> {
    let host = &container.host_config;
    let mut taken = taken.clone();
    let mut wanted: BTreeMap<&str, Vec<PortBinding>> = BTreeMap::new();
    for (port, bindings) in host.port_bindings.iter().flatten() {
        let bindings = bindings.clone().filter(|bindings| !bindings.is_empty());
        wanted.entry(port).or_default().extend(bindings.unwrap_or_else(|| vec![PortBinding::default()]));
    }
    if host.publish_all_ports {
        for port in container.config.exposed_ports.keys() {
            wanted.entry(port).or_insert_with(|| vec![PortBinding::default()]);
        }
    }
    let mut policies = Vec::new();
    for (port, bindings) in wanted {
        let (internal_port, protocol, _) = parse(port)?;
        for binding in bindings {
            let external_port = choose(&binding.host_port, protocol, &taken)?;
            if external_port != 0 {
                taken.insert((protocol.0, external_port));
            }
            let vip = match binding.host_ip.as_str() {
                "" | "0.0.0.0" | "::" => String::new(),
                address => address.to_owned(),
            };
            let setting = PortMappingPolicySetting {
                protocol,
                internal_port,
                external_port,
                vip,
                ..PortMappingPolicySetting::default()
            };
            policies.push(Policy::new(PORT_MAPPING, &setting));
        }
    }
    Ok(policies)
}

fn choose(text: &str, protocol: Protocol, taken: &BTreeSet<(u32, u16)>) -> Result<u16> {
    let invalid = || Error::InvalidParameter(format!("invalid port specification: \"{text}\""));
    match text.split_once('-') {
        _ if text.is_empty() => Ok(0),
        None => text.parse().map_err(|_| invalid()),
        Some((first, last)) => {
            let (first, last): (u16, u16) =
                (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
            let free = (first..=last).find(|port| !taken.contains(&(protocol.0, *port)));
            free.ok_or_else(|| Error::Compute(format!("all ports of {text} are allocated")))
        }
    }
}

/// The published ports that policies come to.
pub(crate) fn published(policies: &[Policy]) -> Published {
    let mut published = Published::new();
    for policy in policies.iter().filter(|policy| policy.kind == PORT_MAPPING) {
        let Ok(setting) = serde_json::from_value::<PortMappingPolicySetting>(policy.settings.clone()) else { continue };
        let protocol = if setting.protocol == Protocol::UDP { "udp" } else { "tcp" };
        let host_ip = if setting.vip.is_empty() { "0.0.0.0".to_owned() } else { setting.vip };
        let binding = PortBinding { host_ip, host_port: setting.external_port.to_string() };
        published.entry(format!("{}/{protocol}", setting.internal_port)).or_default().push(binding);
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ContainerId;

    fn container(bindings: &[(&str, &str, &str)]) -> Container {
        let mut container = Container::sample(ContainerId::random().unwrap(), "web".parse().unwrap(), 0);
        let mut map: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
        for (port, host_ip, host_port) in bindings {
            let binding = PortBinding { host_ip: (*host_ip).to_owned(), host_port: (*host_port).to_owned() };
            map.entry((*port).to_owned()).or_default().get_or_insert_default().push(binding);
        }
        container.host_config.port_bindings = Some(map);
        container
    }

    #[test]
    fn of_a_range_the_first_free_port_is_chosen() {
        let container = container(&[("80/tcp", "", "8000-8002"), ("81/tcp", "127.0.0.1", "8000-8002")]);
        let shown = published(&policies(&container, &[(6, 8000), (17, 8001)].into()).unwrap());
        assert_eq!(shown["80/tcp"], [PortBinding { host_ip: "0.0.0.0".to_owned(), host_port: "8001".to_owned() }]);
        assert_eq!(shown["81/tcp"], [PortBinding { host_ip: "127.0.0.1".to_owned(), host_port: "8002".to_owned() }]);
        let all = [(6, 8000), (6, 8001), (6, 8002)].into();
        assert!(policies(&container, &all).unwrap_err().to_string().contains("are allocated"));
        assert_eq!(parse("9/sctp").unwrap_err().to_string(), "invalid protocol sctp");
    }
}
