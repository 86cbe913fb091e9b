//! `daemon`: run the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use casement_engine::Engine;
use casement_engine::host_compute::HostCompute;
use casement_engine::http::{Api, HttpServer};
use casement_engine::image_store::HostImages;
use casement_hns::vswitch::VSwitch;
use casement_hns::{HnsServer, NetworkService};
use casement_layers::Store;
use casement_layers::volume::mount::is_done_without;
use casement_registry::{BasePolicy, BuiltBases, Distribution, HostBuild};
use casement_silo::error_chain;
use clap::Args;

use super::Outcome;
use crate::arguments::Places;
use crate::config_file;
use crate::doctor::Topic;
use crate::failure::Failure;
use crate::parts;

/// Threads that serve connections of the API; what blocks has others.
const API_THREADS: usize = 2;
/// The database of the network service under the root.
const NETWORK_FILE: &str = "hns.redb";

/// The flags of `daemon`.
#[derive(Debug, Args)]
pub struct Daemon {
    /// Configuration file [default: /etc/casement/config.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Group whose members may use the socket, by name or number; they may become root
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// What becomes of Microsoft's base layers in images that are pulled: substitute, fetch or strict
    #[arg(long, value_name = "POLICY")]
    pub base_policy: Option<BasePolicy>,
    /// Windows build that the host stands for when images are chosen, such as 20348
    #[arg(long, value_name = "BUILD")]
    pub host_build: Option<u32>,
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
    config.images.base_policy = flags.base_policy.unwrap_or(config.images.base_policy);
    config.images.host_build = flags.host_build.unwrap_or(config.images.host_build);
    let root = &places.root;
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
    let images = HostImages::open(&root)?;
    let compute = HostCompute::new(&root, parts::own_program()?, parts::agent()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(API_THREADS).enable_all().build()?;
    let (handle, records) = (runtime.handle().clone(), root.join(NETWORK_FILE));
    let open_networks = move || {
        let switch = match open_switch() {
            Ok(switch) => switch,
            Err(reason) => return Ok(Err(reason)),
        };
        let service = NetworkService::open(&records, Box::new(switch), Some(handle.clone()))?;
        Ok(Ok(Arc::new(service)))
    };
    let engine = Engine::open(&root, Box::new(compute), Box::new(images), open_networks)?;
    engine.set_log_default(config.log_config());
    let host = HostBuild(config.images.host_build);
    if config.images.base_policy == BasePolicy::Strict {
        engine.require_host(host);
    }
    let store = Store::open(&root)?;
    let bases = Box::new(BuiltBases::new(store.clone()));
    let handle = runtime.handle().clone();
    let distribution = Distribution::new(store, handle, &config.registry, bases, config.images.base_policy, host)?;
    let (handle, run) = (runtime.handle().clone(), places.run.clone());
    engine.share_networks(move |networks| {
        let _context = handle.enter();
        match HnsServer::bind(networks, &run) {
            Ok(hns) => drop(handle.spawn(hns.serve())),
            Err(error) => tracing::error!(%error, "cannot make the socket of the network service"),
        }
    });
    let api = Api::new(engine, &root, config.appearance(), Some(Arc::new(distribution)));
    let docker = runtime.block_on(HttpServer::bind(api, &places.run, &config))?;
    tracing::info!(root = %root.display(), run = %places.run.display(), "serving");
    runtime.block_on(docker.serve())?;
    anyhow::bail!("the daemon stopped serving")
}

/// The virtual switch of the network namespace that the daemon is in, or why there is none.
fn open_switch() -> Result<VSwitch, String> {
    let topic = Topic::Networks;
    if is_done_without(topic.name()) {
        return Err(format!("the daemon was told to do without {topic}"));
    }
    VSwitch::open().map_err(|error| error_chain(&error))
}
