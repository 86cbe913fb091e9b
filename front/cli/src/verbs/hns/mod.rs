//! `hns`: what the network service has, as Get-HnsNetwork and its kin print it.

mod call;
mod print;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::call::call;
use super::Outcome;
use crate::arguments::Places;
use crate::failure::Failure;
use crate::output;

/// The objects of the network service.
#[derive(Debug, Subcommand)]
pub enum Hns {
    /// Networks (Get-HnsNetwork)
    #[command(subcommand)]
    Network(Verb),
    /// Endpoints (Get-HnsEndpoint)
    #[command(subcommand)]
    Endpoint(Verb),
    /// Policy lists: load balancers and routes (Get-HnsPolicyList)
    #[command(subcommand)]
    Policy(Verb),
    /// Namespaces (Get-HnsNamespace)
    #[command(subcommand)]
    Namespace(Verb),
    /// Adapters that the host has of networks, and ports of endpoints (Get-NetAdapter)
    #[command(subcommand)]
    Adapter(Verb),
    /// Addresses of those adapters (Get-NetIPAddress)
    #[command(subcommand)]
    Address(Verb),
    /// Call the service as vmcompute.dll's HNSCall does, and print its answer
    Call(Call),
}

/// What to do with objects.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// One line for each
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// All that is known of each, or of those with these names or identifiers
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Names or identifiers
        objects: Vec<String>,
    },
}

/// A call.
#[derive(Debug, Args)]
pub struct Call {
    /// GET, POST or DELETE
    pub method: String,
    /// Such as /networks/
    pub path: String,
    /// The request, as JSON
    #[arg(default_value = "")]
    pub body: String,
}

impl Hns {
    /// Asks the service of the daemon with these directories.
    pub fn perform(self, places: &Places) -> Outcome {
        let run = &places.run;
        let list = |path: &str, columns: &[&str], verb| print(objects(run, path)?, columns, verb);
        match self {
            Self::Network(verb) => list("/networks/", &["Name", "Type", "ID", "CurrentEndpointCount", "State"], verb),
            Self::Endpoint(verb) => {
                list("/endpoints/", &["ID", "VirtualNetworkName", "IPAddress", "MacAddress", "State"], verb)
            }
            Self::Policy(verb) => list("/policylists/", &["ID", "References", "Policies"], verb),
            Self::Namespace(verb) => list("/namespaces/", &["ID", "CompartmentId", "ResourceList"], verb),
            Self::Adapter(verb) => {
                list("/adapters/", &["Name", "InterfaceIndex", "Status", "MacAddress", "InterfaceName"], verb)
            }
            Self::Address(verb) => {
                let addresses = |adapter: &Value| adapter["IPAddresses"].as_array().cloned().unwrap_or_default();
                let all = objects(run, "/adapters/")?.iter().flat_map(addresses).collect();
                print(all, &["InterfaceIndex", "InterfaceAlias", "IPAddress", "PrefixLength", "AddressFamily"], verb)
            }
            Self::Call(Call { method, path, body }) => {
                let answer = call(run, &method, &path, body)?;
                output::line(print::json(&answer));
                let failed = answer["Success"] == Value::Bool(false);
                Ok(if failed { ExitCode::from(crate::failure::EXIT_GENERAL) } else { ExitCode::SUCCESS })
            }
        }
    }
}

fn objects(run: &Path, path: &str) -> Result<Vec<Value>, Failure> {
    let answer = call(run, "GET", path, String::new())?;
    if answer["Success"] != Value::Bool(true) {
        return Err(Failure::new(std::io::Error::other(
            answer["Error"].as_str().unwrap_or_default().trim().to_owned(),
        )));
    }
    Ok(answer["Output"].as_array().cloned().unwrap_or_default())
}

fn print(mut objects: Vec<Value>, columns: &[&str], verb: Verb) -> Outcome {
    match verb {
        Verb::Ls { json: false } => output::line(print::table(&objects, columns)),
        Verb::Ls { json: true } => output::line(print::json(&Value::Array(objects))),
        Verb::Show { json, objects: wanted } => {
            let fits = |object: &Value, key: &String| {
                let is = |name: &str| object[name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(key));
                is("Name") || is("ID") || is("InterfaceAlias")
            };
            if let Some(absent) = wanted.iter().find(|key| !objects.iter().any(|object| fits(object, key))) {
                return Err(Failure::new(std::io::Error::other(format!("Element not found. ({absent})"))));
            }
            objects.retain(|object| wanted.is_empty() || wanted.iter().any(|key| fits(object, key)));
            if json {
                output::line(print::json(&Value::Array(objects)));
            } else {
                let lists: Vec<String> = objects.iter().map(print::list).collect();
                output::line(lists.join("\n\n"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
