//! `logs`: show what a container has written.

use std::process::ExitCode;

use clap::Args;
use hyper::Method;

use super::Outcome;
use crate::client::{Client, named};
use crate::session::print_log;

/// Flags of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Go on until the container has ended
    #[arg(short = 'f', long)]
    follow: bool,
    /// Begin with the last entries: a number, or all
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "all", value_parser = tail)]
    tail: String,
    /// Show when each line was written
    #[arg(short = 't', long)]
    timestamps: bool,
    /// Container
    container: String,
}

/// All entries, or the last so many.
fn tail(text: &str) -> Result<String, String> {
    match text.parse::<i64>() {
        Ok(number) if number >= 0 => Ok(number.to_string()),
        Err(_) if text != "all" => Err("a number, or all, is wanted".to_owned()),
        _ => Ok("all".to_owned()),
    }
}

impl Logs {
    /// Prints the log.
    pub fn perform(self, client: &Client) -> Outcome {
        let flag = |name: &str, set: bool| if set { format!("&{name}=1") } else { String::new() };
        client.wait_for(async {
            let path = format!(
                "/containers/{}/logs?stdout=1&stderr=1&tail={}{}{}",
                named(&self.container)?,
                self.tail,
                flag("follow", self.follow),
                flag("timestamps", self.timestamps)
            );
            print_log(client.ask(Method::GET, &path).await?).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
