//! Restart policies, held against a clock that only goes on when it is told to.

mod in_memory;

use std::sync::Arc;
use std::time::Duration;

use casement_engine::engine::WaitCondition;
use casement_engine::model::{HostConfig, RestartPolicy};
use casement_engine::{ContainerId, ContainerSettings, Engine, Error, Signal, Status, StopOptions};
use in_memory::{Bench, run, settings, until};

fn policy(name: &str, policy: &str, maximum_retry_count: i64) -> ContainerSettings {
    let restart_policy = RestartPolicy { name: policy.to_owned(), maximum_retry_count };
    ContainerSettings { host_config: HostConfig { restart_policy, ..HostConfig::default() }, ..settings(name) }
}

/// A container with a policy, whose runs are ended by the test.
struct Fixture {
    bench: Bench,
    engine: Arc<Engine>,
    id: ContainerId,
}

impl Fixture {
    fn run(name: &str, count: i64) -> Self {
        let bench = Bench::new();
        let engine = bench.open();
        let id = run(&engine, &policy("web", name, count)).unwrap().id;
        Self { bench, engine, id }
    }

    /// Ends the present run after this time.
    fn end(&self, after: Duration, exit_code: u32) {
        assert_eq!(self.bench.world.clock.advance(after), 0);
        let ends = || {
            let told = self.engine.events().subscribe().0;
            told.iter().filter(|event| event.action == "die").count()
        };
        let before = ends();
        self.bench.world.system(&self.id).end(exit_code);
        while ends() == before {
            std::thread::yield_now();
        }
    }

    /// The pause before the next run, which is then let pass.
    fn pause(&self) -> Duration {
        let pause = self.bench.world.clock.next();
        assert_eq!(self.status(), Status::Restarting);
        assert_eq!(self.bench.world.clock.advance(pause), 1);
        assert_eq!(self.status(), Status::Running);
        pause
    }

    fn status(&self) -> Status {
        self.engine.inspect("web").unwrap().state.status
    }

    fn restarts(&self) -> u32 {
        self.engine.inspect("web").unwrap().restart_count
    }

    /// The daemon is killed and started again.
    fn killed_daemon(mut self) -> Self {
        self.engine = self.bench.reopen_after_kill(self.engine);
        self
    }
}

const BRIEF: Duration = Duration::from_secs(1);

#[test]
fn a_container_that_keeps_ending_is_restarted_after_longer_and_longer_pauses() {
    let web = Fixture::run("always", 0);
    for pause in [100, 200, 400, 800] {
        web.end(BRIEF, 0);
        assert_eq!(web.pause(), Duration::from_millis(pause));
    }
    web.end(Duration::from_secs(10), 0);
    assert_eq!(web.pause(), Duration::from_millis(100));
    assert_eq!(web.restarts(), 5);
}

#[test]
fn on_failure_restarts_failures_only_and_not_for_ever() {
    let web = Fixture::run("on-failure", 2);
    for restarts in [1, 2] {
        web.end(BRIEF, 3);
        let _ = web.pause();
        assert_eq!(web.restarts(), restarts);
    }
    web.end(BRIEF, 3);
    assert_eq!((web.status(), web.restarts()), (Status::Exited, 2));
    // A person starts it: everything begins anew.
    web.engine.start("web").unwrap();
    assert_eq!(web.restarts(), 0);
    web.end(BRIEF, 3);
    assert_eq!(web.pause(), Duration::from_millis(100));
    web.end(BRIEF, 0);
    assert_eq!(web.status(), Status::Exited);
    assert!(web.bench.world.clock.is_idle());
}

#[test]
fn what_a_person_ends_stays_ended() {
    for name in ["always", "unless-stopped", "on-failure"] {
        let web = Fixture::run(name, 0);
        web.engine.stop("web", StopOptions::default()).unwrap();
        assert_eq!(web.status(), Status::Exited, "{name}");
        web.engine.start("web").unwrap();
        web.engine.kill("web", Signal::KILL).unwrap();
        assert_eq!(web.status(), Status::Exited, "{name}");
        assert!(web.bench.world.clock.is_idle());
    }
}

