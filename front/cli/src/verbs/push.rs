//! `push`: give an image to a registry, or to a layout directory.

use std::process::ExitCode;

use casement_registry::{LAYOUT_PREFIX, directory_and_tag};
use clap::Args;

use super::Outcome;
use super::pull::{Shown, whole_path};
use crate::client::Client;
use crate::registry_account;

/// Flags of `push`.
#[derive(Debug, Args)]
pub struct Push {
    /// Nothing but errors
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Name of the image
    image: String,
    /// Where it goes instead of the registry of its name: oci:DIR[:TAG], an OCI layout directory, which is made if it is missing
    layout: Option<String>,
}

impl Push {
    /// Pushes and tells how far it is.
    pub fn perform(self, client: &Client) -> Outcome {
        let last = self.image.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match self.image[last..].split_once(':') {
            Some((name, tag)) => (format!("{}{name}", &self.image[..last]), tag),
            None => (self.image.clone(), "latest"),
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("tag", tag);
        if let Some(layout) = &self.layout {
            query.append_pair("layout", &whole(layout)?);
        }
        let account = registry_account::of(&self.image);
        let mut shown = Shown::new(self.quiet);
        let path = format!("/images/{name}/push?{}", query.finish());
        client.wait_for(client.told(&path, account.as_deref(), |line| shown.line(line)))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The name of a layout with the whole path of its directory, which is there afterwards.
fn whole(layout: &str) -> anyhow::Result<String> {
    let Some(place) = layout.strip_prefix(LAYOUT_PREFIX) else {
        anyhow::bail!("{layout}: an image goes to the registry of its name, or to a layout directory oci:DIR[:TAG]");
    };
    let (directory, tag) = directory_and_tag(place);
    std::fs::create_dir_all(directory).map_err(|error| anyhow::anyhow!("cannot create {directory}: {error}"))?;
    let whole = whole_path(directory)?;
    let colon = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    Ok(format!("{LAYOUT_PREFIX}{}{colon}", whole.display()))
}
