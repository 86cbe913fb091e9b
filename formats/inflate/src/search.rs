//! Looks for places at which a block may begin.

use crate::dynamic;
use crate::input::Input;

/// The first place in `from..to` at which a block with codes of its own may begin that is not the last one of its member. Most of what
/// looks so is one; that it is, only those can tell who come from the beginning.
pub(crate) fn find(input: &Input<'_>, from: usize, to: usize) -> Option<usize> {
    let mut place = from;
    while place < to {
        // At each of the places of this byte there are as many bits as the first look needs.
        let bits = input.peek(place);
        let end = (place / 8 * 8 + 8).min(to);
        for here in place..end {
            if may_begin(bits >> (here - place)) && begins(input, here) {
                return Some(here);
            }
        }
        place = end;
    }
    None
}

/// Kind, and numbers of literals and distances.
fn may_begin(bits: u64) -> bool {
    bits & 7 == 0b100 && bits >> 3 & 31 < 30 && bits >> 8 & 31 < 30
}

fn begins(input: &Input<'_>, place: usize) -> bool {
    dynamic::lengths(input, place + 3).is_ok_and(|(lengths, _)| dynamic::is_plausible(&lengths))
}
