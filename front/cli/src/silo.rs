//! The command's own line to the silo host of a container, which stays when the daemon goes.

use std::path::Path;

use anyhow::{Result, bail};
use casement_schema::process::{ProcessParameters, Signal};

use crate::streams::FarEnds;

/// A connection to a silo host.
pub struct Silo {}

/// One process in a silo, or the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first process: the container ends with it.
    Main,
    /// A further process, by its id in the silo.
    Process(u32),
}

/// How a process ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code, 32 bits.
    pub exit_code: u32,
    /// Why, when out of order.
    pub error: Option<String>,
}

impl Silo {
    pub fn connect(_directory: &Path, _id: &str) -> Result<Self> {
        bail!("not yet")
    }
    pub fn attach(&self, _streams: FarEnds) -> Result<()> {
        bail!("not yet")
    }
    pub fn execute(&self, _process: &ProcessParameters, _streams: FarEnds) -> Result<u32, casement_engine::Error> {
        Err(casement_engine::Error::Compute("not yet".to_owned()))
    }
    pub fn wait(&self, _target: Target) -> Result<Ended> {
        bail!("not yet")
    }
    pub fn resize(&self, _target: Target, _height: u16, _width: u16) -> Result<()> {
        bail!("not yet")
    }
    pub fn signal(&self, _target: Target, _signal: Signal) -> Result<()> {
        bail!("not yet")
    }
}
