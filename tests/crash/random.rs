//! Random numbers that can be had again: a run prints its seed, and `CASEMENT_CRASH_SEED` gives one.

/// The sequence of a seed (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From the environment, or from the time; printed either way.
    pub fn seeded(what: &str) -> Self {
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
        let seed = std::env::var("CASEMENT_CRASH_SEED").map_or_else(|_| u64::from(now()), |text| text.parse().unwrap());
        eprintln!("{what}: CASEMENT_CRASH_SEED={seed}");
        Self(seed)
    }

    /// A further sequence, for another thread.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A span of time shorter than this many milliseconds.
    pub fn moment(&mut self, milliseconds: u64) -> std::time::Duration {
        std::time::Duration::from_micros(self.below(milliseconds * 1000))
    }
}
