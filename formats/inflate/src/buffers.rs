//! Buffers for what is unpacked, used again and again.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// How far back a distance reaches (RFC 1951, section 2).
pub(crate) const WINDOW: usize = 32 << 10;
/// Symbols that go into a buffer after the window.
pub(crate) const ROOM: usize = 128 << 10;
/// What may be written after the last symbol that counts.
pub(crate) const SLACK: usize = 320;

/// What is unpacked: a byte, or 16 bits that are either a byte or a reference into the unknown window before the place at which
/// unpacking began.
pub(crate) trait Symbol: Copy + Default + Send + 'static {
    fn literal(byte: u8) -> Self;
}

impl Symbol for u8 {
    #[inline(always)]
    fn literal(byte: u8) -> Self {
        byte
    }
}

/// Set in references; the other bits are the index in the window.
pub(crate) const REFERENCE: u16 = 1 << 15;

impl Symbol for u16 {
    #[inline(always)]
    fn literal(byte: u8) -> Self {
        u16::from(byte)
    }
}

/// Buffers that nobody uses at the moment.
#[derive(Debug)]
pub(crate) struct Spare<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Spare<T> {
    pub(crate) fn take(&self) -> Option<Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn give(&self, buffer: Vec<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// Where symbols go: the window, what follows it, and some slack.
#[derive(Debug)]
pub(crate) struct Sink<T: Symbol> {
    buffer: Vec<T>,
    spare: Arc<Spare<T>>,
    /// Where the symbols begin that nobody has taken.
    start: usize,
    /// Where the next symbol goes.
    pub(crate) at: usize,
    /// Where the first symbol is that a distance may lead to.
    pub(crate) floor: usize,
}

impl<T: Symbol> Sink<T> {
    /// With this window, of which the last `known` symbols may be used.
    pub(crate) fn new(spare: &Arc<Spare<T>>, window: impl IntoIterator<Item = T>, known: usize) -> Self {
        let mut sink = Self {
            buffer: fresh(spare),
            spare: spare.clone(),
            start: WINDOW,
            at: WINDOW,
            floor: WINDOW - known.min(WINDOW),
        };
        sink.buffer[..WINDOW].iter_mut().zip(window).for_each(|(slot, symbol)| *slot = symbol);
        sink
    }

    /// The buffer, where the next symbol goes in it, the first that a distance may lead to, and where no more symbols begin.
    pub(crate) fn parts(&mut self) -> (&mut [T], &mut usize, usize, usize) {
        (&mut self.buffer, &mut self.at, self.floor, WINDOW + ROOM)
    }

    /// Whether no more symbols fit.
    pub(crate) fn is_full(&self) -> bool {
        self.at >= WINDOW + ROOM
    }

    /// The last symbols that were written, or that were there before.
    pub(crate) fn last(&self, count: usize) -> &[T] {
        &self.buffer[self.at - count.min(self.at)..self.at]
    }

    /// Takes what was written, and goes on in another buffer with the same window. `None` if nothing was written.
    pub(crate) fn take(&mut self) -> Option<Segment<T>> {
        if self.start == self.at {
            return None;
        }
        let mut next = fresh(&self.spare);
        next[..WINDOW].copy_from_slice(self.last(WINDOW));
        let moved = self.at - WINDOW;
        let buffer = std::mem::replace(&mut self.buffer, next);
        let range = self.start..self.at;
        (self.start, self.at, self.floor) = (WINDOW, WINDOW, self.floor.saturating_sub(moved));
        Some(Segment { buffer, spare: self.spare.clone(), range })
    }

    /// Takes what was written without going on.
    pub(crate) fn finish(mut self) -> Option<Segment<T>> {
        let range = self.start..self.at;
        let buffer = std::mem::take(&mut self.buffer);
        let segment = Segment { buffer, spare: self.spare.clone(), range };
        (!segment.range.is_empty()).then_some(segment)
    }
}

impl<T: Symbol> Drop for Sink<T> {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            self.spare.give(std::mem::take(&mut self.buffer));
        }
    }
}

fn fresh<T: Symbol>(spare: &Spare<T>) -> Vec<T> {
    spare.take().unwrap_or_else(|| vec![T::default(); WINDOW + ROOM + SLACK])
}

/// Symbols that were unpacked, after as many that came before them as the window has.
#[derive(Debug)]
pub(crate) struct Segment<T: Symbol> {
    buffer: Vec<T>,
    spare: Arc<Spare<T>>,
    range: Range<usize>,
}

impl<T: Symbol> Segment<T> {
    /// What has not been consumed.
    pub(crate) fn symbols(&self) -> &[T] {
        &self.buffer[self.range.clone()]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.range.start += count.min(self.range.len());
    }

    /// The window after it.
    pub(crate) fn window(&self) -> &[T] {
        &self.buffer[self.range.end - WINDOW..self.range.end]
    }
}

impl<T: Symbol> Drop for Segment<T> {
    fn drop(&mut self) {
        self.spare.give(std::mem::take(&mut self.buffer));
    }
}
