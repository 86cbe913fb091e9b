//! Puts together what the workers have unpacked, in order, and unpacks itself what they have not.

use crate::buffers::{REFERENCE, Sink, WINDOW};
use crate::chunk::{Chunk, Chunks};
use crate::decoder::{Decoder, Stop, Trailer};
use crate::error::Damage;
use crate::worker::{Found, Piece, Spares, Workers};
use crate::{MIN_OVERLAP, Sizes};
use crc32fast::Hasher;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Chunks that wait beside those that are being unpacked.
const WAITING: usize = 2;
/// Chunks in a row that workers could do nothing with, before they get none for a while.
const MISSES: usize = 4;
/// Chunks that they do not get then at first, and at most.
const PAUSES: (usize, usize) = (8, 256);

/// Reads what a gzip stream has in it.
#[derive(Debug)]
pub(crate) struct Ordered<R> {
    chunks: Chunks<R>,
    sizes: Sizes,
    spares: Spares,
    workers: Option<Workers>,
    slots: VecDeque<Slot>,
    /// The place up to which all is known.
    decoder: Decoder,
    window: Vec<u8>,
    /// How much of the window is of this member.
    known: usize,
    /// What was unpacked and not read.
    pieces: VecDeque<Piece>,
    /// What each symbol of them stands for.
    meaning: Box<[u8; 1 << 16]>,
    checksum: Hasher,
    /// Bytes of this member that were read, modulo 2³².
    length: u32,
    /// Whether a member has ended.
    has_member: bool,
    misses: usize,
    pause: usize,
    left_of_pause: usize,
    by_workers: u64,
    ended: Option<Result<(), Damage>>,
}

#[derive(Debug)]
struct Slot {
    chunk: Arc<Chunk>,
    work: Work,
}

/// What the workers do with a chunk.
#[derive(Debug)]
enum Work {
    Nothing,
    Running(Receiver<Option<Found>>),
    Found(Found),
    /// They found nothing in it, or something that was none.
    Missed,
}

impl<R: Read> Ordered<R> {
    pub(crate) fn new(source: R, sizes: Sizes) -> Self {
        let mut meaning = Box::new([0; 1 << 16]);
        (0..=u8::MAX).for_each(|byte| meaning[usize::from(byte)] = byte);
        Self {
            chunks: Chunks::new(source, sizes.chunk.max(1), sizes.overlap.max(MIN_OVERLAP)),
            sizes,
            spares: Spares::default(),
            workers: None,
            slots: VecDeque::new(),
            decoder: Decoder::new(),
            window: vec![0; WINDOW],
            known: 0,
            pieces: VecDeque::new(),
            meaning,
            checksum: Hasher::new(),
            length: 0,
            has_member: false,
            misses: 0,
            pause: PAUSES.0,
            left_of_pause: 0,
            by_workers: 0,
            ended: None,
        }
    }

    pub(crate) fn by_workers(&self) -> u64 {
        self.by_workers
    }

    /// Unpacks more.
    fn more(&mut self) -> io::Result<()> {
        self.look_ahead()?;
        let Some(slot) = self.slots.front_mut() else { return Ok(()) };
        let unpacked = if self.decoder.is_at_findable(&slot.chunk.input())
            && slot.work.begins_at(self.decoder.bit())
            && let Work::Found(found) = std::mem::replace(&mut slot.work, Work::Nothing)
        {
            self.misses = 0;
            self.pause = PAUSES.0;
            self.adopt(found)
        } else {
            self.unpack()
        };
        if let Err(damage) = unpacked {
            self.ended = Some(Err(damage));
        }
        Ok(())
    }

    /// Lets go of chunks that are done, and gives later ones to the workers.
    fn look_ahead(&mut self) -> io::Result<()> {
        loop {
            while self.slots.len() > 1 && self.slots.front().is_some_and(|slot| !slot.chunk.has(self.decoder.bit())) {
                let slot = self.slots.pop_front();
                if slot.is_some_and(|slot| !matches!(slot.work, Work::Nothing)) {
                    self.misses += 1;
                }
            }
            let wanted = 1 + self.sizes.workers + WAITING;
            if self.slots.len() >= wanted {
                return Ok(());
            }
            let Some(chunk) = self.chunks.next()? else {
                return Ok(());
            };
            let chunk = Arc::new(chunk);
            let work = if chunk.has(self.decoder.bit()) { Work::Nothing } else { self.give_to_workers(&chunk) };
            self.slots.push_back(Slot { chunk, work });
        }
    }

