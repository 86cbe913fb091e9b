//! `daemon`: run the daemon.

use std::path::PathBuf;

use anyhow::Context;
use casement_engine::Engine;
use casement_engine::host_compute::HostCompute;
use casement_engine::http::{Api, HttpServer};
use casement_engine::image_store::HostImages;
use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::config_file;
use crate::failure::Failure;
use crate::parts;

/// Threads that serve connections of the API; what blocks has others.
const API_THREADS: usize = 2;

/// The flags of `daemon`.
#[derive(Debug, Args)]
pub struct Daemon {
    /// Configuration file [default: /etc/casement/config.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Group whose members may use the socket, by name or number; they may become root
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

impl Daemon {
    /// Serves until it is killed, which it may be at any time: containers go on, and the next daemon finds them.
    pub fn perform(self, places: &Places) -> Outcome {
        let never = serve(places, self).map_err(Failure::from)?;
        match never {}
    }
}

/// What does not return.
enum Never {}

fn serve(places: &Places, flags: Daemon) -> anyhow::Result<Never> {
    anyhow::ensure!(
        rustix::process::geteuid().is_root(),
        "the daemon makes namespaces and mounts: run it as root (line \"privileges\" of casement doctor)"
    );
    let mut config = config_file::read(flags.config.as_deref())?;
    config.group = flags.group.or(config.group);
    let root = &places.root;
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let images = HostImages::open(&root)?;
    let compute = HostCompute::new(&root, parts::own_program()?, parts::agent()?);
    let engine = Engine::open(&root, Box::new(compute), Box::new(images))?;
    engine.set_log_default(config.log_config());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(API_THREADS).enable_all().build()?;
    let api = Api::new(engine, &root, config.appearance());
    let docker = runtime.block_on(HttpServer::bind(api, &places.run, &config))?;
    tracing::info!(root = %root.display(), run = %places.run.display(), "serving");
    runtime.block_on(docker.serve())?;
    anyhow::bail!("the daemon stopped serving")
}
