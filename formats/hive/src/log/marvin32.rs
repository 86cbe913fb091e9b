//! Marvin32, the checksum of log entries: published as open source in .NET (`System.Marvin`), with a fixed seed in logs.

/// The seed of logs (Suhanov's specification, "Log entries").
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

/// The hash of `bytes` with the seed of logs.
pub fn marvin32(bytes: &[u8]) -> u64 {
    let mut state = State { low: SEED as u32, high: (SEED >> 32) as u32 };
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        state.mix(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    // The bytes that are left, with a mark behind them.
    let mut last = [0; 4];
    for (place, byte) in last.iter_mut().zip(words.remainder().iter().chain([&0x80])) {
        *place = *byte;
    }
    state.mix(u32::from_le_bytes(last));
    state.mix(0);
    u64::from(state.high) << 32 | u64::from(state.low)
}

struct State {
    low: u32,
    high: u32,
}

impl State {
    fn mix(&mut self, word: u32) {
        self.low = self.low.wrapping_add(word);
        self.high ^= self.low;
        self.low = self.low.rotate_left(20).wrapping_add(self.high);
        self.high = self.high.rotate_left(9) ^ self.low;
        self.low = self.low.rotate_left(27).wrapping_add(self.high);
        self.high = self.high.rotate_left(19);
    }
}
