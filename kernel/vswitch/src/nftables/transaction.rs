//! Changes of tables that take effect together.

use std::io;

use super::expression::{ANONYMOUS_SET, Expression};
use super::format::{BATCH_BEGIN, BATCH_END, LIST_ELEM, SUBSYSTEM, TABLE_NAME, chain, data, element, msg, rule, set};
use super::table::{Chain, Data, Element, Family, Field, Rule, Set, SetKind, Table};
use crate::netlink::{Message, Socket, flags};

/// Bytes of elements in one message; an attribute holds 65,535.
const ELEMENTS_LIMIT: usize = 48 << 10;

/// A list of changes.
pub(crate) struct Transaction {
    messages: Vec<Message>,
    set_ids: u32,
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self { messages: vec![Message::new(BATCH_BEGIN, 0, &header(0, SUBSYSTEM))], set_ids: 0 }
    }

    /// Makes a table what the description says, whatever was there.
    pub(crate) fn replace_table(&mut self, table: &Table) {
        // Deleting needs something that is there.
        self.push(msg::NEW_TABLE, flags::CREATE, table.family).text(TABLE_NAME, &table.name);
        self.push(msg::DEL_TABLE, 0, table.family).text(TABLE_NAME, &table.name);
        self.push(msg::NEW_TABLE, flags::CREATE, table.family).text(TABLE_NAME, &table.name);
        for described in &table.sets {
            self.add_set(table.family, &table.name, described);
        }
        for chain in &table.chains {
            self.add_chain(table.family, &table.name, chain);
        }
        for (set, elements) in &table.elements {
            self.add_elements(table.family, &table.name, set, elements);
        }
        for chain in &table.chains {
            self.add_rules(table.family, &table.name, chain);
        }
    }

    /// Removes a table, if it is there.
    pub(crate) fn remove_table(&mut self, family: Family, table: &str) {
        self.push(msg::NEW_TABLE, flags::CREATE, family).text(TABLE_NAME, table);
        self.push(msg::DEL_TABLE, 0, family).text(TABLE_NAME, table);
    }

    /// Makes a chain without rules.
    pub(crate) fn add_chain(&mut self, family: Family, table: &str, described: &Chain) {
        let message = self.push(msg::NEW_CHAIN, flags::CREATE, family);
        message.text(chain::TABLE, table).text(chain::NAME, &described.name);
        if let Some(hook) = described.hook {
            const ACCEPT: u32 = 1;
            message.nested(chain::HOOK, |m| {
                m.be32(chain::HOOK_NUMBER, hook.number).be32(chain::HOOK_PRIORITY, hook.priority as u32);
            });
            message.be32(chain::POLICY, ACCEPT).text(chain::TYPE, hook.kind);
        }
    }

    /// Appends the rules of a chain.
    pub(crate) fn add_rules(&mut self, family: Family, table: &str, described: &Chain) {
        for rule in &described.rules {
            self.add_rule(family, table, &described.name, rule);
        }
    }

    /// Removes all rules of a chain.
    pub(crate) fn flush_chain(&mut self, family: Family, table: &str, name: &str) {
        self.push(msg::DEL_RULE, 0, family).text(rule::TABLE, table).text(rule::CHAIN, name);
    }

    /// Removes a chain without rules.
    pub(crate) fn remove_chain(&mut self, family: Family, table: &str, name: &str) {
        self.push(msg::DEL_CHAIN, 0, family).text(chain::TABLE, table).text(chain::NAME, name);
    }

    /// Adds elements to a set.
    pub(crate) fn add_elements<'a>(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
        elements: impl IntoIterator<Item = &'a Element>,
    ) {
        self.elements(msg::NEW_ELEMENT, flags::CREATE, (family, table, set), elements);
    }

    /// Removes elements from a set; all of them have to be in it.
    pub(crate) fn remove_elements<'a>(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
        elements: impl IntoIterator<Item = &'a Element>,
    ) {
        self.elements(msg::DEL_ELEMENT, 0, (family, table, set), elements);
    }

    /// Carries everything out, or nothing.
    pub(crate) fn commit(mut self, socket: &mut Socket) -> io::Result<()> {
        if self.messages.len() == 1 {
            return Ok(());
        }
        self.messages.push(Message::new(BATCH_END, 0, &header(0, SUBSYSTEM)));
        socket.transact(&mut self.messages)
    }

    fn push(&mut self, kind: u16, message_flags: u16, family: Family) -> &mut Message {
        let at = self.messages.len();
        self.messages.push(Message::new(SUBSYSTEM << 8 | kind, message_flags, &header(family as u8, 0)));
        &mut self.messages[at]
    }

    fn add_set(&mut self, family: Family, table: &str, described: &Set) {
        self.set_ids += 1;
        let id = self.set_ids;
        let message = self.push(msg::NEW_SET, flags::CREATE, family);
        message.text(set::TABLE, table).text(set::NAME, described.name);
        let mut set_flags = if described.ranges { set::FLAG_INTERVAL | set::FLAG_CONCAT } else { 0 };
        if described.kind != SetKind::Keys {
            set_flags |= set::FLAG_MAP;
        }
        message.be32(set::FLAGS, set_flags);
        message.be32(set::KEY_TYPE, type_of(described.key)).be32(set::KEY_LEN, length_of(described.key));
        match described.kind {
            SetKind::Keys => {}
            SetKind::Verdicts => {
                message.be32(set::DATA_TYPE, set::TYPE_VERDICT).be32(set::DATA_LEN, 0);
            }
            SetKind::Values(fields) => {
                message.be32(set::DATA_TYPE, type_of(fields)).be32(set::DATA_LEN, length_of(fields));
            }
        }
        message.be32(set::ID, id);
        if described.ranges {
            message.nested(set::DESC, |m| {
                m.nested(set::DESC_CONCAT, |m| {
                    for field in described.key {
                        m.nested(LIST_ELEM, |m| {
                            m.be32(set::FIELD_LEN, field.length());
                        });
                    }
                });
            });
        }
    }

    fn add_rule(&mut self, family: Family, table: &str, chain: &str, described: &Rule) {
        let first_id = self.set_ids;
        for expression in &described.0 {
            if let Expression::InRanges { ranges, .. } = expression {
                self.add_anonymous_set(family, table, ranges);
            }
        }
        let message = self.push(msg::NEW_RULE, flags::CREATE | flags::APPEND, family);
        message.text(rule::TABLE, table).text(rule::CHAIN, chain);
        let mut set_id = first_id;
        message.nested(rule::EXPRESSIONS, |m| {
            for expression in &described.0 {
                if matches!(expression, Expression::InRanges { .. }) {
                    set_id += 1;
                }
                expression.write(m, set_id);
            }
        });
        let mark = described.mark();
        let mut user_data = vec![rule::COMMENT, mark.len() as u8 + 1];
        user_data.extend_from_slice(mark.as_bytes());
        user_data.push(0);
        message.attribute(rule::USERDATA, &user_data);
    }

    fn add_anonymous_set(&mut self, family: Family, table: &str, ranges: &[(Vec<u8>, Vec<u8>)]) {
        self.set_ids += 1;
        let id = self.set_ids;
        let length = ranges.first().map_or(0, |range| range.0.len());
        let message = self.push(msg::NEW_SET, flags::CREATE, family);
        message.text(set::TABLE, table).text(set::NAME, ANONYMOUS_SET);
        message.be32(set::FLAGS, set::FLAG_ANONYMOUS | set::FLAG_CONSTANT | set::FLAG_INTERVAL);
        message.be32(set::KEY_TYPE, 0).be32(set::KEY_LEN, length as u32).be32(set::ID, id);
        let mut bounds = Vec::new();
        for (first, last) in merged(ranges) {
            bounds.push((first, false));
            // A range ends before the address that follows it; one that goes to the last address has no end.
            if let Some(after) = successor(&last) {
                bounds.push((after, true));
            }
        }
        for bounds in bounds.chunks(512) {
            let message = self.push(msg::NEW_ELEMENT, flags::CREATE, family);
            message.text(element::LIST_TABLE, table).text(element::LIST_SET, ANONYMOUS_SET);
            message.be32(element::LIST_SET_ID, id).nested(element::LIST_ELEMENTS, |m| {
                for (key, end) in bounds {
                    m.nested(LIST_ELEM, |m| {
                        if *end {
                            m.be32(element::FLAGS, element::FLAG_INTERVAL_END);
                        }
                        m.nested(element::KEY, |m| {
                            m.attribute(data::VALUE, key);
                        });
                    });
                }
            });
        }
    }

    fn elements<'a>(
        &mut self,
        kind: u16,
        message_flags: u16,
        (family, table, set): (Family, &str, &str),
        elements: impl IntoIterator<Item = &'a Element>,
    ) {
        let mut elements = elements.into_iter().peekable();
        while elements.peek().is_some() {
            let message = self.push(kind, message_flags, family);
            message.text(element::LIST_TABLE, table).text(element::LIST_SET, set);
            message.nested(element::LIST_ELEMENTS, |m| {
                while let Some(described) = elements.next_if(|_| m.len() < ELEMENTS_LIMIT) {
                    m.nested(LIST_ELEM, |m| write_element(m, described));
                }
            });
        }
    }
}

