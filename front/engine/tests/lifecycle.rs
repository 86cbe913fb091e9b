//! The engine's promises about containers, held against a compute service that lives in memory and outlives the engine.

mod in_memory;

use casement_engine::engine::WaitCondition;
use casement_engine::model::{Config, HostConfig};
use casement_engine::{ContainerId, ContainerSettings, Engine, Error, ErrorKind, Signal, Status, StopOptions};
use in_memory::{Bench, FakeCompute, FakeImages, run, settings, until};

fn wait(engine: &Engine, key: &str) -> u32 {
    until(engine, key, WaitCondition::NotRunning).exit_code
}

#[test]
fn a_container_runs_ends_and_is_removed() {
    let bench = Bench::new();
    let engine = bench.open();
    let container = run(&engine, &settings("web")).unwrap();
    assert_eq!((container.state.status, container.state.pid), (Status::Running, 42));
    assert!(matches!(engine.remove("web", false), Err(Error::RemoveRunning { .. })));
    bench.world.system(&container.id).end(3_221_225_786);
    assert_eq!(wait(&engine, "web"), 3_221_225_786);
    assert_eq!(engine.inspect(&container.id.as_str()[..6]).unwrap().state.status, Status::Exited);
    engine.remove("web", false).unwrap();
    assert!(matches!(engine.inspect("web"), Err(Error::NoSuchContainer(_))));
    assert_eq!(bench.world.leftovers(), 0);
}

#[test]
fn an_ended_container_starts_again() {
    let bench = Bench::new();
    let engine = bench.open();
    let container = engine.create(&settings("web")).unwrap();
    assert_eq!(container.state.status, Status::Created);
    for exit_code in [1, 2] {
        engine.start("web").unwrap();
        assert!(matches!(engine.start("web"), Err(Error::AlreadyRunning(_))));
        bench.world.system(&container.id).end(exit_code);
        assert_eq!(wait(&engine, "web"), exit_code);
    }
}

#[test]
fn automatic_removal_leaves_nothing_and_frees_the_name() {
    let bench = Bench::new();
    let engine = bench.open();
    for exit_code in 0..3 {
        let container = run(&engine, &auto_removed("web")).unwrap();
        bench.world.system(&container.id).end(exit_code);
        // Whether it is removed before or after it is asked for.
        for _ in 0..2 {
            let state = until(&engine, container.id.as_str(), WaitCondition::Removed);
            assert_eq!(state.exit_code, exit_code);
        }
        assert!(engine.inspect("web").is_err());
        assert_eq!(bench.world.leftovers(), 0);
    }
}

#[test]
fn a_missing_program_leaves_a_created_container_as_in_docker() {
    let bench = Bench::new();
    let engine = bench.open();
    bench.world.fail_next("start");
    let error = run(&engine, &settings("web")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProgramNotFound);
    let state = engine.inspect("web").unwrap().state;
    assert_eq!((state.status, state.exit_code, state.error.as_str()), (Status::Created, 127, "start fails"));
    assert!(bench.world.systems.lock().unwrap().is_empty());
    bench.world.fail_next("start");
    assert!(run(&engine, &auto_removed("gone")).is_err());
    assert!(engine.inspect("gone").is_err());
}

