//! `daemon`: run the daemon.

use anyhow::Context;
use casement_engine::host_compute::HostCompute;
use casement_engine::http::{Api, HttpServer};
use casement_engine::image_store::HostImages;
use casement_engine::{Engine, Server};
use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;
use crate::parts;

/// Threads that serve connections of the API; what blocks has others.
const API_THREADS: usize = 2;

/// `daemon` has no flags of its own.
#[derive(Debug, Args)]
pub struct Daemon {}

impl Daemon {
    /// Serves until it is killed, which it may be at any time: containers go on, and the next daemon finds them.
    pub fn perform(self, places: &Places) -> Outcome {
        let never = serve(places).map_err(Failure::from)?;
        match never {}
    }
}

/// What does not return.
enum Never {}

fn serve(places: &Places) -> anyhow::Result<Never> {
    anyhow::ensure!(
        rustix::process::geteuid().is_root(),
        "the daemon makes namespaces and mounts: run it as root (line \"privileges\" of casement doctor)"
    );
    let root = &places.root;
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let images = HostImages::open(&root)?;
    let compute = HostCompute::new(&root, parts::own_program()?, parts::agent()?);
    let engine = Engine::open(&root, Box::new(compute), Box::new(images))?;
    let server = Server::bind(engine.clone(), &root, &places.run)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(API_THREADS).enable_all().build()?;
    let docker = runtime.block_on(async { HttpServer::bind(Api::new(engine, &root), &places.run) })?;
    tracing::info!(root = %root.display(), run = %places.run.display(), "serving");
    let control = std::thread::Builder::new().name("control".to_owned()).spawn(move || server.serve())?;
    runtime.block_on(docker.serve())?;
    let _ = control.join();
    anyhow::bail!("the daemon stopped serving")
}
