//! What changes a container besides its start and end: pause, update, rename, prune.

mod in_memory;

use std::sync::Arc;

use casement_engine::update::UpdateSettings;
use casement_engine::{Container, Engine, ErrorKind, Status, StopOptions};
use in_memory::{Bench, run, settings};

fn running(engine: &Arc<Engine>) -> Container {
    run(engine, &settings("web")).unwrap()
}

fn update(json: serde_json::Value) -> UpdateSettings {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_paused_container_is_found_again_and_goes_on_to_be_stopped() {
    let bench = Bench::new();
    let engine = bench.open();
    let id = running(&engine).id;
    engine.pause("web").unwrap();
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Paused);
    let error = engine.pause("web").unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Conflict, format!("Container {id} is already paused")));
    let engine = bench.reopen_after_kill(engine);
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Paused);
    engine.stop("web", StopOptions::default()).unwrap();
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Exited);
    assert!(engine.unpause("web").is_err());
}

#[test]
fn what_the_silo_host_says_goes_before_the_record() {
    let bench = Bench::new();
    let engine = bench.open();
    let id = running(&engine).id;
    // The daemon died after it had the silo host hold the programs, and before it wrote that down.
    *bench.world.system(&id).paused.lock().unwrap() = true;
    let engine = bench.reopen_after_kill(engine);
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Paused);
    engine.unpause("web").unwrap();
    assert!(!*bench.world.system(&id).paused.lock().unwrap());
    assert_eq!(engine.inspect("web").unwrap().state.status, Status::Running);
}

#[test]
fn an_update_reaches_the_job_and_the_record_or_neither() {
    let bench = Bench::new();
    let engine = bench.open();
    let id = running(&engine).id;
    engine.change("web", &update(serde_json::json!({ "Memory": 256 << 20 }))).unwrap();
    let limits = bench.world.system(&id).limits.lock().unwrap().clone().unwrap();
    assert_eq!(limits.memory.unwrap().size_in_mb, 256);
    bench.world.fail_next("limit");
    engine.change("web", &update(serde_json::json!({ "Memory": 512 << 20 }))).unwrap_err();
    assert_eq!(engine.inspect("web").unwrap().host_config.memory, 256 << 20);
    let error = engine.change("web", &update(serde_json::json!({ "MemorySwap": 1 }))).unwrap_err();
    assert_eq!(error.to_string(), "invalid option: Windows does not support MemorySwap");
    engine.change("web", &update(serde_json::json!({ "RestartPolicy": { "Name": "always" } }))).unwrap();
    assert_eq!(engine.inspect("web").unwrap().host_config.restart_policy.name, "always");
    engine.stop("web", StopOptions::default()).unwrap();
}

#[test]
fn pruning_spares_what_runs() {
    let bench = Bench::new();
    let engine = bench.open();
    let runs = running(&engine).id;
    let created = engine.create(&settings("other")).unwrap().id;
    let pruned = engine.prune(&Default::default(), None);
    assert_eq!(pruned.containers, [created.to_string()]);
    assert_eq!(engine.list().len(), 1);
    assert_eq!(engine.inspect("web").unwrap().id, runs);
    engine.remove("web", true).unwrap();
}
