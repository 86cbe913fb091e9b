//! `start`: start containers that do not run.

use clap::Args;
use serde_json::Value;

use super::run::exit;
use super::{Outcome, Said, for_each};
use crate::client::{Client, ClientError, named};
use crate::failure::Failure;
use crate::session::{Kind, Session};

/// Flags of `start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Stay with the container until its end
    #[arg(short = 'a', long)]
    attach: bool,
    /// Pass standard input to the container; implies --attach
    #[arg(short = 'i', long)]
    interactive: bool,
    /// Containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Start {
    /// Starts the containers.
    pub fn perform(self, client: &Client) -> Outcome {
        if !self.attach && !self.interactive {
            return for_each(client, &self.containers, async |name| started(client, name).await.map(|()| Said::Name));
        }
        let [name] = self.containers.as_slice() else {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        };
        client.wait_for(async {
            let container = client.json(&format!("/containers/{}/json", named(name)?)).await?;
            let set = |value: &Value| *value == Value::Bool(true);
            let config = &container["Config"];
            let kind = Kind {
                tty: set(&config["Tty"]),
                stdin: self.interactive && set(&config["OpenStdin"]),
                removed: set(&container["HostConfig"]["AutoRemove"]),
            };
            let id = container["Id"].as_str().unwrap_or(name);
            let session = Session::open(client, id, kind.checked()?).await?;
            started(client, id).await?;
            exit(session.play().await?)
        })
    }
}

/// Starts a container. One that runs is started already.
///
/// # Errors
/// [`ClientError`].
pub async fn started(client: &Client, name: &str) -> Result<(), ClientError> {
    client.docker().start_container(named(name)?, None).await.map_err(|error| client.error(error))
}
