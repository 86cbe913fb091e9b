//! Networks of a host that gets what they need only after the daemon has started.

mod in_memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use casement_engine::Engine;
use casement_engine::networks::NetworkRequest;
use casement_hns::vswitch::{
    Adapter, Desired, Endpoint, Namespace, Network, Prefix, Reconciled, Statistics, VSwitchError,
};
use casement_hns::{NetworkService, Switch};
use casement_schema::Guid;
use in_memory::{Bench, FakeCompute, FakeImages, settings};

/// A switch on which everything succeeds.
struct AnySwitch;

impl Switch for AnySwitch {
    fn create_network(&self, _: Network) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn delete_network(&self, _: Guid) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn attach(&self, _: Endpoint, _: &Namespace) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn detach(&self, _: Guid) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn release(&self, _: Guid) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn modify(&self, _: Endpoint) -> Result<(), VSwitchError> {
        Ok(())
    }
    fn reconcile(&self, _: Desired) -> Result<Reconciled, VSwitchError> {
        Ok(Reconciled::default())
    }
    fn statistics(&self, _: Guid) -> Result<Statistics, VSwitchError> {
        Ok(Statistics::default())
    }
    fn adapters(&self) -> Result<Vec<Adapter>, VSwitchError> {
        Ok(Vec::new())
    }
    fn host_prefixes(&self) -> Result<Vec<Prefix>, VSwitchError> {
        Ok(Vec::new())
    }
}

/// An engine whose host has no networks before `there` says so.
fn engine(bench: &Bench, there: Arc<AtomicBool>) -> Arc<Engine> {
    let records = bench.root.path().join("hns.redb");
    let world = || bench.world.clone();
    let open = move || {
        if !there.load(Ordering::SeqCst) {
            return Ok(Err("the kernel has no bridges".to_owned()));
        }
        Ok(Ok(Arc::new(NetworkService::open(&records, Box::new(AnySwitch), None)?)))
    };
    let (compute, images) = (Box::new(FakeCompute(world())), Box::new(FakeImages(world())));
    Engine::open(bench.root.path(), compute, images, open).unwrap()
}

fn names(engine: &Engine) -> Vec<String> {
    engine.networks().unwrap().into_iter().map(|network| network.docker.name).collect()
}

#[test]
fn networks_are_tried_again_when_a_container_or_a_network_needs_them() {
    for by_container in [true, false] {
        let bench = Bench::new();
        let there = Arc::new(AtomicBool::new(false));
        let engine = engine(&bench, there.clone());
        let shared = Arc::new(AtomicUsize::new(0));
        let counted = shared.clone();
        engine.share_networks(move |_| _ = counted.fetch_add(1, Ordering::SeqCst));
        let warnings = || engine.settle(&mut settings("web")).unwrap();
        let request = || NetworkRequest { name: "blue".to_owned(), ..NetworkRequest::default() };
        assert_eq!(warnings(), ["The container has loopback only: the kernel has no bridges"]);
        let refused = engine.create_network(&request()).unwrap_err().to_string();
        assert_eq!(refused, "there are no networks: the kernel has no bridges");
        assert_eq!(names(&engine), ["none"]);
        there.store(true, Ordering::SeqCst);
        if by_container {
            assert!(warnings().is_empty());
            assert_eq!(names(&engine), ["none", "nat"], "the network of those that ask for none is there");
        } else {
            engine.create_network(&request()).unwrap();
            assert_eq!(names(&engine), ["none", "blue", "nat"]);
        }
        assert!(warnings().is_empty());
        assert_eq!(shared.load(Ordering::SeqCst), 1, "the service is handed over once");
    }
}
