//! The description of a table: its chains, rules and sets, as they are to be in the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::expression::{Expression, Verdict};

/// The family of packets that a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    Inet = 1,
    Ipv4 = 2,
    Bridge = 7,
    Ipv6 = 10,
}

impl Family {
    /// As nft writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ipv4 => "ip",
            Self::Bridge => "bridge",
            Self::Ipv6 => "ip6",
        }
    }
}

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    /// `filter` or `nat`.
    pub(crate) kind: &'static str,
    /// `NF_INET_*` or `NF_BR_*`.
    pub(crate) number: u32,
    /// Smaller comes first.
    pub(crate) priority: i32,
}

/// `NF_INET_*`, which `NF_BR_*` are too.
pub(crate) mod hook {
    pub(crate) const PREROUTING: u32 = 0;
    pub(crate) const INPUT: u32 = 1;
    pub(crate) const FORWARD: u32 = 2;
    pub(crate) const OUTPUT: u32 = 3;
    pub(crate) const POSTROUTING: u32 = 4;
}

/// A rule: expressions that all have to match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rule(pub(crate) Vec<Expression>);

impl Rule {
    /// A text that changes with the rule. It is kept with the rule in the kernel, so that what was written can be told
    /// from what somebody else wrote.
    pub(crate) fn mark(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("casement {:016x}", hasher.finish())
    }
}

/// A chain of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// None for one that rules jump to.
    pub(crate) hook: Option<Hook>,
    pub(crate) rules: Vec<Rule>,
}

/// The type of a field of a key, as nft numbers them; the kernel only keeps the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Ipv4 = 7,
    Ipv6 = 8,
    Ether = 9,
    Protocol = 12,
    Port = 13,
    Interface = 41,
}

impl Field {
    /// Bytes in a key, padded to registers.
    pub(crate) const fn length(self) -> u32 {
        match self {
            Self::Ipv4 | Self::Protocol | Self::Port => 4,
            Self::Ether => 8,
            Self::Ipv6 | Self::Interface => 16,
        }
    }
}

/// What a set has for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetKind {
    Keys,
    Values(&'static [Field]),
    Verdicts,
}

/// A named set or map without its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [Field],
    pub(crate) kind: SetKind,
    /// Elements are ranges in each field.
    pub(crate) ranges: bool,
}

/// What a map has for a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Data {
    Value(Vec<u8>),
    Verdict(Verdict),
}

/// An element of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) key: Vec<u8>,
    /// The end of a range, included.
    pub(crate) end: Option<Vec<u8>>,
    pub(crate) data: Option<Data>,
}

/// A table as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) family: Family,
    pub(crate) name: String,
    pub(crate) sets: Vec<Set>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) elements: BTreeMap<&'static str, BTreeSet<Element>>,
}
