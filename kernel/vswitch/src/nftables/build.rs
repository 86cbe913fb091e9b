//! Writing rules: fields are loaded side by side into a key, and the key is tested or looked up.

use super::expression::{Connection, Expression, Header, Meta, Register, Translation, Verdict};
use super::table::Rule;

/// A rule under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Build {
    expressions: Vec<Expression>,
    /// Registers that the key takes so far.
    used: u8,
}

/// Begins a rule.
pub(crate) fn rule() -> Build {
    Build::default()
}

#[expect(clippy::wrong_self_convention, reason = "a rule is built as the sentence that it reads as")]
impl Build {
    fn next(&mut self, bytes: u32) -> Register {
        let register = Register(self.used);
        self.used += bytes.div_ceil(4) as u8;
        register
    }

    fn test(mut self, expression: impl FnOnce(Register) -> Expression) -> Self {
        self.expressions.push(expression(Register(0)));
        self.used = 0;
        self
    }

    /// Adds something known about the packet to the key.
    pub(crate) fn meta(mut self, key: Meta) -> Self {
        let bytes = if matches!(key, Meta::InputName | Meta::OutputName) { 16 } else { 4 };
        let to = self.next(bytes);
        self.expressions.push(Expression::Meta { key, to });
        self
    }

    /// Adds bytes of the packet to the key.
    pub(crate) fn payload(mut self, header: Header, offset: u32, length: u32) -> Self {
        let to = self.next(length);
        self.expressions.push(Expression::Payload { header, offset, length, to });
        self
    }

    /// Adds what connection tracking knows, of which `mask` bits count.
    pub(crate) fn connection(mut self, key: Connection, mask: u32) -> Self {
        let to = self.next(4);
        self.expressions.push(Expression::Connection { key, to });
        self.expressions.push(Expression::And { register: to, mask: mask.to_ne_bytes().to_vec() });
        self
    }

    /// Keeps the bits of `mask` of the key.
    pub(crate) fn and(mut self, mask: &[u8]) -> Self {
        self.expressions.push(Expression::And { register: Register(0), mask: mask.to_vec() });
        self
    }

    /// Goes on when the key is `value`.
    pub(crate) fn is(self, value: impl AsRef<[u8]>) -> Self {
        self.test(|register| Expression::Equal { register, value: value.as_ref().to_vec() })
    }

    /// Goes on when the key is not `value`.
    pub(crate) fn is_not(self, value: impl AsRef<[u8]>) -> Self {
        self.test(|register| Expression::NotEqual { register, value: value.as_ref().to_vec() })
    }

    /// Goes on when the key is in a set.
    pub(crate) fn within(self, set: &'static str) -> Self {
        self.test(|register| Expression::In { register, set })
    }

    /// Goes on when the key is not in a set.
    pub(crate) fn not_within(self, set: &'static str) -> Self {
        self.test(|register| Expression::NotIn { register, set })
    }

    /// Goes on when the key is in one of the ranges.
    pub(crate) fn in_ranges(self, ranges: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        self.test(|register| match ranges.as_slice() {
            [(first, last)] if first == last => Expression::Equal { register, value: first.clone() },
            _ => Expression::InRanges { register, ranges },
        })
    }

    /// Goes on when the packet came by an interface of a group.
    pub(crate) fn from_group(self, group: u32) -> Self {
        self.meta(Meta::InputGroup).is(group.to_ne_bytes())
    }

    /// Goes on when the packet leaves by an interface of a group.
    pub(crate) fn to_group(self, group: u32) -> Self {
        self.meta(Meta::OutputGroup).is(group.to_ne_bytes())
    }

    /// Goes on when the packet does not leave by an interface of a group.
    pub(crate) fn not_to_group(self, group: u32) -> Self {
        self.meta(Meta::OutputGroup).is_not(group.to_ne_bytes())
    }

    /// Goes on when the destination is an address of the host.
    pub(crate) fn to_the_host(mut self) -> Self {
        const LOCAL: u32 = 2;
        let to = self.next(4);
        self.expressions.push(Expression::DestinationType { to });
        self.is(LOCAL.to_ne_bytes())
    }

    /// Goes on when a bit of the connection's state or status is set.
    pub(crate) fn connected(self, key: Connection, mask: u32) -> Self {
        self.connection(key, mask).is_not(0u32.to_ne_bytes())
    }

    /// Goes on for packets beyond a rate.
    pub(crate) fn over(mut self, bytes_a_second: u64, burst: u32) -> Self {
        self.expressions.push(Expression::Over { bytes_a_second, burst });
        self
    }

    /// Translates as a map has it for the key: an address, followed by a port for destinations.
    pub(crate) fn translate(mut self, kind: Translation, map: &'static str, ipv6: bool) -> Rule {
        let port = Register(if ipv6 { 4 } else { 1 });
        self.expressions.push(Expression::Map { register: Register(0), map, to: Register(0) });
        let port = (kind == Translation::Destination).then_some(port);
        self.expressions.push(Expression::Translate { kind, ipv6, address: Register(0), port });
        Rule(self.expressions)
    }

    /// Decides as a map has it for the key.
    pub(crate) fn verdict_map(mut self, map: &'static str) -> Rule {
        self.expressions.push(Expression::VerdictMap { register: Register(0), map });
        Rule(self.expressions)
    }

    /// The host's address of the way out becomes the source.
    pub(crate) fn masquerade(mut self) -> Rule {
        self.expressions.push(Expression::Masquerade);
        Rule(self.expressions)
    }

    pub(crate) fn accept(self) -> Rule {
        self.decide(Verdict::Accept)
    }

    pub(crate) fn drop(self) -> Rule {
        self.decide(Verdict::Drop)
    }

    pub(crate) fn jump(self, chain: &str) -> Rule {
        self.decide(Verdict::Jump(chain.to_owned()))
    }

    pub(crate) fn goto(self, chain: &str) -> Rule {
        self.decide(Verdict::Goto(chain.to_owned()))
    }

    pub(crate) fn decide(mut self, verdict: Verdict) -> Rule {
        self.expressions.push(Expression::Decide(verdict));
        Rule(self.expressions)
    }
}
