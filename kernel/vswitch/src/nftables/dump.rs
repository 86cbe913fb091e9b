//! Reading back what a table has, to compare it with its description.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::expression::Verdict;
use super::format::{SUBSYSTEM, TABLE_NAME, chain, data, element, msg, rule, set, verdict};
use super::table::{Data, Element, Family, Table};
use crate::netlink::{Answer, Attributes, Message, Socket, be_u32, text};

/// Bytes of `struct nfgenmsg`.
const GENERIC: usize = 4;

/// A chain with a hook, in any table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseChain {
    pub(crate) table: String,
    pub(crate) hook: u32,
}

/// Names of the tables of a family.
pub(crate) fn tables(socket: &mut Socket, family: Family) -> io::Result<Vec<String>> {
    Ok(get(socket, msg::GET_TABLE, family, &[])?
        .iter()
        .filter_map(|answer| Some(text(Attributes::after(&answer.body, GENERIC).find(TABLE_NAME)?)))
        .collect())
}

/// The chains of a family that packets enter.
pub(crate) fn base_chains(socket: &mut Socket, family: Family) -> io::Result<Vec<BaseChain>> {
    let chains = get(socket, msg::GET_CHAIN, family, &[])?;
    Ok(chains.iter().filter_map(|answer| base_chain(answer).map(|(_, found)| found)).collect())
}

fn base_chain(answer: &Answer) -> Option<(String, BaseChain)> {
    let attributes = || Attributes::after(&answer.body, GENERIC);
    let hook = Attributes(attributes().find(chain::HOOK)?).find(chain::HOOK_NUMBER).and_then(be_u32)?;
    let table = text(attributes().find(chain::TABLE)?);
    Some((text(attributes().find(chain::NAME)?), BaseChain { table, hook }))
}

/// Whether the kernel has exactly what the description says.
pub(crate) fn is_as_described(socket: &mut Socket, table: &Table) -> io::Result<bool> {
    if !tables(socket, table.family)?.contains(&table.name) {
        return Ok(false);
    }
    // Chains and their hooks.
    let mut chains = BTreeMap::new();
    for answer in get(socket, msg::GET_CHAIN, table.family, &[])? {
        let attributes = || Attributes::after(&answer.body, GENERIC);
        if attributes().find(chain::TABLE).map(text).as_deref() == Some(&table.name) {
            let name = attributes().find(chain::NAME).map(text).unwrap_or_default();
            let hook = attributes().find(chain::HOOK).map(|hook| {
                let number = |kind| Attributes(hook).find(kind).and_then(be_u32);
                (number(chain::HOOK_NUMBER), number(chain::HOOK_PRIORITY))
            });
            chains.insert(name, hook);
        }
    }
    let described = table
        .chains
        .iter()
        .map(|chain| (chain.name.clone(), chain.hook.map(|hook| (Some(hook.number), Some(hook.priority as u32)))));
    if chains != described.collect() {
        return Ok(false);
    }
    // Rules by their marks, in order.
    let mut marks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for answer in get(socket, msg::GET_RULE, table.family, &[(rule::TABLE, &table.name)])? {
        let attributes = || Attributes::after(&answer.body, GENERIC);
        if attributes().find(rule::TABLE).map(text).as_deref() == Some(&table.name) {
            let chain = attributes().find(rule::CHAIN).map(text).unwrap_or_default();
            let mark = attributes().find(rule::USERDATA).and_then(|user| user.get(2..)).map(text).unwrap_or_default();
            marks.entry(chain).or_default().push(mark);
        }
    }
    let described = table.chains.iter().filter(|chain| !chain.rules.is_empty());
    if marks != described.map(|c| (c.name.clone(), c.rules.iter().map(|rule| rule.mark()).collect())).collect() {
        return Ok(false);
    }
    // Sets, those without a name excepted, and their elements.
    let named = |name: &String| !name.starts_with("__");
    let sets: BTreeSet<String> = get(socket, msg::GET_SET, table.family, &[(set::TABLE, &table.name)])?
        .iter()
        .filter_map(|answer| Some(text(Attributes::after(&answer.body, GENERIC).find(set::NAME)?)))
        .filter(named)
        .collect();
    if sets != table.sets.iter().map(|set| set.name.to_owned()).collect() {
        return Ok(false);
    }
    let none = BTreeSet::new();
    for set in &table.sets {
        let there = elements(socket, table.family, &table.name, set.name)?;
        if there != *table.elements.get(set.name).unwrap_or(&none) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The elements of a set.
pub(crate) fn elements(socket: &mut Socket, family: Family, table: &str, set: &str) -> io::Result<BTreeSet<Element>> {
    let named = [(element::LIST_TABLE, table), (element::LIST_SET, set)];
    let mut found = BTreeSet::new();
    for answer in get(socket, msg::GET_ELEMENT, family, &named)? {
        let Some(list) = Attributes::after(&answer.body, GENERIC).find(element::LIST_ELEMENTS) else { continue };
        found.extend(Attributes(list).filter_map(|(_, one)| read_element(one)));
    }
    Ok(found)
}

fn read_element(one: &[u8]) -> Option<Element> {
    let value =
        |kind| Attributes(one).find(kind).and_then(|nest| Attributes(nest).find(data::VALUE)).map(<[u8]>::to_vec);
    let content = Attributes(one).find(element::DATA).and_then(|nest| {
        if let Some(decision) = Attributes(nest).find(data::VERDICT) {
            let code = Attributes(decision).find(data::VERDICT_CODE).and_then(be_u32)? as i32;
            let chain = Attributes(decision).find(data::VERDICT_CHAIN).map(text).unwrap_or_default();
            return Some(Data::Verdict(match code {
                verdict::ACCEPT => Verdict::Accept,
                verdict::JUMP => Verdict::Jump(chain),
                verdict::GOTO => Verdict::Goto(chain),
                _ => Verdict::Drop,
            }));
        }
        Attributes(nest).find(data::VALUE).map(|value| Data::Value(value.to_vec()))
    });
    let key = value(element::KEY)?;
    // The kernel says for each element of a set of ranges where it ends.
    Some(Element { key, end: value(element::KEY_END), data: content })
}

fn get(socket: &mut Socket, kind: u16, family: Family, names: &[(u16, &str)]) -> io::Result<Vec<Answer>> {
    let mut message = Message::new(SUBSYSTEM << 8 | kind, 0, &[family as u8, 0, 0, 0]);
    for (attribute, name) in names {
        message.text(*attribute, name);
    }
    match socket.dump(message) {
        // Nothing of that name: nothing in it.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Vec::new()),
        result => result,
    }
}
