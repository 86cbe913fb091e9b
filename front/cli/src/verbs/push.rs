//! `push`: give an image to a registry.

use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use super::pull::Shown;
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
        let account = registry_account::of(&self.image);
        let mut shown = Shown::new(self.quiet);
        let path = format!("/images/{name}/push?{}", query.finish());
        client.wait_for(client.told(&path, account.as_deref(), |line| shown.line(line)))?;
        Ok(ExitCode::SUCCESS)
    }
}
