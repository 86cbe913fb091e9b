//! `base`: make base images.

use std::process::ExitCode;

use casement_layers::{BaseBuilder, DEFAULT_TAG, Flavour, Store};
use casement_nt::{Runtime, Tag};
use clap::{Args, Subcommand};

use super::Outcome;
use crate::arguments::Places;
use crate::doctor::Topic;
use crate::output;
use crate::progress::Shown;

/// Flags of `base`.
#[derive(Debug, Args)]
pub struct Base {
    #[command(subcommand)]
    verb: BaseVerb,
}

/// What to do with base images.
#[derive(Debug, Subcommand)]
enum BaseVerb {
    /// Make base images from the runtime, unless they are up to date
    Build {
        /// nanoserver, servercore, server or windows; nanoserver when left out
        #[arg(value_name = "NAME", value_parser = flavour)]
        flavours: Vec<Flavour>,
        /// Release: 1809, ltsc2019, ltsc2022 or ltsc2025
        #[arg(long, value_name = "TAG", value_parser = tag)]
        tag: Vec<Tag>,
    },
}

fn flavour(text: &str) -> Result<Flavour, String> {
    text.parse().map_err(|error: casement_layers::base::UnknownFlavour| error.to_string())
}

fn tag(text: &str) -> Result<Tag, String> {
    text.parse().map_err(|error: casement_nt::version::UnknownTag| error.to_string())
}

impl Base {
    /// Makes the images and prints their names.
    pub fn perform(self, places: &Places) -> Outcome {
        let BaseVerb::Build { flavours, tag } = self.verb;
        let flavours = if flavours.is_empty() { vec![Flavour::NanoServer] } else { flavours };
        let tags = if tag.is_empty() { vec![DEFAULT_TAG] } else { tag };
        for flavour in flavours {
            for tag in &tags {
                build(places, flavour, *tag)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn build(places: &Places, flavour: Flavour, tag: Tag) -> anyhow::Result<()> {
    let store = Store::open(&places.root)?;
    let runtime = Runtime::current(&places.root)
        .map_err(|error| anyhow::anyhow!("{error} (line \"{}\" of casement doctor)", Topic::Runtime.name()))?;
    let builder = BaseBuilder::new(&store, runtime, flavour, tag);
    let shown = Shown::new();
    let built = builder.build(&|stage: &str, fraction: f64| shown.report(stage, fraction));
    shown.finish();
    let image = built?;
    output::line(format_args!("{}  {}", image.reference, image.id));
    Ok(())
}
