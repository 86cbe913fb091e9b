//! How long steps tell the caller where they are.

/// Receives the progress of a long step. The caller prints it; nothing in this crate writes to a terminal.
///
/// Any `Fn(&str, f64) + Sync` is a `Progress`; `&|_: &str, _: f64| {}` ignores it.
pub trait Progress: Sync {
    /// `stage` says what is being done now, `fraction` (0.0 to 1.0) how much of the whole step is done.
    fn report(&self, stage: &str, fraction: f64);
}

impl<F: Fn(&str, f64) + Sync> Progress for F {
    fn report(&self, stage: &str, fraction: f64) {
        self(stage, fraction);
    }
}

/// A part of a longer step: maps 0.0..1.0 of the part to `from..to` of the whole.
pub struct Part<'a> {
    whole: &'a dyn Progress,
    from: f64,
    to: f64,
}

impl<'a> Part<'a> {
    /// The part of `whole` that lies between the fractions `from` and `to`.
    pub fn new(whole: &'a dyn Progress, from: f64, to: f64) -> Self {
        Self { whole, from, to }
    }
}

impl Progress for Part<'_> {
    fn report(&self, stage: &str, fraction: f64) {
        let fraction = fraction.clamp(0.0, 1.0);
        self.whole.report(stage, self.from + (self.to - self.from) * fraction);
    }
}
