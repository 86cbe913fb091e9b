//! Waits for the next request: looks for it again and again for a moment before it sleeps, as halt polling does in virtual
//! machine monitors.
//!
//! To wake a thread on a processor that sleeps takes several times as long as to serve a request, and programs that look at
//! many files send one request after the other. So while requests come quickly, and only while a processor has nothing else
//! to do, this thread stays awake for [`PATIENCE`] after each.

use crate::fuse::device::Device;
use rustix::io::Errno;
use rustix::thread::sched_getaffinity;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Longest time to look for a request without sleep: a program that makes one call after the other needs less. One that asks
/// wineserver between them needs more, and both processors of a machine that has no others.
const PATIENCE: Duration = Duration::from_micros(12);
/// Longest sleep after which the next request may come within [`PATIENCE`]; most of it is the time to wake up.
const SHORT_SLEEP: Duration = Duration::from_micros(25);
/// Requests from one look at what else the machine does to the next.
const REQUESTS: u32 = 64;
/// Pauses of the processor from one look for a request to the next.
const PAUSES: u32 = 20;

/// How long the serving thread waits for requests without sleep.
#[derive(Debug)]
pub struct Polling {
    load: Option<File>,
    /// The last request came quickly, and a processor was idle.
    awake: bool,
    /// A processor was, when that was looked at last.
    idle: bool,
    /// Requests since the last look at what else the machine does.
    requests: u32,
}

impl Default for Polling {
    fn default() -> Self {
        Self { load: File::open("/proc/loadavg").ok(), awake: false, idle: false, requests: REQUESTS }
    }
}

impl Polling {
    /// The next request. `ENODEV`: the volume is no longer mounted.
    pub fn read(&mut self, device: &Device, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.requests = self.requests.saturating_add(1);
        let start = Instant::now();
        while self.awake {
            if let Some(length) = device.try_read(buffer)? {
                self.awake = self.is_machine_idle();
                return Ok(length);
            }
            self.awake = start.elapsed() < PATIENCE;
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        let start = Instant::now();
        let length = device.read(buffer)?;
        self.awake = start.elapsed() < SHORT_SLEEP && self.is_machine_idle();
        Ok(length)
    }

    /// Whether a processor is left for the program that asks when this thread keeps its own.
    fn is_machine_idle(&mut self) -> bool {
        if self.requests >= REQUESTS {
            self.requests = 0;
            let mut buffer = [0; 128];
            let text = self.load.as_ref().and_then(|load| load.read_at(&mut buffer, 0).ok());
            let running = text.and_then(|length| std::str::from_utf8(&buffer[..length]).ok()).and_then(running);
            // While a container starts it has one processor for all it does.
            let processors = sched_getaffinity(None).map_or(1, |own| own.count());
            self.idle = running.is_some_and(|running| running < processors as usize);
        }
        self.idle
    }
}

/// Threads that run or could run, this one among them, by the machine's `/proc/loadavg` (proc_loadavg(5), fourth field).
fn running(load: &str) -> Option<usize> {
    load.split(' ').nth(3)?.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::{CpuSet, sched_setaffinity};

    #[test]
    fn running_threads_are_counted() {
        assert_eq!(running("0.10 2.04 2.59 3/79 10272\n"), Some(3));
        for bad in ["", "0.10 2.04 2.59", "0.10 2.04 2.59 3", "0.1 0.2 0.3 x/2 4"] {
            assert_eq!(running(bad), None);
        }
        assert!(running(&std::fs::read_to_string("/proc/loadavg").unwrap()).unwrap() > 0);
    }

    #[test]
    fn nobody_stays_awake_without_a_processor_for_who_asks() {
        std::thread::spawn(|| {
            let all = sched_getaffinity(None).unwrap();
            let mut one = CpuSet::new();
            one.set(rustix::thread::sched_getcpu());
            sched_setaffinity(None, &one).unwrap();
            let mut polling = Polling::default();
            // This thread runs on it.
            assert!(!polling.is_machine_idle());
            sched_setaffinity(None, &all).unwrap();
            assert!(!polling.is_machine_idle(), "it is not looked at again so soon");
            (polling.load, polling.requests) = (None, REQUESTS);
            assert!(!polling.is_machine_idle());
        })
        .join()
        .unwrap();
    }
}
