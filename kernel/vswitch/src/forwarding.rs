//! Forwarding between interfaces: turned on for nat networks, and turned off again by whom it was turned on.
//!
//! What it was before is kept in the alias of every bridge of a nat network, because that survives a crash and a flush of the
//! packet filter. The last of them to go restores it, unless somebody else has come to need it.

use std::fs;
use std::io;
use std::path::Path;

use casement_schema::Guid;

use crate::error::VSwitchError;

const NETWORK: &str = "casement network ";
const IPV4: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
/// Bytes of an interface's alias.
const ALIAS_LIMIT: usize = 255;

/// What is to be undone when the last nat network goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restore {
    pub(crate) ipv4: bool,
    pub(crate) ipv6: bool,
    /// Interfaces that took router advertisements, which a host that forwards does not take unless told so.
    pub(crate) advertised: Vec<String>,
}

impl Restore {
    /// The alias of a network's bridge.
    pub(crate) fn write(&self, network: Guid) -> String {
        let mut text = format!("{NETWORK}{network}");
        for (wanted, word) in [(self.ipv4, " ipv4-was-off"), (self.ipv6, " ipv6-was-off")] {
            if wanted {
                text.push_str(word);
            }
        }
        for interface in &self.advertised {
            if text.len() + 4 + interface.len() <= ALIAS_LIMIT {
                text.push_str(" ra=");
                text.push_str(interface);
            }
        }
        text
    }

    /// What an alias says; nothing for one that is not ours.
    pub(crate) fn read(alias: &str) -> Self {
        let mut found = Self::default();
        for word in alias.strip_prefix(NETWORK).unwrap_or_default().split(' ') {
            match word {
                "ipv4-was-off" => found.ipv4 = true,
                "ipv6-was-off" => found.ipv6 = true,
                _ => found.advertised.extend(word.strip_prefix("ra=").map(str::to_owned)),
            }
        }
        found
    }

    /// What both say.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.ipv4 |= other.ipv4;
        self.ipv6 |= other.ipv6;
        for interface in other.advertised {
            if !self.advertised.contains(&interface) {
                self.advertised.push(interface);
            }
        }
        self
    }
}

/// Whether a kind of forwarding is off. A kernel without the family counts as on: there is nothing to turn on.
pub(crate) fn is_off(ipv6: bool) -> bool {
    fs::read_to_string(if ipv6 { IPV6 } else { IPV4 }).is_ok_and(|text| text.trim() == "0")
}

/// Turns forwarding on or off.
pub(crate) fn set(ipv6: bool, on: bool) -> Result<(), VSwitchError> {
    let path = if ipv6 { IPV6 } else { IPV4 };
    fs::write(path, if on { "1" } else { "0" }).map_err(VSwitchError::kernel("write", path))
}

/// Whether an interface takes router advertisements, only as long as it does not forward.
pub(crate) fn takes_advertisements(interface: &str) -> bool {
    fs::read_to_string(accept_ra(interface)).is_ok_and(|text| text.trim() == "1")
}

/// Lets an interface take router advertisements although it forwards, or only if it does not.
pub(crate) fn set_advertisements(interface: &str, although_forwarding: bool) -> Result<(), VSwitchError> {
    let path = accept_ra(interface);
    match fs::write(&path, if although_forwarding { "2" } else { "1" }) {
        // An interface that is gone has nothing to restore.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(VSwitchError::kernel("write", path)),
    }
}

fn accept_ra(interface: &str) -> String {
    format!("/proc/sys/net/ipv6/conf/{interface}/accept_ra")
}

/// Keeps IPv6 off an interface that has nothing to say. A route of it would be one more for the kernel to look at whenever another
/// interface comes or goes.
pub(crate) fn keep_ipv6_off(interface: &str) -> Result<(), VSwitchError> {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
    match fs::write(&path, "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VSwitchError::kernel("write", path)(error)),
        _ => Ok(()),
    }
}

/// Whether bridged frames pass IP's hooks.
pub(crate) fn bridged_frames_are_filtered() -> bool {
    let path = Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables");
    fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
}

/// Whether the kernel has IPv6 and it is not turned off.
pub(crate) fn ipv6_is_on() -> bool {
    fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6").is_ok_and(|text| text.trim() == "0")
}

/// Whether old iptables has rules in this namespace, which nf_tables does not show.
pub(crate) fn old_iptables_is_used() -> bool {
    fs::read_to_string("/proc/thread-self/net/ip_tables_names").is_ok_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_restored_survives_in_an_alias() {
        let restore = Restore { ipv4: true, ipv6: true, advertised: vec!["eth0".to_owned(), "wlan0".to_owned()] };
        let alias = restore.write(Guid::NULL);
        assert_eq!(Restore::read(&alias), restore);
        assert_eq!(Restore::read(&Restore::default().write(Guid::NULL)), Restore::default());
        assert_eq!(Restore::read("somebody's ipv4-was-off"), Restore::default());
        let many = Restore { advertised: (0..99).map(|n| format!("interface{n:04}")).collect(), ..restore };
        assert!(many.write(Guid::NULL).len() <= ALIAS_LIMIT);
    }
}
