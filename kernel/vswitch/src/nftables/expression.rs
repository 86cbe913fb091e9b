//! Expressions of nf_tables rules: each loads something into a register, tests one, or decides.

use super::format::{LIST_ELEM, data, verdict};
use crate::netlink::Message;

/// A 32-bit register, 0 to 15. Longer values take several in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Register(pub(crate) u8);

impl Register {
    fn number(self) -> u32 {
        8 + u32::from(self.0)
    }
}

/// What is known about a packet beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meta {
    /// Ethertype, 2 bytes in the network's order.
    Protocol = 1,
    /// Name of the interface it came by, 16 bytes.
    InputName = 6,
    /// Name of the interface it leaves by, 16 bytes.
    OutputName = 7,
    /// Transport protocol, 1 byte.
    TransportProtocol = 16,
    /// Group of the interface it came by, 4 bytes in the host's order.
    InputGroup = 21,
    /// Group of the interface it leaves by.
    OutputGroup = 22,
}

/// Which header an offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Header {
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// What connection tracking knows, 4 bytes in the host's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Connection {
    /// A bit of [`state`].
    State = 0,
    /// `IPS_*` bits.
    Status = 2,
}

/// Bits of [`Connection::State`] and [`Connection::Status`].
pub(crate) mod state {
    pub(crate) const INVALID: u32 = 1;
    pub(crate) const ESTABLISHED: u32 = 2;
    pub(crate) const RELATED: u32 = 4;
    /// `IPS_DST_NAT`: the connection's destination was translated.
    pub(crate) const STATUS_DNAT: u32 = 0x20;
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    Accept,
    Drop,
    Jump(String),
    Goto(String),
}

impl Verdict {
    pub(super) fn write(&self, message: &mut Message) {
        let (code, chain) = match self {
            Self::Accept => (verdict::ACCEPT, None),
            Self::Drop => (verdict::DROP, None),
            Self::Jump(chain) => (verdict::JUMP, Some(chain)),
            Self::Goto(chain) => (verdict::GOTO, Some(chain)),
        };
        message.nested(data::VERDICT, |m| {
            m.be32(data::VERDICT_CODE, code as u32);
            if let Some(chain) = chain {
                m.text(data::VERDICT_CHAIN, chain);
            }
        });
    }
}

/// Which address of a packet is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Translation {
    Source = 0,
    Destination = 1,
}

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Expression {
    Meta {
        key: Meta,
        to: Register,
    },
    Payload {
        header: Header,
        offset: u32,
        length: u32,
        to: Register,
    },
    Connection {
        key: Connection,
        to: Register,
    },
    /// The type of the destination address in the routing table (`RTN_*`), 4 bytes in the host's order.
    DestinationType {
        to: Register,
    },
    /// Keeps the bits of `mask`.
    And {
        register: Register,
        mask: Vec<u8>,
    },
    Equal {
        register: Register,
        value: Vec<u8>,
    },
    NotEqual {
        register: Register,
        value: Vec<u8>,
    },
    /// In a named set.
    In {
        register: Register,
        set: &'static str,
    },
    /// Not in a named set.
    NotIn {
        register: Register,
        set: &'static str,
    },
    /// In one of these ranges (first to last), in a set without a name that is the rule's own.
    InRanges {
        register: Register,
        ranges: Vec<(Vec<u8>, Vec<u8>)>,
    },
    /// Loads what a map has for the value.
    Map {
        register: Register,
        map: &'static str,
        to: Register,
    },
    /// Decides as a map says, if it has the value.
    VerdictMap {
        register: Register,
        map: &'static str,
    },
    Decide(Verdict),
    /// Translates to the address, and the port for destinations, in registers.
    Translate {
        kind: Translation,
        ipv6: bool,
        address: Register,
        port: Option<Register>,
    },
    Masquerade,
    /// Matches what is beyond a rate.
    Over {
        bytes_a_second: u64,
        burst: u32,
    },
}

impl Expression {
    /// Appends the expression; `set_id` is that of the set without a name.
    pub(super) fn write(&self, message: &mut Message, set_id: u32) {
        message.nested(LIST_ELEM, |m| match self {
            Self::Meta { key, to } => named(m, "meta", |m| {
                m.be32(1, to.number()).be32(2, *key as u32);
            }),
            Self::Payload { header, offset, length, to } => named(m, "payload", |m| {
                m.be32(1, to.number()).be32(2, *header as u32).be32(3, *offset).be32(4, *length);
            }),
            Self::Connection { key, to } => named(m, "ct", |m| {
                m.be32(1, to.number()).be32(2, *key as u32);
            }),
            Self::DestinationType { to } => named(m, "fib", |m| {
                const RESULT_ADDRESS_TYPE: u32 = 3;
                const FLAG_DESTINATION: u32 = 2;
                m.be32(1, to.number()).be32(2, RESULT_ADDRESS_TYPE).be32(3, FLAG_DESTINATION);
            }),
            Self::And { register, mask } => named(m, "bitwise", |m| {
                m.be32(1, register.number()).be32(2, register.number()).be32(3, mask.len() as u32);
                m.nested(4, |m| {
                    m.attribute(data::VALUE, mask);
                });
                m.nested(5, |m| {
                    m.attribute(data::VALUE, &vec![0; mask.len()]);
                });
            }),
            Self::Equal { register, value } => compare(m, *register, 0, value),
            Self::NotEqual { register, value } => compare(m, *register, 1, value),
            Self::In { register, set } => named(m, "lookup", |m| {
                m.text(1, set).be32(2, register.number());
            }),
            Self::NotIn { register, set } => named(m, "lookup", |m| {
                m.text(1, set).be32(2, register.number()).be32(5, 1);
            }),
            Self::InRanges { register, .. } => named(m, "lookup", |m| {
                m.text(1, ANONYMOUS_SET).be32(2, register.number()).be32(4, set_id);
            }),
            Self::Map { register, map, to } => named(m, "lookup", |m| {
                m.text(1, map).be32(2, register.number()).be32(3, to.number());
            }),
            Self::VerdictMap { register, map } => named(m, "lookup", |m| {
                m.text(1, map).be32(2, register.number()).be32(3, 0);
            }),
            Self::Decide(verdict) => named(m, "immediate", |m| {
                m.be32(1, 0).nested(2, |m| verdict.write(m));
            }),
            Self::Translate { kind, ipv6, address, port } => named(m, "nat", |m| {
                let family = if *ipv6 { libc::AF_INET6 } else { libc::AF_INET };
                m.be32(1, *kind as u32).be32(2, family as u32).be32(3, address.number());
                if let Some(port) = port {
                    m.be32(5, port.number());
                }
            }),
            Self::Masquerade => named(m, "masq", |_| {}),
            Self::Over { bytes_a_second, burst } => named(m, "limit", |m| {
                const BYTES: u32 = 1;
                const INVERTED: u32 = 1;
                m.attribute(1, &bytes_a_second.to_be_bytes()).attribute(2, &1u64.to_be_bytes());
                m.be32(3, *burst).be32(4, BYTES).be32(5, INVERTED);
            }),
        });
    }
}

/// The name under which the kernel makes a set without a name.
pub(super) const ANONYMOUS_SET: &str = "__set%d";

fn named(message: &mut Message, name: &str, fill: impl FnOnce(&mut Message)) {
    message.text(1, name).nested(2, fill);
}

fn compare(message: &mut Message, register: Register, operation: u32, value: &[u8]) {
    named(message, "cmp", |m| {
        m.be32(1, register.number()).be32(2, operation).nested(3, |m| {
            m.attribute(data::VALUE, value);
        });
    });
}
