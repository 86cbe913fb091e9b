//! Keeps the thread that serves on the processor of the program that asks.
//!
//! A program waits while its request is served, so its own processor is free. The kernel would rather wake the serving
//! thread on an idle one, and then the program again: to wake a sleeping processor takes several times as long as to
//! serve a request. The processor is looked at now and then; programs seldom move.

use crate::thread_files::ThreadFiles;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Requests from one look to the next: at least, and at most while it stays where it is.
const REQUESTS: (u32, u32) = (32, 256);
/// Which word of `/proc/…/stat` after the program's name is the processor (proc_pid_stat(5), field 39).
const PROCESSOR: usize = 36;

/// Where the serving thread, which calls this, is to run.
#[derive(Debug)]
pub struct Nearness {
    stat: ThreadFiles,
    /// Where it was put last.
    processor: Option<usize>,
    requests: u32,
    /// Requests from the last look to the next.
    interval: u32,
}

impl Default for Nearness {
    fn default() -> Self {
        Self { stat: ThreadFiles::new("stat"), processor: None, requests: 0, interval: REQUESTS.0 }
    }
}

impl Nearness {
    /// A request of `thread` has come; 0: of nobody that can be seen.
    pub fn follow(&mut self, thread: u32) {
        self.requests += 1;
        if self.requests < self.interval || thread == 0 {
            return;
        }
        self.requests = 0;
        let mut buffer = [0; 1024];
        let Some(processor) = self.stat.read(thread, &mut buffer).and_then(processor) else { return };
        if self.processor == Some(processor) {
            self.interval = (self.interval * 2).min(REQUESTS.1);
            return;
        }
        (self.processor, self.interval) = (Some(processor), REQUESTS.0);
        let mut wanted = CpuSet::new();
        wanted.set(processor);
        // Refused where this thread is kept to other processors; only speed depends on it.
        let _ = sched_setaffinity(None, &wanted);
    }
}

/// The processor that a thread ran on last, from its `/proc/…/stat`.
fn processor(stat: &str) -> Option<usize> {
    // The name may have spaces and parentheses.
    let (_, words) = stat.rsplit_once(") ")?;
    let processor = words.split(' ').nth(PROCESSOR)?.parse().ok()?;
    (processor < CpuSet::MAX_CPU).then_some(processor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::sched_getaffinity;

    #[test]
    fn a_thread_follows_who_asks() {
        std::thread::spawn(|| {
            let all = sched_getaffinity(None).unwrap();
            let processors = (0..CpuSet::MAX_CPU).filter(|n| all.is_set(*n));
            let mut nearness = Nearness::default();
            for wanted in processors.take(4) {
                // This thread itself asks: from where it was put.
                let mut set = CpuSet::new();
                set.set(wanted);
                sched_setaffinity(None, &set).unwrap();
                assert_eq!(rustix::thread::sched_getcpu(), wanted);
                let own = rustix::thread::gettid().as_raw_nonzero().get() as u32;
                (0..=REQUESTS.1).for_each(|_| nearness.follow(own));
                assert_eq!(sched_getaffinity(None).unwrap(), set);
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn names_of_programs_do_not_confuse() {
        let words = (3..=52).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(processor(&format!("7 (a) 1 2 (b c) {words}\n")), Some(39));
        for bad in ["", "7 (x) 1 2 3", "7 (x", ") "] {
            assert_eq!(processor(bad), None);
        }
    }
}