#[test]
fn a_pause_is_cut_short_by_whoever_stops_kills_removes_or_restarts() {
    let waiting = || {
        let web = Fixture::run("always", 0);
        web.end(BRIEF, 7);
        let _ = web.bench.world.clock.next();
        assert_eq!(web.status(), Status::Restarting);
        web
    };
    let stopped = waiting();
    stopped.engine.stop("web", StopOptions::default()).unwrap();
    assert_eq!((stopped.status(), stopped.engine.inspect("web").unwrap().state.exit_code), (Status::Exited, 7));
    assert!(matches!(stopped.engine.stop("web", StopOptions::default()), Err(Error::AlreadyStopped(_))));
    let _ = stopped.bench.world.clock.advance(BRIEF);
    assert_eq!(stopped.status(), Status::Exited);

    let killed = waiting();
    killed.engine.kill("web", Signal::KILL).unwrap();
    assert_eq!(killed.status(), Status::Exited);

    let removed = waiting();
    let refusal = removed.engine.remove("web", false).unwrap_err().to_string();
    assert!(refusal.contains("container is restarting: stop the container"), "{refusal}");
    removed.engine.remove("web", true).unwrap();
    let _ = removed.bench.world.clock.advance(BRIEF);
    assert_eq!(removed.bench.world.leftovers(), 0);

    let restarted = waiting();
    assert!(matches!(restarted.engine.start("web"), Err(Error::AlreadyRunning(_))));
    restarted.engine.restart("web", StopOptions::default()).unwrap();
    assert_eq!((restarted.status(), restarted.restarts()), (Status::Running, 0));
    // The alarm of the pause that is over means nothing to the new run.
    let _ = restarted.bench.world.clock.advance(BRIEF);
    assert_eq!(restarted.status(), Status::Running);
}

#[test]
fn policies_hold_across_restarts_of_the_daemon() {
    for (name, stopped, starts) in [
        ("always", false, true),
        ("always", true, true),
        ("unless-stopped", false, true),
        ("unless-stopped", true, false),
        ("on-failure", true, false),
        ("no", true, false),
    ] {
        let web = Fixture::run(name, 0);
        if stopped {
            web.engine.stop("web", StopOptions::default()).unwrap();
        } else {
            // Waits for its restart when the daemon is killed.
            web.end(BRIEF, 1);
        }
        let web = web.killed_daemon();
        let _ = web.bench.world.clock.advance(Duration::ZERO);
        let expected = if starts { Status::Running } else { Status::Exited };
        assert_eq!(web.status(), expected, "{name} {stopped}");
    }
}

#[test]
fn what_fails_while_no_daemon_looks_is_restarted_by_the_next() {
    let web = Fixture::run("on-failure", 0);
    // A killed daemon does not see the end.
    let copy = web.bench.root.path().join("copy");
    std::fs::create_dir_all(&copy).unwrap();
    std::fs::copy(web.bench.root.path().join("casement.redb"), copy.join("casement.redb")).unwrap();
    let system = web.bench.world.system(&web.id);
    std::mem::forget(web.engine);
    system.end(5);
    let engine = web.bench.open_at(&copy);
    let container = engine.inspect("web").unwrap();
    assert_eq!((container.state.status, container.restart_count), (Status::Restarting, 1));
    let told: Vec<String> = engine.events().subscribe().0.into_iter().map(|event| event.action).collect();
    assert_eq!(told, ["die"]);
    // As does the old engine, whose threads live on here.
    assert!(web.bench.world.clock.advance(BRIEF) >= 1);
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Running);
}

#[test]
fn a_wait_ends_with_each_run_and_tells_its_exit_code() {
    let web = Fixture::run("always", 0);
    for exit_code in [4, 5] {
        let engine = web.engine.clone();
        let waits = std::thread::spawn(move || until(&engine, "web", WaitCondition::NotRunning));
        while !waits.is_finished() {
            // The wait may not have begun yet: runs end until it has seen one.
            web.bench.world.system(&web.id).end(exit_code);
            let _ = web.pause();
        }
        assert_eq!(waits.join().unwrap().exit_code, exit_code);
    }
}

#[test]
fn a_restart_that_fails_leaves_the_container_alone() {
    let web = Fixture::run("always", 0);
    web.end(BRIEF, 0);
    let pause = web.bench.world.clock.next();
    web.bench.world.fail_next("start");
    assert_eq!(web.bench.world.clock.advance(pause), 1);
    let state = web.engine.inspect("web").unwrap().state;
    assert_eq!((state.status, state.exit_code), (Status::Exited, 127));
    assert!(web.bench.world.clock.is_idle());
}

#[test]
fn a_policy_and_automatic_removal_exclude_each_other() {
    let bench = Bench::new();
    let engine = bench.open();
    let mut both = policy("web", "always", 0);
    both.host_config.auto_remove = true;
    assert_eq!(
        engine.create(&both).unwrap_err().to_string(),
        "can't create 'AutoRemove' container with restart policy"
    );
    assert_eq!(bench.world.leftovers(), 0);
}
