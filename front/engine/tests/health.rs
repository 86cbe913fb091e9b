//! Health checks, held against a clock that only goes on when it is told to.

mod in_memory;

use std::sync::Arc;
use std::time::Duration;

use casement_engine::engine::WaitCondition;
use casement_engine::model::{Config, Health};
use casement_engine::{ContainerSettings, Engine, HealthState, HealthStatus};
use in_memory::{Bench, settings, until};

const SECOND: i64 = 1_000_000_000;

fn checked(name: &str, check: Health) -> ContainerSettings {
    let plain = settings(name);
    ContainerSettings { config: Config { healthcheck: Some(check), ..plain.config.clone() }, ..plain }
}

fn check() -> Health {
    Health { test: vec!["CMD-SHELL".to_owned(), "probe".to_owned()], retries: 2, ..Health::default() }
}

fn health(engine: &Engine) -> HealthState {
    engine.inspect("web").unwrap().state.health.expect("a health check")
}

fn told(engine: &Engine) -> Vec<String> {
    let past = engine.events().subscribe().0;
    past.into_iter().map(|event| event.action).filter(|action| action.starts_with("health_status")).collect()
}

/// Runs `web` with this check, whose probes end with what is set.
fn run(check: Health) -> (Bench, Arc<Engine>) {
    let bench = Bench::new();
    let engine = bench.open();
    in_memory::run(&engine, &checked("web", check)).unwrap();
    (bench, engine)
}

/// Lets time pass up to the next probe, which answers so; returns how long it was.
fn probe(bench: &Bench, engine: &Engine, exit_code: u32, output: &'static str) -> Duration {
    *bench.world.system(&engine.inspect("web").unwrap().id).answers.lock().unwrap() = Some((exit_code, output));
    let pause = bench.world.clock.next();
    assert_eq!(bench.world.clock.advance(pause), 1);
    pause
}

#[test]
fn probes_decide_on_health_and_changes_are_told() {
    let (bench, engine) = run(check());
    assert_eq!(health(&engine), HealthState::default());
    assert_eq!(probe(&bench, &engine, 0, "fine"), Duration::from_secs(30));
    let good = health(&engine);
    assert_eq!((good.status, good.log[0].exit_code, good.log[0].output.as_str()), (HealthStatus::Healthy, 0, "fine"));
    probe(&bench, &engine, 1, "");
    assert_eq!(health(&engine).status, HealthStatus::Healthy);
    probe(&bench, &engine, 1, "");
    assert_eq!((health(&engine).status, health(&engine).failing_streak), (HealthStatus::Unhealthy, 2));
    bench.world.fail_next("execute");
    probe(&bench, &engine, 0, "");
    assert_eq!(health(&engine).log.last().map(|result| result.exit_code), Some(-1));
    probe(&bench, &engine, 0, "");
    assert_eq!(told(&engine), ["health_status: healthy", "health_status: unhealthy", "health_status: healthy"]);
    assert_eq!(health(&engine).log.len(), 5);
}

#[test]
fn failures_in_the_start_period_do_not_count() {
    let check = Health { interval: 20 * SECOND, start_period: 12 * SECOND, retries: 1, ..check() };
    let (bench, engine) = run(check);
    for pause in [5, 5, 2] {
        assert_eq!(health(&engine).status, HealthStatus::Starting);
        assert_eq!(probe(&bench, &engine, 1, ""), Duration::from_secs(pause));
    }
    assert_eq!(health(&engine).status, HealthStatus::Unhealthy);
    assert_eq!(probe(&bench, &engine, 1, ""), Duration::from_secs(20));
}

#[test]
fn probes_end_with_the_container_and_begin_anew_with_it_and_with_the_daemon() {
    let (bench, engine) = run(check());
    probe(&bench, &engine, 0, "");
    let id = engine.inspect("web").unwrap().id;
    bench.world.system(&id).end(0);
    let _ = until(&engine, "web", WaitCondition::NotRunning);
    assert_eq!(health(&engine).status, HealthStatus::Healthy, "what was known last is kept");
    assert_eq!(bench.world.clock.advance(Duration::from_secs(100)), 1);
    assert!(bench.world.clock.is_idle());
    engine.start("web").unwrap();
    assert_eq!((health(&engine).status, health(&engine).log.len()), (HealthStatus::Starting, 1));
    probe(&bench, &engine, 0, "");
    let engine = bench.reopen_after_kill(engine);
    assert_eq!(health(&engine).status, HealthStatus::Starting);
    probe(&bench, &engine, 0, "");
    assert_eq!(health(&engine).status, HealthStatus::Healthy);
}

#[test]
fn a_container_without_a_check_has_no_health() {
    for test in [vec![], vec!["NONE".to_owned()]] {
        let (bench, engine) = run(Health { test, ..Health::default() });
        assert_eq!(engine.inspect("web").unwrap().state.health, None);
        assert!(bench.world.clock.is_idle());
    }
}
