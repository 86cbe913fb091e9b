//! For how long the kernel may remember names, as they are written, and misses where it cannot be told that they are old.
//!
//! It is told a time at which it has to ask again. A change that would make a remembered name wrong (a file is made whose name the
//! kernel believes to be absent in another spelling, or removed by another spelling) waits until the kernel has forgotten that.
//! Such changes are rare. A program that makes many finds that nothing is remembered any more: each wait halves the time, and
//! it grows again while nobody waits.

use std::time::{Duration, Instant};

/// Longest time that a name is remembered, and so almost the longest wait. Short enough for a program to wait for,
/// long enough that names which are asked for all the time are seldom asked of the volume.
const LONGEST: Duration = Duration::from_secs(1);
/// A shorter time than this is none.
const SHORTEST: Duration = Duration::from_millis(60);
/// Time without a wait after which the next lease is longer.
const CALM: Duration = Duration::from_secs(10);
/// The unit of moments.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 16);
/// Ticks that a lease may end later than was told: the kernel counts from when the program that asked goes on, in units of its own. A
/// program that has used up its share of the processors may have to wait for a period of 100 ms.
const SLACK: u32 = 4;

/// When something ends, in ticks since the volume was mounted; the least is long past. Enough for eight years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(u32);

/// A name may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How long.
    pub time: Duration,
    /// From then on.
    pub now: Moment,
    /// When it is forgotten for certain.
    pub until: Moment,
}

/// What is granted to the kernel.
#[derive(Debug)]
pub struct Leases {
    mounted: Instant,
    length: Duration,
    /// When the length was changed last.
    changed: Instant,
    /// Changes that wait. What they wait for must not be remembered anew.
    waiting: u32,
}

impl Default for Leases {
    fn default() -> Self {
        let now = Instant::now();
        Self { mounted: now, length: LONGEST, changed: now, waiting: 0 }
    }
}

impl Leases {
    /// Lets the kernel remember a name, if it may at present.
    pub fn grant(&mut self) -> Option<Lease> {
        self.grant_at(Instant::now())
    }

    fn grant_at(&mut self, now: Instant) -> Option<Lease> {
        if self.waiting > 0 {
            return None;
        }
        if self.length < LONGEST && now.duration_since(self.changed) > CALM {
            self.length = (self.length * 2).clamp(SHORTEST, LONGEST);
            self.changed = now;
        }
        let time = self.length;
        let until = Moment(self.moment(now + time).0.saturating_add(SLACK));
        (!time.is_zero()).then_some(Lease { time, now: self.moment(now), until })
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// So much time from now.
    pub fn after(&self, time: Duration) -> Moment {
        self.moment(Instant::now() + time)
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment(u32::try_from(at.duration_since(self.mounted).as_nanos() / TICK.as_nanos()).unwrap_or(u32::MAX))
    }

    /// When to go on with a change for which names must be forgotten that are remembered until `end`; `None`: now. Who waits says
    /// [`Leases::waited`] then.
    pub fn wait(&mut self, end: Moment) -> Option<Instant> {
        self.wait_at(Instant::now(), end)
    }

    fn wait_at(&mut self, now: Instant, end: Moment) -> Option<Instant> {
        let end = self.mounted + TICK * end.0;
        if end <= now {
            return None;
        }
        self.waiting += 1;
        if self.waiting > 1 {
            // For what somebody else waits for already, perhaps.
            return Some(end);
        }
        self.length = Some(self.length / 2).filter(|length| *length >= SHORTEST).unwrap_or_default();
        self.changed = now;
        Some(end)
    }

    /// One that waited goes on.
    pub fn waited(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_often_waits_soon_does_not() {
        let mut leases = Leases::default();
        let mut now = leases.mounted;
        let mut waited = Duration::ZERO;
        for _ in 0..100 {
            if let Some(lease) = leases.grant_at(now) {
                let until = leases.wait_at(now, lease.until).unwrap();
                assert!(until >= now + lease.time, "{lease:?}");
                assert!(leases.grant_at(now).is_none(), "nothing is remembered anew while somebody waits");
                waited += until - now;
                now = until;
                leases.waited();
            }
        }
        assert!(waited < LONGEST * 4, "{waited:?}");
        assert!(leases.grant_at(now).is_none());
        // After a while names are remembered again, for longer each time.
        let mut lengths = Vec::new();
        for _ in 0..6 {
            now += CALM * 2;
            lengths.extend(leases.grant_at(now).map(|lease| lease.time.as_millis()));
        }
        assert_eq!(lengths, [60, 120, 240, 480, 960, 1000]);
    }

    #[test]
    fn what_has_ended_is_not_waited_for() {
        let mut leases = Leases::default();
        let granted = leases.mounted + Duration::from_secs(1);
        let Lease { time, until, .. } = leases.grant_at(granted).unwrap();
        assert_eq!(leases.wait_at(leases.mounted, Moment::default()), None);
        assert_eq!(leases.wait_at(granted + time + TICK * SLACK, until), None);
        assert!(leases.wait_at(granted + time, until).is_some());
    }
}