#[test]
fn what_cannot_be_created_leaves_nothing() {
    let bench = Bench::new();
    let engine = bench.open();
    bench.world.fail_next("scratch");
    assert!(run(&engine, &settings("web")).is_err());
    assert!(engine.list().is_empty());
    assert_eq!(bench.world.leftovers(), 0);
    let unknown =
        ContainerSettings { config: Config { image: "unknown".to_owned(), ..Config::default() }, ..settings("web") };
    assert_eq!(run(&engine, &unknown).unwrap_err().to_string(), "No such image: unknown");
    run(&engine, &settings("web")).unwrap();
    let error = run(&engine, &settings("web")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(bench.world.scratches.lock().unwrap().len(), 1);
}

#[test]
fn stop_asks_first_and_ends_after_the_timeout() {
    let bench = Bench::new();
    let engine = bench.open();
    let polite = run(&engine, &settings("polite")).unwrap();
    engine.stop("polite", after(60)).unwrap();
    assert_eq!(engine.inspect(polite.id.as_str()).unwrap().state.exit_code, 0);
    assert!(matches!(engine.stop("polite", after(-1)), Err(Error::AlreadyStopped(_))));
    let stubborn = run(&engine, &settings("stubborn")).unwrap();
    *bench.world.system(&stubborn.id).obeys.lock().unwrap() = false;
    engine.kill("stubborn", Signal::TERM).unwrap();
    engine.stop("stubborn", after(0)).unwrap();
    assert_eq!(engine.inspect("stubborn").unwrap().state.exit_code, 1);
    let killed = run(&engine, &settings("killed")).unwrap();
    engine.kill("killed", Signal::KILL).unwrap();
    assert_eq!(engine.inspect(killed.name.as_str()).unwrap().state.status, Status::Exited);
}

#[test]
fn a_lost_silo_host_is_reported() {
    let bench = Bench::new();
    let engine = bench.open();
    let container = run(&engine, &settings("web")).unwrap();
    bench.world.system(&container.id).lose();
    assert_eq!(wait(&engine, "web"), 137);
    let state = engine.inspect("web").unwrap().state;
    assert_eq!((state.status, state.error.as_str()), (Status::Exited, casement_engine::SILO_HOST_LOST));
}

#[test]
fn a_killed_daemon_finds_everything_again() {
    let bench = Bench::new();
    let engine = bench.open();
    let running = run(&engine, &settings("running")).unwrap();
    let ended = run(&engine, &settings("ended")).unwrap();
    let lost = run(&engine, &settings("lost")).unwrap();
    let temporary = run(&engine, &auto_removed("temporary")).unwrap();
    engine.create(&settings("created")).unwrap();
    // Copied first: what happens to the containers now, no daemon sees.
    let copy = bench.root.path().join("copy");
    std::fs::create_dir_all(&copy).unwrap();
    std::fs::copy(bench.root.path().join("casement.redb"), copy.join("casement.redb")).unwrap();
    bench.world.system(&ended.id).end(7);
    bench.world.system(&lost.id).lose();
    bench.world.system(&temporary.id).end(0);
    bench.world.scratches.lock().unwrap().insert("orphan".to_owned());
    bench.world.directories.lock().unwrap().insert("orphan".to_owned());
    std::mem::forget(engine);

    let world = bench.world.clone();
    let engine = bench.open_at(&copy);
    assert_eq!(engine.inspect("running").unwrap().state.status, Status::Running);
    assert_eq!(engine.inspect("ended").unwrap().state.exit_code, 7);
    assert_eq!(engine.inspect("lost").unwrap().state.exit_code, 137);
    assert_eq!(engine.inspect("created").unwrap().state.status, Status::Created);
    assert!(engine.inspect("temporary").is_err());
    assert_eq!(engine.list().len(), 4);
    assert!(!world.scratches.lock().unwrap().contains("orphan"));
    assert!(!world.directories.lock().unwrap().contains("orphan"));
    world.system(&running.id).end(9);
    assert_eq!(wait(&engine, "running"), 9);
}

#[test]
fn a_half_made_container_is_undone() {
    let bench = Bench::new();
    let engine = bench.open();
    let kept = engine.create(&settings("kept")).unwrap();
    drop(engine);
    let store = casement_engine::store::Store::open(&bench.root.path().join("casement.redb")).unwrap();
    let half = ContainerId::random().unwrap();
    store
        .insert(&half, None, |reservation| {
            let mut container = kept.clone();
            container.id = half.clone();
            container.name = reservation.name;
            container.uid_base = reservation.uid_base;
            container.state.status = Status::Creating;
            Ok(container)
        })
        .unwrap();
    let mut starting = kept.clone();
    starting.state.status = Status::Starting;
    store.update(&starting).unwrap();
    drop(store);
    bench.world.scratches.lock().unwrap().insert(half.to_string());
    let engine = bench.open();
    assert_eq!(engine.list().len(), 1);
    let state = engine.inspect("kept").unwrap().state;
    assert_eq!(state.status, Status::Created);
    assert!(state.error.contains("daemon ended"), "{}", state.error);
    assert_eq!(bench.world.scratches.lock().unwrap().len(), 1);
}

#[test]
fn a_removal_that_fails_is_reported_and_can_be_repeated() {
    let bench = Bench::new();
    let engine = bench.open();
    engine.create(&settings("web")).unwrap();
    bench.world.fail_next("remove");
    assert!(engine.remove("web", false).unwrap_err().to_string().contains("remove fails"));
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Dead);
    let engine = bench.reopen_after_kill(engine);
    engine.remove("web", true).unwrap();
    assert_eq!(bench.world.leftovers(), 0);
}

#[test]
fn one_daemon_owns_a_root() {
    let bench = Bench::new();
    let _engine = bench.open();
    let world = bench.world.clone();
    let second =
        Engine::open(bench.root.path(), Box::new(FakeCompute(world.clone())), Box::new(FakeImages(world)), || {
            Ok(Err("nothing here has a network".to_owned()))
        });
    assert!(matches!(second, Err(Error::RootInUse(_))));
}

fn after(seconds: i64) -> StopOptions {
    StopOptions { timeout: Some(seconds), ..StopOptions::default() }
}

fn auto_removed(name: &str) -> ContainerSettings {
    ContainerSettings { host_config: HostConfig { auto_remove: true, ..HostConfig::default() }, ..settings(name) }
}
