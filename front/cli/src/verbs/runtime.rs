//! `runtime`: make the runtime.

use std::process::ExitCode;

use casement_nt::RuntimeBuilder;
use casement_nt::runtime::GuestPieces;
use clap::{Args, Subcommand};

use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;
use crate::output;
use crate::parts;
use crate::progress::Shown;

/// Flags of `runtime`.
#[derive(Debug, Args)]
pub struct Runtime {
    #[command(subcommand)]
    verb: RuntimeVerb,
}

/// What to do with the runtime.
#[derive(Debug, Subcommand)]
enum RuntimeVerb {
    /// Make the runtime from Debian's packages, unless it is up to date
    Build {
        /// Debian archive to take the packages from; the one of this host's apt when left out
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// Ask the archive for newer packages
        #[arg(long)]
        refresh: bool,
    },
}

impl Runtime {
    /// Makes the runtime and prints its directory.
    pub fn perform(self, places: &Places) -> Outcome {
        let RuntimeVerb::Build { mirror, refresh } = self.verb;
        let pieces = GuestPieces::in_directory(&parts::guest_pieces().map_err(Failure::from)?);
        let builder = RuntimeBuilder::new(&places.root, pieces).mirror(mirror).refresh(refresh);
        let shown = Shown::new();
        let built = builder.build(&|stage: &str, fraction: f64| shown.report(stage, fraction));
        shown.finish();
        let runtime = built.map_err(anyhow::Error::from)?;
        output::line(runtime.directory().display());
        Ok(ExitCode::SUCCESS)
    }
}
