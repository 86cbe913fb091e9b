//! The end of a build that a client asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type Action = Box<dyn FnOnce() + Send>;

/// Tells all parts of a build to end. Copies are the same one.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    set: bool,
    next: u64,
    actions: BTreeMap<u64, Action>,
}

/// Something that is done when a build is given up; forgotten when this is dropped.
pub struct Registration {
    cancel: Cancel,
    number: u64,
}

impl Cancel {
    /// Gives the build up. What was registered is done now, in this thread.
    pub fn set(&self) {
        let actions = {
            let mut inner = self.lock();
            inner.set = true;
            std::mem::take(&mut inner.actions)
        };
        for action in actions.into_values() {
            action();
        }
    }

    /// Whether the build was given up.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.lock().set
    }

    /// Does `action` when the build is given up, or at once if it was.
    #[must_use]
    pub fn on_set(&self, action: impl FnOnce() + Send + 'static) -> Registration {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        if inner.set {
            drop(inner);
            action();
        } else {
            inner.actions.insert(number, Box::new(action));
        }
        Registration { cancel: self.clone(), number }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cancel.lock().actions.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn actions_are_done_once_and_only_while_they_are_registered() {
        let (cancel, done) = (Cancel::default(), Arc::new(AtomicUsize::new(0)));
        let count = |by: usize| {
            let done = done.clone();
            move || {
                done.fetch_add(by, Ordering::SeqCst);
            }
        };
        drop(cancel.on_set(count(1)));
        let _kept = cancel.on_set(count(10));
        assert!(!cancel.is_set());
        cancel.set();
        cancel.set();
        let _late = cancel.on_set(count(100));
        assert_eq!((cancel.is_set(), done.load(Ordering::SeqCst)), (true, 110));
    }
}