fn write_element(message: &mut Message, described: &Element) {
    message.nested(element::KEY, |m| {
        m.attribute(data::VALUE, &described.key);
    });
    if let Some(end) = &described.end {
        message.nested(element::KEY_END, |m| {
            m.attribute(data::VALUE, end);
        });
    }
    match &described.data {
        None => {}
        Some(Data::Value(value)) => {
            message.nested(element::DATA, |m| {
                m.attribute(data::VALUE, value);
            });
        }
        Some(Data::Verdict(verdict)) => {
            message.nested(element::DATA, |m| verdict.write(m));
        }
    }
}

/// `struct nfgenmsg`.
fn header(family: u8, resource: u16) -> [u8; 4] {
    let resource = resource.to_be_bytes();
    [family, 0, resource[0], resource[1]]
}

fn type_of(fields: &[Field]) -> u32 {
    // As nft composes the types of concatenations.
    fields.iter().fold(0, |number, field| number << 6 | *field as u32)
}

fn length_of(fields: &[Field]) -> u32 {
    fields.iter().map(|field| field.length()).sum()
}

/// Sorted ranges of which none touch.
fn merged(ranges: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    let mut result: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (first, last) in sorted {
        match result.last_mut() {
            Some(before) if first <= before.1 || successor(&before.1).is_some_and(|after| first <= after) => {
                if last > before.1 {
                    before.1 = last;
                }
            }
            _ => result.push((first, last)),
        }
    }
    result
}

/// The number after `value`; none after the last.
fn successor(value: &[u8]) -> Option<Vec<u8>> {
    let mut next = value.to_vec();
    for byte in next.iter_mut().rev() {
        let (sum, overflow) = byte.overflowing_add(1);
        *byte = sum;
        if !overflow {
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let range = |first: u8, last: u8| (vec![first], vec![last]);
        assert_eq!(merged(&[range(5, 9), range(1, 3), range(4, 4), range(20, 255)]), [range(1, 9), range(20, 255)]);
        assert_eq!(merged(&[range(1, 9), range(2, 3)]), [range(1, 9)]);
        assert_eq!(successor(&[0, 255]), Some(vec![1, 0]));
        assert_eq!(successor(&[255, 255]), None);
    }
}
