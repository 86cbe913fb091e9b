//! The host's side of everything: the sockets, what the kernel offers, and forwarding.

use std::io;

use crate::capabilities::{Capabilities, Shaper};
use crate::error::VSwitchError;
use crate::filter::{self, Fragment};
use crate::forwarding::{self, Restore};
use crate::name::{self, ROUTED_GROUP};
use crate::namespace::Namespace;
use crate::netlink::Socket;
use crate::network::Network;
use crate::nftables::dump;
use crate::nftables::table::{Family, Table, hook};
use crate::nftables::transaction::Transaction;
use crate::route;

/// The host.
pub(crate) struct Host {
    pub(crate) route: Socket,
    pub(crate) filter: Socket,
    pub(crate) capabilities: Capabilities,
}

impl Host {
    /// Opens the sockets and tries in a scratch namespace what the kernel can do.
    pub(crate) fn open() -> Result<Self, VSwitchError> {
        let failed = VSwitchError::kernel::<io::Error>;
        let route = Socket::route().map_err(failed("open", "a socket for rtnetlink"))?;
        let filter = Socket::netfilter().map_err(failed("open", "a socket for nfnetlink"))?;
        Ok(Self { route, filter, capabilities: probe()? })
    }

    /// Makes the tables what the fragment says, in one step.
    pub(crate) fn write_tables<'a>(&mut self, tables: impl IntoIterator<Item = &'a Table>) -> Result<(), VSwitchError> {
        let mut transaction = Transaction::new();
        for table in tables {
            transaction.replace_table(table);
        }
        transaction.commit(&mut self.filter).map_err(VSwitchError::kernel("write", "the tables of the packet filter"))
    }

    /// Removes the tables; those that are not there are no error.
    pub(crate) fn remove_tables(&mut self) -> Result<(), VSwitchError> {
        let mut transaction = Transaction::new();
        for table in filter::tables(self.capabilities.ipv6, &Fragment::default()) {
            transaction.remove_table(table.family, &table.name);
        }
        transaction.commit(&mut self.filter).map_err(VSwitchError::kernel("remove", "the tables of the packet filter"))
    }

    /// The nat networks' bridges that are there.
    fn routed_bridges(&mut self) -> Result<Vec<route::Link>, VSwitchError> {
        let links = route::links(&mut self.route).map_err(VSwitchError::kernel("list", "the interfaces"))?;
        Ok(links.into_iter().filter(|l| l.group == ROUTED_GROUP && name::is_ours(&l.name, l.group)).collect())
    }

    /// What a new nat network has to remember about forwarding: what the others remember, and what is off now.
    pub(crate) fn forwarding_to_restore(&mut self, network: &Network) -> Result<Restore, VSwitchError> {
        let mut restore = Restore::default();
        for bridge in self.routed_bridges()? {
            restore = restore.merge(Restore::read(&bridge.alias));
        }
        let mut now = Restore { ipv4: forwarding::is_off(false), ..Restore::default() };
        if network.has_ipv6() && forwarding::is_off(true) {
            now.ipv6 = true;
            let links = route::links(&mut self.route).map_err(VSwitchError::kernel("list", "the interfaces"))?;
            let others = links.into_iter().filter(|l| !name::is_ours(&l.name, l.group)).map(|l| l.name);
            now.advertised = others.filter(|name| forwarding::takes_advertisements(name)).collect();
        }
        Ok(restore.merge(now))
    }

    /// Turns forwarding on where it is off; tells whether it was.
    pub(crate) fn enable_forwarding(&mut self, ipv6: bool) -> Result<bool, VSwitchError> {
        let mut changed = false;
        if forwarding::is_off(false) {
            forwarding::set(false, true)?;
            changed = true;
        }
        if ipv6 && forwarding::is_off(true) {
            for bridge in self.routed_bridges()? {
                for interface in Restore::read(&bridge.alias).advertised {
                    forwarding::set_advertisements(&interface, true)?;
                }
            }
            forwarding::set(true, true)?;
            changed = true;
        }
        Ok(changed)
    }

    /// Turns forwarding off again if it was off before our networks, and nobody else's rules forward.
    pub(crate) fn restore_forwarding(&mut self) -> Result<(), VSwitchError> {
        let mut restore = Restore::default();
        for bridge in self.routed_bridges()? {
            restore = restore.merge(Restore::read(&bridge.alias));
        }
        for (wanted, ipv6) in [(restore.ipv4, false), (restore.ipv6, true)] {
            if wanted && !self.others_forward(ipv6)? {
                forwarding::set(ipv6, false)?;
                for interface in restore.advertised.iter().filter(|_| ipv6) {
                    forwarding::set_advertisements(interface, false)?;
                }
            }
        }
        Ok(())
    }

    fn others_forward(&mut self, ipv6: bool) -> Result<bool, VSwitchError> {
        if !ipv6 && forwarding::old_iptables_is_used() {
            return Ok(true);
        }
        for family in [Family::Inet, if ipv6 { Family::Ipv6 } else { Family::Ipv4 }] {
            let chains = dump::base_chains(&mut self.filter, family);
            let chains = chains.map_err(VSwitchError::kernel("list", "the chains of the packet filter"))?;
            let forwards = |c: &dump::BaseChain| matches!(c.hook, hook::FORWARD | hook::POSTROUTING);
            if chains.iter().any(|chain| chain.table != filter::TABLE && forwards(chain)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Tries everything in a namespace that goes away again.
fn probe() -> Result<Capabilities, VSwitchError> {
    let scratch = Namespace::create()?;
    let sockets = scratch.run(|| Ok::<_, io::Error>((Socket::route()?, Socket::netfilter()?)))?;
    let (mut route, mut filter) = sockets.map_err(VSwitchError::kernel("open", "sockets for netlink"))?;
    let mut try_table = |table: &Table| {
        let mut transaction = Transaction::new();
        transaction.replace_table(table);
        transaction.commit(&mut filter)
    };
    let mut ipv6 = forwarding::ipv6_is_on();
    for table in filter::tables(ipv6, &Fragment::default()) {
        let result = try_table(&table);
        if table.family == Family::Ipv6 {
            ipv6 = result.is_ok();
            continue;
        }
        if let Err(error) = result {
            tracing::error!(family = table.family.name(), %error, "the packet filter refused a table");
            let feature =
                "nf_tables for ip and bridge with nat, masquerading and fib (nf_tables_bridge, nft_masq, nft_fib_ipv4)";
            return Err(VSwitchError::UnsupportedKernel {
                feature,
                needed_for: "no network of containers can be kept apart",
            });
        }
    }
    const LOOPBACK: u32 = 1;
    let bucket = route.exchange_all(&mut [route::new_token_bucket(LOOPBACK, 1 << 20)]);
    let shaper = if bucket.is_ok() { Shaper::TokenBucket } else { Shaper::Policer };
    Ok(Capabilities { shaper, ipv6, bridge_netfilter: forwarding::bridged_frames_are_filtered() })
}
