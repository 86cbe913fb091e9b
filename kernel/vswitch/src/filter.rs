//! The tables on the host, all named `casement`: rules that are written once, and the elements and chains that networks and
//! endpoints add to their sets.

mod address_tables;
mod port_table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::nftables::expression::Verdict;
use crate::nftables::table::{Chain, Data, Element, Family, Rule, Table};
use crate::nftables::transaction::Transaction;

pub(crate) use address_tables::sets as address_sets;
pub(crate) use port_table::{neighbours, sets as port_sets};

/// The name of every table on the host.
pub(crate) const TABLE: &str = "casement";

/// What a network or an endpoint adds to the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragment {
    elements: BTreeSet<(Family, &'static str, Element)>,
    chains: BTreeMap<(Family, String), Vec<Rule>>,
}

impl Fragment {
    /// Adds a key to a set.
    pub(crate) fn key(&mut self, family: Family, set: &'static str, key: Vec<u8>) {
        self.elements.insert((family, set, Element { key, end: None, data: None }));
    }

    /// Adds the ranges of a key to a set of ranges.
    pub(crate) fn range(&mut self, family: Family, set: &'static str, key: Vec<u8>, end: Vec<u8>) {
        self.elements.insert((family, set, Element { key, end: Some(end), data: None }));
    }

    /// Adds a value for a key to a map.
    pub(crate) fn value(&mut self, family: Family, map: &'static str, key: Vec<u8>, value: Vec<u8>) {
        self.elements.insert((family, map, Element { key, end: None, data: Some(Data::Value(value)) }));
    }

    /// Adds a chain, to which a verdict map goes for a key.
    pub(crate) fn chain(&mut self, family: Family, map: &'static str, key: Vec<u8>, name: String, rules: Vec<Rule>) {
        let data = Some(Data::Verdict(Verdict::Goto(name.clone())));
        self.elements.insert((family, map, Element { key, end: None, data }));
        self.chains.insert((family, name), rules);
    }

    /// Leaves out what is for a table that is not there.
    pub(crate) fn without_ipv6_unless(mut self, ipv6: bool) -> Self {
        self.elements.retain(|(family, _, _)| ipv6 || *family != Family::Ipv6);
        self
    }

    /// Adds all of another.
    pub(crate) fn extend(&mut self, other: Fragment) {
        self.elements.extend(other.elements);
        self.chains.extend(other.chains);
    }
}

/// Everything that the tables are to have. Without IPv6 there is no table for it.
pub(crate) fn tables(ipv6: bool, fragment: &Fragment) -> Vec<Table> {
    let mut tables = vec![address_tables::table(Family::Ipv4), port_table::table()];
    if ipv6 {
        tables.push(address_tables::table(Family::Ipv6));
    }
    for table in &mut tables {
        for (family, set, element) in &fragment.elements {
            if *family == table.family {
                table.elements.entry(set).or_default().insert(element.clone());
            }
        }
        for ((family, name), rules) in &fragment.chains {
            if *family == table.family {
                table.chains.push(Chain { name: name.clone(), hook: None, rules: rules.clone() });
            }
        }
    }
    tables
}

/// The changes from one fragment to another in tables that have the first.
pub(crate) fn difference(before: &Fragment, after: &Fragment) -> Transaction {
    let mut transaction = Transaction::new();
    for ((family, name), rules) in &after.chains {
        let chain = Chain { name: name.clone(), hook: None, rules: rules.clone() };
        match before.chains.get(&(*family, name.clone())) {
            Some(old) if old == rules => continue,
            Some(_) => transaction.flush_chain(*family, TABLE, name),
            None => transaction.add_chain(*family, TABLE, &chain),
        }
        transaction.add_rules(*family, TABLE, &chain);
    }
    for ((family, set), elements) in grouped(before.elements.difference(&after.elements)) {
        transaction.remove_elements(family, TABLE, set, elements);
    }
    for ((family, set), elements) in grouped(after.elements.difference(&before.elements)) {
        transaction.add_elements(family, TABLE, set, elements);
    }
    for (family, name) in before.chains.keys() {
        if !after.chains.contains_key(&(*family, name.clone())) {
            transaction.flush_chain(*family, TABLE, name);
            transaction.remove_chain(*family, TABLE, name);
        }
    }
    transaction
}

type Grouped<'a> = BTreeMap<(Family, &'static str), Vec<&'a Element>>;

fn grouped<'a>(elements: impl Iterator<Item = &'a (Family, &'static str, Element)>) -> Grouped<'a> {
    let mut groups = Grouped::new();
    for (family, set, element) in elements {
        groups.entry((*family, set)).or_default().push(element);
    }
    groups
}

/// A key under construction: fields padded to four bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn interface(mut self, name: &str) -> Self {
        let end = self.0.len() + 16;
        self.0.extend_from_slice(&name.as_bytes()[..name.len().min(15)]);
        self.0.resize(end, 0);
        self
    }

    pub(crate) fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => self.bytes(&v4.octets()),
            IpAddr::V6(v6) => self.bytes(&v6.octets()),
        }
    }

    pub(crate) fn port(self, port: u16) -> Self {
        self.bytes(&port.to_be_bytes())
    }

    pub(crate) fn build(self) -> Vec<u8> {
        self.0
    }
}

/// The family of the table that an address belongs in.
pub(crate) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
}