    fn give_to_workers(&mut self, chunk: &Arc<Chunk>) -> Work {
        if self.misses >= MISSES {
            self.misses = 0;
            self.left_of_pause = self.pause;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
        if self.left_of_pause > 0 {
            self.left_of_pause -= 1;
            return Work::Nothing;
        }
        let Sizes { workers, most, .. } = self.sizes;
        let workers = self.workers.get_or_insert_with(|| Workers::start(workers, most, &self.spares));
        workers.unpack(chunk).map_or(Work::Nothing, Work::Running)
    }

    /// Goes on where a worker ended that began here.
    fn adopt(&mut self, found: Found) -> Result<(), Damage> {
        self.meaning[usize::from(REFERENCE)..].copy_from_slice(&self.window);
        let unknown = WINDOW - self.known;
        let mut is_first_member = true;
        for piece in &found.pieces {
            let added = match piece {
                Piece::End(_) => {
                    (self.known, self.has_member, is_first_member) = (0, true, false);
                    continue;
                }
                Piece::Plain(segment) => {
                    self.window.copy_from_slice(segment.window());
                    segment.symbols().len()
                }
                Piece::Marked(segment) => {
                    // A distance led to what was before the member.
                    let is_unknown =
                        |symbol: &u16| symbol & REFERENCE != 0 && usize::from(symbol & !REFERENCE) < unknown;
                    if unknown > 0 && is_first_member && segment.symbols().iter().any(is_unknown) {
                        return Err(Damage::Deflate);
                    }
                    let meaning = &self.meaning;
                    let bytes = segment.window().iter().map(|symbol| meaning[usize::from(*symbol)]);
                    self.window.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
                    segment.symbols().len()
                }
            };
            self.known = (self.known + added).min(WINDOW);
            self.by_workers += added as u64;
        }
        self.pieces.extend(found.pieces);
        self.decoder = found.decoder;
        Ok(())
    }

    /// Unpacks in this thread, until a buffer is full or there is something that a worker has unpacked.
    fn unpack(&mut self) -> Result<(), Damage> {
        let Some(slot) = self.slots.front_mut() else { return Ok(()) };
        let input = slot.chunk.input();
        let mut sink = Sink::new(&self.spares.plain, self.window.iter().copied(), self.known);
        let mut ended = None;
        loop {
            match self.decoder.run(&input, &mut sink, usize::MAX)? {
                Stop::Output => break,
                Stop::Block => {
                    let bit = self.decoder.bit();
                    let is_here = slot.chunk.has(bit);
                    if !is_here || self.decoder.is_at_findable(&input) && slot.work.begins_at(bit) {
                        break;
                    }
                }
                Stop::Member(trailer) => {
                    // One at a time: each takes a buffer, however short it is.
                    ended = Some(Piece::End(trailer));
                    self.has_member = true;
                    break;
                }
                Stop::Input if !input.is_last => break,
                Stop::Input => {
                    let is_end = input.place(self.decoder.bit()) == input.bits();
                    let is_whole = self.has_member && self.decoder.is_between_members() && is_end;
                    self.ended = Some(if is_whole { Ok(()) } else { Err(self.decoder.cut()) });
                    break;
                }
            }
        }
        self.window.copy_from_slice(sink.last(WINDOW));
        self.known = (sink.at - sink.floor).min(WINDOW);
        self.pieces.extend(sink.finish().map(Piece::Plain));
        self.pieces.extend(ended);
        Ok(())
    }
}

impl Work {
    /// Whether something was unpacked from this bit on; waits until that is known. What began before it is of no use any more.
    fn begins_at(&mut self, bit: u64) -> bool {
        if let Self::Running(answer) = self {
            // A thread that has ended found nothing.
            *self = answer.recv().ok().flatten().map_or(Self::Missed, Self::Found);
        }
        match self {
            Self::Found(found) if found.start >= bit => found.start == bit,
            Self::Found(_) => {
                *self = Self::Missed;
                false
            }
            _ => false,
        }
    }
}

impl<R: Read> Read for Ordered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = match self.pieces.front_mut() {
                Some(Piece::Plain(segment)) => {
                    let symbols = segment.symbols();
                    let count = symbols.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&symbols[..count]);
                    segment.consume(count);
                    count
                }
                Some(Piece::Marked(segment)) => {
                    let symbols = segment.symbols();
                    let count = symbols.len().min(buffer.len());
                    for (slot, symbol) in buffer.iter_mut().zip(symbols) {
                        *slot = self.meaning[usize::from(*symbol)];
                    }
                    segment.consume(count);
                    count
                }
                Some(Piece::End(trailer)) => {
                    let checksum = std::mem::take(&mut self.checksum).finalize();
                    let length = std::mem::take(&mut self.length);
                    let is_right = *trailer == Trailer { checksum, length };
                    if !is_right {
                        self.ended = Some(Err(Damage::Checksum));
                        self.pieces.clear();
                    }
                    0
                }
                None => match self.ended {
                    Some(ended) => return Ok(ended.map(|()| 0)?),
                    None => {
                        self.more()?;
                        continue;
                    }
                },
            };
            if count > 0 {
                self.checksum.update(&buffer[..count]);
                self.length = self.length.wrapping_add(count as u32);
                return Ok(count);
            }
            self.pieces.pop_front();
        }
    }
}
