//! Waiting for something that must come, however slow the machine is.

use std::time::{Duration, Instant};

/// How long anything may take. Far more than it takes: reached only by what would never come.
pub const GENEROUS: Duration = Duration::from_secs(120);
/// Pause between two looks at a condition that nothing announces.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value.
///
/// # Panics
/// When it does not within [`GENEROUS`]; `what` is what was waited for.
pub fn until_some<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + GENEROUS;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {} s in vain until {what}", GENEROUS.as_secs());
        std::thread::sleep(LOOK);
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within [`GENEROUS`]; `what` is what was waited for.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_some(what, || condition().then_some(()));
}
