//! Line `networks`: what the virtual switch needs of the kernel is tried in a network namespace that goes away again.

use casement_hns::vswitch::VSwitch;
use rustix::thread::UnshareFlags;

use super::super::probe::{gain_rights, unshare};
use super::super::{Line, Topic, Verdict};
use super::chain;

/// Tries bridges, and the packet filter with address translation.
pub fn switch() -> Line {
    let topic = Topic::Networks;
    match attempt() {
        Ok(found) => Line::new(topic, Verdict::Ok, found, "containers have addresses, names and published ports"),
        Err(error) => {
            let means = "containers run with loopback only: the kernel needs bridge, veth and nf_tables for ip and bridge \
                with nat, masquerading and fib";
            Line::failed(topic, Verdict::Degraded, error, means)
        }
    }
}

fn attempt() -> Result<String, String> {
    gain_rights()?;
    unshare(UnshareFlags::NEWNET).map_err(|error| format!("no network namespace: {error}"))?;
    let switch = VSwitch::open().map_err(|error| chain(&error))?;
    let all = std::iter::once("bridge, veth, nftables").chain(switch.capabilities().fallbacks());
    Ok(all.collect::<Vec<_>>().join("; "))
}
