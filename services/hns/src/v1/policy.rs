//! Policies of version 1, whose settings stand beside their type, and of version 2.

use casement_schema::hcn::{HcnError, OutboundNatPolicySetting, Policy, PortMappingPolicySetting, Protocol};
use serde_json::{Map, Value, json};

use crate::error::{NetworkError, Result};
use crate::plan::{ACL, OUTBOUND_NAT, PORT_MAPPING, settings};

/// Members of an ACL that have another name in version 1.
const ACL_NAMES: [(&str, &str); 3] =
    [("Protocol", "Protocols"), ("LocalPort", "LocalPorts"), ("RemotePort", "RemotePorts")];

fn invalid(detail: String) -> NetworkError {
    NetworkError::refused(HcnError::InvalidPolicy, detail)
}

/// A policy of version 1 as one of version 2.
pub(super) fn to_v2(policy: &Value) -> Result<Policy> {
    // Some clients give each as text.
    let parsed: Value;
    let policy = match policy.as_str() {
        Some(text) => {
            parsed = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
            &parsed
        }
        None => policy,
    };
    let mut members = policy.as_object().cloned().ok_or_else(|| invalid("a policy is an object".to_owned()))?;
    let kind = members.remove("Type").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    match kind.to_ascii_uppercase().as_str() {
        "NAT" => port_mapping(&members),
        "OUTBOUNDNAT" => {
            let list = |name: &str| members.get(name).cloned().unwrap_or_else(|| json!([]));
            Ok(Policy {
                kind: OUTBOUND_NAT.to_owned(),
                settings: json!({ "VirtualIP": members.get("VIP").cloned().unwrap_or_else(|| json!("")),
                    "Exceptions": list("ExceptionList"), "Destinations": list("Destinations") }),
            })
        }
        "ACL" => {
            for (old, new) in ACL_NAMES {
                if let Some(value) = members.remove(old) {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    // 0 stands for all.
                    if text != "0" {
                        members.entry(new).or_insert(Value::String(text));
                    }
                }
            }
            Ok(Policy { kind: ACL.to_owned(), settings: Value::Object(members) })
        }
        "QOS" => Ok(Policy { kind: crate::plan::QOS.to_owned(), settings: Value::Object(members) }),
        _ => Ok(Policy { kind, settings: Value::Object(members) }),
    }
}

fn port_mapping(members: &Map<String, Value>) -> Result<Policy> {
    let protocol = match &members.get("Protocol") {
        Some(Value::String(name)) if name.eq_ignore_ascii_case("tcp") => Protocol::TCP,
        Some(Value::String(name)) if name.eq_ignore_ascii_case("udp") => Protocol::UDP,
        Some(Value::Number(number)) => Protocol(number.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)),
        other => return Err(invalid(format!("protocol {other:?} has no ports"))),
    };
    let port = |name: &str| {
        let number = members.get(name).and_then(Value::as_u64).unwrap_or(0);
        u16::try_from(number).map_err(|_| invalid(format!("{name} {number} is no port")))
    };
    let setting = PortMappingPolicySetting {
        protocol,
        internal_port: port("InternalPort")?,
        external_port: port("ExternalPort")?,
        ..PortMappingPolicySetting::default()
    };
    Ok(Policy::new(PORT_MAPPING, &setting))
}

/// A policy of version 2 as version 1 shows it.
pub(super) fn to_v1(policy: &Policy) -> Value {
    match policy.kind.as_str() {
        PORT_MAPPING => {
            let setting: PortMappingPolicySetting = settings(policy).unwrap_or_default();
            let protocol = match setting.protocol {
                Protocol::TCP => json!("TCP"),
                Protocol::UDP => json!("UDP"),
                other => json!(other.0),
            };
            let mut shown = json!({ "Type": "NAT", "Protocol": protocol, "InternalPort": setting.internal_port,
                "ExternalPort": setting.external_port, "ExternalPortReserved": true });
            if !setting.vip.is_empty() {
                shown["VIP"] = json!(setting.vip);
            }
            shown
        }
        OUTBOUND_NAT => {
            let setting: OutboundNatPolicySetting = settings(policy).unwrap_or_default();
            json!({ "Type": "OutBoundNAT", "VIP": setting.virtual_ip, "ExceptionList": setting.exceptions,
                "Destinations": setting.destinations })
        }
        kind => {
            let mut members = policy.settings.as_object().cloned().unwrap_or_default();
            members.insert("Type".to_owned(), json!(kind));
            Value::Object(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_port_goes_both_ways() {
        let old = json!({ "Type": "NAT", "Protocol": "TCP", "InternalPort": 80, "ExternalPort": 8080, "ExternalPortReserved": true });
        let new = to_v2(&old).unwrap();
        assert_eq!(new.settings, json!({ "Protocol": 6, "InternalPort": 80, "ExternalPort": 8080 }));
        assert_eq!(to_v1(&new), old);
        assert_eq!(to_v2(&Value::String(old.to_string())).unwrap(), new, "as text in the text");
        for bad in [
            json!({ "Type": "NAT", "Protocol": "icmp" }),
            json!({ "Type": "NAT", "Protocol": "TCP", "InternalPort": 65536 }),
            json!(7),
        ] {
            assert!(to_v2(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_acl_of_version_1_has_single_ports() {
        let old = json!({ "Type": "ACL", "Protocol": 6, "LocalPort": 80, "Action": "Allow", "Direction": "In", "Priority": 200 });
        let new = to_v2(&old).unwrap();
        assert_eq!((new.settings["Protocols"].as_str(), new.settings["LocalPorts"].as_str()), (Some("6"), Some("80")));
    }
}
