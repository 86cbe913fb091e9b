//! The output of stages that are built at the same time, in the order of the Dockerfile.

use crate::output::{Event, Gone, Output};
use std::sync::{Mutex, PoisonError};

/// Most bytes of text that wait for their turn in one stage; later ones replace nothing, they are left out and said to be.
const MAX_WAITING: usize = 4 << 20;

/// Lets the first unfinished stage through and keeps what the later ones say.
pub(crate) struct StageOrder<'a> {
    output: &'a dyn Output,
    state: Mutex<State>,
}

struct State {
    current: usize,
    waiting: Vec<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    bytes: usize,
    cut: bool,
    done: bool,
}

/// The output of one stage.
pub(crate) struct StageOutput<'a> {
    order: &'a StageOrder<'a>,
    stage: usize,
}

impl<'a> StageOrder<'a> {
    pub(crate) fn new(output: &'a dyn Output, stages: usize) -> Self {
        let waiting = (0..stages).map(|_| Waiting::default()).collect();
        Self { output, state: Mutex::new(State { current: 0, waiting }) }
    }

    pub(crate) fn stage(&'a self, stage: usize) -> StageOutput<'a> {
        StageOutput { order: self, stage }
    }

    /// The stage says nothing more; the next ones have their turn.
    pub(crate) fn finished(&self, stage: usize) -> Result<(), Gone> {
        let mut state = self.lock();
        state.waiting[stage].done = true;
        while state.waiting.get(state.current).is_some_and(|waiting| waiting.done) {
            state.current += 1;
            let current = state.current;
            if let Some(next) = state.waiting.get_mut(current) {
                flush(self.output, next)?;
            }
        }
        Ok(())
    }

    /// Shows what a stage has said, whoever's turn it is: it failed, and that is what the client has to see.
    pub(crate) fn failed(&self, stage: usize) -> Result<(), Gone> {
        flush(self.output, &mut self.lock().waiting[stage])
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush(output: &dyn Output, waiting: &mut Waiting) -> Result<(), Gone> {
    let events = std::mem::take(&mut waiting.events);
    events.into_iter().try_for_each(|event| output.show(event))?;
    if std::mem::take(&mut waiting.cut) {
        output.show(Event::Out("[output of this stage was left out here]\n".to_owned()))?;
    }
    waiting.bytes = 0;
    Ok(())
}

impl Output for StageOutput<'_> {
    fn show(&self, event: Event) -> Result<(), Gone> {
        let mut state = self.order.lock();
        if state.current == self.stage {
            // Under the lock: pieces keep their order.
            return self.order.output.show(event);
        }
        let waiting = &mut state.waiting[self.stage];
        let bytes = match &event {
            Event::Out(text) | Event::Error(text) => text.len(),
            Event::Image(_) | Event::Progress(_) => 64,
        };
        if waiting.bytes + bytes > MAX_WAITING {
            waiting.cut = true;
            return Ok(());
        }
        waiting.bytes += bytes;
        waiting.events.push(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl Output for Seen {
        fn show(&self, event: Event) -> Result<(), Gone> {
            let Event::Out(text) = event else { return Err(Gone) };
            self.0.lock().unwrap().push(text);
            Ok(())
        }
    }

    #[test]
    fn stages_are_seen_one_after_another() {
        let seen = Seen::default();
        let order = StageOrder::new(&seen, 3);
        let say = |stage: usize, text: &str| order.stage(stage).show(Event::Out(text.to_owned())).unwrap();
        say(1, "1a");
        say(0, "0a");
        say(2, "2a");
        order.finished(2).unwrap();
        say(0, "0b");
        order.finished(0).unwrap();
        say(1, "1b");
        order.finished(1).unwrap();
        assert_eq!(*seen.0.lock().unwrap(), ["0a", "0b", "1a", "1b", "2a"]);
    }

    #[test]
    fn a_stage_that_fails_is_seen_before_its_turn() {
        let seen = Seen::default();
        let order = StageOrder::new(&seen, 2);
        order.stage(1).show(Event::Out("why".to_owned())).unwrap();
        order.failed(1).unwrap();
        assert_eq!(*seen.0.lock().unwrap(), ["why"]);
    }
}
