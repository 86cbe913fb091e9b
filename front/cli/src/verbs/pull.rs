//! `pull`: fetch an image.

use std::collections::BTreeMap;
use std::process::ExitCode;

use casement_registry::{BasePolicy, LAYOUT_PREFIX, directory_and_tag};
use clap::Args;
use serde_json::Value;

use super::Outcome;
use crate::client::Client;
use crate::{output, registry_account};

/// Flags of `pull`.
#[derive(Debug, Args)]
pub struct Pull {
    /// Only the name at the end
    #[arg(short = 'q', long)]
    quiet: bool,
    /// What becomes of Microsoft's base layers: substitute, fetch or strict [default: the daemon's]
    #[arg(long, value_name = "POLICY")]
    base_policy: Option<BasePolicy>,
    /// Name for the image of a layout directory
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name of the image, or oci:DIR[:TAG]
    image: String,
}

impl Pull {
    /// Pulls and tells how far it is.
    pub fn perform(self, client: &Client) -> Outcome {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(layout) = self.image.strip_prefix(LAYOUT_PREFIX) {
            let (directory, tag) = directory_and_tag(layout);
            let directory = whole_path(directory)?;
            let last = directory.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let colon = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            query.append_pair("fromImage", &format!("{LAYOUT_PREFIX}{}{colon}", directory.display()));
            query.append_pair("repo", &self.name.unwrap_or(format!("{last}{colon}")));
        } else {
            query.append_pair("fromImage", &self.image);
            let last = self.image.rsplit('/').next().unwrap_or_default();
            if !last.contains([':', '@']) {
                query.append_pair("tag", "latest");
            }
        }
        if let Some(policy) = self.base_policy {
            let text = match policy {
                BasePolicy::Substitute => "substitute",
                BasePolicy::Fetch => "fetch",
                BasePolicy::Strict => "strict",
            };
            query.append_pair("basePolicy", text);
        }
        let account = registry_account::of(&self.image);
        let mut shown = Shown::new(self.quiet);
        let path = format!("/images/create?{}", query.finish());
        client.wait_for(client.told(&path, account.as_deref(), |line| shown.line(line)))?;
        if self.quiet {
            output::line(&self.image);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The path of a layout directory as the daemon has to name it, which works somewhere else.
pub fn whole_path(directory: &str) -> anyhow::Result<std::path::PathBuf> {
    std::fs::canonicalize(directory).map_err(|error| anyhow::anyhow!("cannot find {directory}: {error}"))
}

/// Prints lines of progress, each state of a layer once.
pub struct Shown {
    quiet: bool,
    last: BTreeMap<String, String>,
}

impl Shown {
    pub fn new(quiet: bool) -> Self {
        Self { quiet, last: BTreeMap::new() }
    }

    pub fn line(&mut self, line: &Value) {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, status) = (text("id"), text("status"));
        if self.quiet || status.is_empty() {
            return;
        }
        if id.is_empty() {
            output::line(status);
        } else if self.last.insert(id.to_owned(), status.to_owned()).as_deref() != Some(status) {
            output::line(format_args!("{id}: {status}"));
        }
    }
}
