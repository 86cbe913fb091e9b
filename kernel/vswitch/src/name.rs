//! Names and groups of the interfaces on the host, by which they are found again after a crash.

use casement_schema::Guid;

/// Group of switch ports. The filter drops what comes from a port of this group that it does not know.
pub(crate) const PORT_GROUP: u32 = 0x4353_0001;
/// Group of bridges whose endpoints reach the world through the host.
pub(crate) const ROUTED_GROUP: u32 = 0x4353_0002;
/// Group of bridges that nothing is forwarded from or to.
pub(crate) const CLOSED_GROUP: u32 = 0x4353_0003;

const BRIDGE: &str = "csb";
const PORT: &str = "csp";

/// The first six bytes of an id in hexadecimal.
pub(crate) fn short(id: Guid) -> String {
    id.to_bytes()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bridge of a network.
pub(crate) fn bridge(network: Guid) -> String {
    format!("{BRIDGE}{}", short(network))
}

/// The port of an endpoint.
pub(crate) fn port(endpoint: Guid) -> String {
    format!("{PORT}{}", short(endpoint))
}

/// Whether an interface of this name and group is one of ours.
pub(crate) fn is_ours(name: &str, group: u32) -> bool {
    let digits = |prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    };
    match group {
        PORT_GROUP => digits(PORT),
        ROUTED_GROUP | CLOSED_GROUP => digits(BRIDGE),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_are_recognised() {
        let id: Guid = "7864c6c9-b77c-4d67-8d1a-ed4007d7d50a".parse().unwrap();
        assert_eq!(bridge(id), "csb7864c6c9b77c");
        assert_eq!(port(id).len(), 15);
        assert!(is_ours(&bridge(id), ROUTED_GROUP) && is_ours(&port(id), PORT_GROUP));
        for (name, group) in
            [("csb7864c6c9b77c", 0), ("csb7864c6c9b77", ROUTED_GROUP), ("csp7864c6c9b77c", CLOSED_GROUP)]
        {
            assert!(!is_ours(name, group), "{name} {group}");
        }
    }
}
