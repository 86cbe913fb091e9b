//! The passing of time, as far as the engine waits for it: a trait, so that tests need not wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::warn;

/// What is done later. It runs in a thread of its own and may take its time.
pub type Work = Box<dyn FnOnce() + Send>;

/// A clock that can be set to do things.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Does `work` after `delay`. It cannot be called off: the work has to look whether it is still wanted.
    fn after(&self, delay: Duration, work: Work);
}

/// How long the clock waits before it tries again to start a thread.
const NEXT_TRY: Duration = Duration::from_millis(100);

/// The clock of this host. Its thread ends with it.
pub struct HostClock(Arc<Shared>);

#[derive(Default)]
struct Shared {
    set: Mutex<Set>,
    changed: Condvar,
}

#[derive(Default)]
struct Set {
    /// By moment, and within one in the order of their coming.
    works: BTreeMap<(Instant, u64), Work>,
    count: u64,
    over: bool,
}

impl HostClock {
    /// Starts the clock.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let clock = Self(shared.clone());
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || shared.tick())?;
        Ok(clock)
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn after(&self, delay: Duration, work: Work) {
        self.0.put(Instant::now() + delay, work);
    }
}

impl Drop for HostClock {
    fn drop(&mut self) {
        self.0.set().over = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, moment: Instant, work: Work) {
        let mut set = self.set();
        set.count += 1;
        let key = (moment, set.count);
        set.works.insert(key, work);
        drop(set);
        self.changed.notify_one();
    }

    fn tick(&self) {
        let mut set = self.set();
        while !set.over {
            let now = Instant::now();
            let Some((&(moment, _), _)) = set.works.first_key_value() else {
                set = self.changed.wait(set).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if moment > now {
                (set, _) = self.changed.wait_timeout(set, moment - now).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let work = set.works.pop_first().map(|(_, work)| work);
            drop(set);
            work.into_iter().for_each(|work| self.begin(work));
            set = self.set();
        }
    }

    /// Starts a thread for it, now or as soon as there can be one.
    fn begin(&self, work: Work) {
        // Behind a lock, as a thread that cannot be started drops what it was to do.
        let work = Arc::new(Mutex::new(Some(work)));
        let taken = work.clone();
        let take = move || taken.lock().unwrap_or_else(PoisonError::into_inner).take();
        let started = std::thread::Builder::new().name("alarm".to_owned()).spawn({
            let take = take.clone();
            move || {
                if let Some(work) = take() {
                    work();
                }
            }
        });
        if let Err(error) = started {
            warn!(%error, "cannot start a thread for what is due: it is tried again");
            if let Some(work) = take() {
                self.put(Instant::now() + NEXT_TRY, work);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn works_are_done_in_the_order_of_their_moments() {
        let clock = HostClock::start().unwrap();
        let (sender, done) = mpsc::channel();
        let tell = |what: &'static str| {
            let sender = sender.clone();
            Box::new(move || sender.send(what).unwrap())
        };
        clock.after(Duration::from_secs(3_600), tell("never"));
        clock.after(Duration::from_millis(1), tell("soon"));
        assert_eq!(done.recv_timeout(Duration::from_secs(60)), Ok("soon"));
        drop((clock, sender));
        // The work that was not due is dropped with the clock.
        assert_eq!(done.recv_timeout(Duration::from_secs(60)), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
