//! Threads that unpack chunks of a stream from the first block in them on, without knowing what comes before.

use crate::buffers::{REFERENCE, ROOM, Segment, Sink, Spare, Symbol, WINDOW};
use crate::chunk::Chunk;
use crate::decoder::{Decoder, Stop, Trailer};
use crate::error::Damage;
use crate::search;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Symbols after which it is looked whether there are still references in the window.
const STEP: usize = 16 << 10;
/// Places in a chunk that are tried if they turn out not to begin a block.
const ATTEMPTS: usize = 8;

/// What was unpacked, in order.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes, and references to the unknown window.
    Marked(Segment<u16>),
    Plain(Segment<u8>),
    /// A member ends.
    End(Trailer),
}

/// What a worker made of a chunk.
#[derive(Debug)]
pub(crate) struct Found {
    /// The bit with which it began.
    pub(crate) start: u64,
    pub(crate) pieces: Vec<Piece>,
    /// Where it ended.
    pub(crate) decoder: Decoder,
}

/// Buffers that all share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spares {
    pub(crate) plain: Arc<Spare<u8>>,
    marked: Arc<Spare<u16>>,
}

struct Job {
    chunk: Arc<Chunk>,
    answer: Sender<Option<Found>>,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Workers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    given_up: Arc<AtomicBool>,
}

impl Workers {
    /// As many as wanted, or as the system lets us have. Each unpacks at most `most` symbols of a chunk.
    pub(crate) fn start(count: usize, most: usize, spares: &Spares) -> Self {
        let (jobs, received) = mpsc::channel::<Job>();
        let received = Arc::new(Mutex::new(received));
        let given_up = Arc::new(AtomicBool::new(false));
        let one = |_| {
            let (received, given_up, spares) = (received.clone(), given_up.clone(), spares.clone());
            let work = move || {
                loop {
                    let job = received.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Job { chunk, answer }) = job else { return };
                    let found = Chunkwise { chunk: &chunk, most, spares: &spares, given_up: &given_up }.find();
                    // It is not wanted any more if nobody is there.
                    let _ = answer.send(found);
                }
            };
            thread::Builder::new().name("inflate".to_owned()).spawn(work).ok()
        };
        let threads = (0..count).map_while(one).collect();
        Self { jobs: Some(jobs), threads, given_up }
    }

    /// Lets one of them unpack a chunk; `None` if there is none.
    pub(crate) fn unpack(&self, chunk: &Arc<Chunk>) -> Option<Receiver<Option<Found>>> {
        if self.threads.is_empty() {
            return None;
        }
        let (answer, receiver) = mpsc::channel();
        self.jobs.as_ref()?.send(Job { chunk: chunk.clone(), answer }).ok()?;
        Some(receiver)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Chunkwise<'a> {
    chunk: &'a Chunk,
    most: usize,
    spares: &'a Spares,
    given_up: &'a AtomicBool,
}

/// Whether there is more to unpack.
#[derive(PartialEq, Eq)]
enum Next {
    More,
    Nothing,
}

impl Chunkwise<'_> {
    fn find(&self) -> Option<Found> {
        let input = self.chunk.input();
        let (mut from, to) = (input.place(input.base * 8), input.place(self.chunk.end()));
        for _ in 0..ATTEMPTS {
            if self.given_up.load(Ordering::Relaxed) {
                return None;
            }
            let place = search::find(&input, from, to)?;
            match self.unpack(input.number(place)) {
                Ok(found) => return Some(found),
                Err(_) => from = place + 1,
            }
        }
        None
    }

    fn unpack(&self, start: u64) -> Result<Found, Damage> {
        let mut found = Found { start, pieces: Vec::new(), decoder: Decoder::new() };
        found.decoder.set_block(start);
        let references = (0..WINDOW as u16).map(|index| REFERENCE | index);
        let mut marked = Sink::new(&self.spares.marked, references, WINDOW);
        let (mut produced, mut clean) = (0, 0);
        while clean < WINDOW {
            let before = produced;
            let next = self.step(&mut found, &mut marked, &mut produced, Piece::Marked)?;
            let new = marked.last(produced - before);
            let has_references = new.iter().fold(0, |all, symbol| all | symbol) & REFERENCE != 0;
            match has_references.then(|| new.iter().rposition(|symbol| symbol & REFERENCE != 0)).flatten() {
                Some(last) => clean = new.len() - 1 - last,
                None => clean += new.len(),
            }
            if next == Next::Nothing {
                found.pieces.extend(marked.finish().map(Piece::Marked));
                return Ok(found);
            }
        }
        // From here on it is like unpacking from the beginning.
        let window = marked.last(WINDOW).iter().map(|symbol| *symbol as u8);
        let mut plain = Sink::new(&self.spares.plain, window, marked.at - marked.floor);
        found.pieces.extend(marked.finish().map(Piece::Marked));
        while self.step(&mut found, &mut plain, &mut produced, Piece::Plain)? == Next::More {}
        found.pieces.extend(plain.finish().map(Piece::Plain));
        Ok(found)
    }

    fn step<T: Symbol>(
        &self,
        found: &mut Found,
        sink: &mut Sink<T>,
        produced: &mut usize,
        piece: fn(Segment<T>) -> Piece,
    ) -> Result<Next, Damage> {
        let input = self.chunk.input();
        if sink.is_full() {
            found.pieces.extend(sink.take().map(piece));
        }
        let before = sink.at;
        let stop = found.decoder.run(&input, sink, STEP)?;
        *produced += sink.at - before;
        if self.given_up.load(Ordering::Relaxed) {
            return Err(Damage::Truncated);
        }
        match stop {
            Stop::Input => return Ok(Next::Nothing),
            // The next chunk begins here, too.
            Stop::Block if found.decoder.bit() >= self.chunk.end() && found.decoder.is_at_findable(&input) => {
                return Ok(Next::Nothing);
            }
            Stop::Member(trailer) => {
                found.pieces.extend(sink.take().map(piece));
                found.pieces.push(Piece::End(trailer));
            }
            Stop::Output | Stop::Block => {}
        }
        // Each piece takes a buffer, however short its member is.
        let is_enough = *produced >= self.most || found.pieces.len() * ROOM >= self.most;
        Ok(if is_enough { Next::Nothing } else { Next::More })
    }
}
