//! The command line of `casement`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::verbs;

/// Where state is kept unless told otherwise.
pub const DEFAULT_ROOT: &str = "/var/lib/casement";
/// Where sockets are made unless told otherwise.
pub const DEFAULT_RUN: &str = "/run/casement";

/// Windows containers on Linux.
#[derive(Debug, Parser)]
#[command(name = "casement", version, about, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub places: Places,
    #[command(subcommand)]
    pub verb: Verb,
}

/// The directories of an installation.
#[derive(Clone, Debug, Args)]
pub struct Places {
    /// Directory of all state: images, layers, containers, the runtime
    #[arg(long, global = true, env = "CASEMENT_ROOT", default_value = DEFAULT_ROOT, value_name = "DIR", hide_env_values = true)]
    pub root: PathBuf,
    /// Directory of the control socket
    #[arg(long, global = true, env = "CASEMENT_RUN", default_value = DEFAULT_RUN, value_name = "DIR", hide_env_values = true)]
    pub run: PathBuf,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a container and run a command in it
    #[command(disable_help_flag = true)]
    Run(Box<verbs::run::Run>),
    /// Create a container without starting it
    #[command(disable_help_flag = true)]
    Create(Box<verbs::create::Create>),
    /// Start containers that do not run
    Start(verbs::start::Start),
    /// Run a further command in a running container
    Exec(verbs::exec::Exec),
    /// List containers
    Ps(verbs::ps::Ps),
    /// Show what a container has written
    Logs(verbs::logs::Logs),
    /// Ask containers to end, and end them after a time
    Stop(verbs::stop::Stop),
    /// End containers, or send them another signal
    Kill(verbs::kill::Kill),
    /// Remove containers
    Rm(verbs::rm::Rm),
    /// Wait until containers have ended and print their exit codes
    Wait(verbs::wait::Wait),
    /// Show the HCS document and the state of containers, as JSON
    Inspect(verbs::inspect::Inspect),
    /// List images
    Images(verbs::images::Images),
    /// Look into Windows images without running them
    Image(verbs::image::Image),
    /// Make an image of a Dockerfile
    Build(Box<verbs::build::Build>),
    /// Fetch an image from a registry, or take one out of an OCI layout directory
    Pull(verbs::pull::Pull),
    /// Give an image to a registry
    Push(verbs::push::Push),
    /// Make base images
    Base(verbs::base::Base),
    /// Make the runtime
    Runtime(verbs::runtime::Runtime),
    /// Look at the network service
    #[command(subcommand)]
    Hns(verbs::hns::Hns),
    /// Say what this host offers, and what that means
    Doctor(crate::doctor::Flags),
    /// Show the versions of command and daemon
    Version(verbs::version::Version),
    /// Run the daemon
    Daemon(verbs::daemon::Daemon),
    /// Run the silo host of one compute system; started by the daemon
    #[command(hide = true)]
    SiloHost(verbs::silo_host::SiloHost),
    /// Hold volume C: of a container that does not run; started by the daemon
    #[command(hide = true)]
    VolumeHost(verbs::volume_host::VolumeHost),
}
