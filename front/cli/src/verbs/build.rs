//! `build`: make an image of a Dockerfile.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use clap::Args;
use serde_json::{Value, json};

use super::Outcome;
use crate::build_context::Source;
use crate::client::{Client, ClientError};
use crate::failure::{EXIT_ENGINE, Failure};
use crate::{output, registry_account};

/// Largest secret in bytes; BuildKit's.
const MAX_SECRET: u64 = 500 << 10;

/// Flags of `build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Name of the image, with a tag if wanted
    #[arg(short = 't', long = "tag", value_name = "NAME[:TAG]")]
    tags: Vec<String>,
    /// Name of the Dockerfile [default: Dockerfile in the context]
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<String>,
    /// Value of an ARG; without a value that of the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    build_args: Vec<String>,
    /// Label of the image
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// The stage to build
    #[arg(long, value_name = "STAGE", default_value = "")]
    target: String,
    /// A secret for RUN --mount=type=secret: id=ID,src=FILE or id=ID,env=VARIABLE
    #[arg(long = "secret", value_name = "SECRET")]
    secrets: Vec<String>,
    /// Images whose steps may be used
    #[arg(long, value_name = "IMAGE", value_delimiter = ',')]
    cache_from: Vec<String>,
    /// Use nothing of earlier builds
    #[arg(long)]
    no_cache: bool,
    /// Ask registries for newer base images
    #[arg(long)]
    pull: bool,
    /// Only the id of the image at the end
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Network of RUN steps
    #[arg(long, value_name = "NETWORK", default_value = "")]
    network: String,
    /// Isolation of RUN steps: default, process or hyperv
    #[arg(long, value_name = "ISOLATION", default_value = "")]
    isolation: String,
    /// Platform of stages that do not say
    #[arg(long, value_name = "PLATFORM", default_value = "")]
    platform: String,
    /// Line of the hosts file of RUN steps
    #[arg(long = "add-host", value_name = "HOST:IP")]
    hosts: Vec<String>,
    /// Remove containers of steps that failed, too
    #[arg(long)]
    force_rm: bool,
    /// Directory, - for an archive or a Dockerfile on standard input, or the address of an archive, Dockerfile or repository
    #[arg(value_name = "PATH|URL|-")]
    context: String,
}

impl Build {
    /// Builds and shows how far it is.
    pub fn perform(self, client: &Client) -> Outcome {
        let source =
            Source::of(&self.context, self.file.as_deref()).map_err(|error| Failure::new(format!("{error:#}")))?;
        let secrets = self.secrets.iter().map(|text| secret(text)).collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut headers = vec![("X-Registry-Config", registry_account::all().unwrap_or_default())];
        if !secrets.is_empty() {
            headers.push(("X-Casement-Build-Secrets", BASE64_URL_SAFE.encode(json!(secrets).to_string())));
        }
        let path = format!("/build?{}", self.query(&source)?);
        let mut ended = Ok(());
        let mut shown = super::pull::Shown::new(self.quiet);
        let colours = io::stdout().is_terminal();
        let told = client.wait_for(client.build(&path, &headers, source.into_body(), |line| {
            if let Some(text) = line.get("stream").and_then(Value::as_str) {
                show(text, colours);
            } else if let Some(message) = line.get("error").and_then(Value::as_str) {
                let code =
                    line["errorDetail"]["code"].as_u64().map_or(1, |code| u8::try_from(code).unwrap_or(EXIT_ENGINE));
                ended = Err(Failure::with_code(message, code));
            } else {
                shown.line(line);
            }
        }));
        told.map_err(|error: ClientError| Failure::new(error))?;
        ended.map(|()| ExitCode::SUCCESS)
    }

    fn query(&self, source: &Source) -> Result<String, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("version", "1").append_pair("rm", "1").append_pair("dockerfile", source.dockerfile());
        if let Some(remote) = source.remote() {
            query.append_pair("remote", remote);
        }
        for tag in &self.tags {
            query.append_pair("t", tag);
        }
        for host in &self.hosts {
            query.append_pair("extrahosts", host);
        }
        for (name, value) in [
            ("target", &self.target),
            ("networkmode", &self.network),
            ("isolation", &self.isolation),
            ("platform", &self.platform),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        for (name, flag) in
            [("nocache", self.no_cache), ("pull", self.pull), ("q", self.quiet), ("forcerm", self.force_rm)]
        {
            if flag {
                query.append_pair(name, "1");
            }
        }
        let arguments: BTreeMap<&str, Option<String>> = self.build_args.iter().map(|text| argument(text)).collect();
        let labels: BTreeMap<&str, &str> =
            self.labels.iter().map(|text| text.split_once('=').unwrap_or((text, ""))).collect();
        let json = |name: &str, value: Value, query: &mut form_urlencoded::Serializer<'_, String>| {
            query.append_pair(name, &value.to_string());
        };
        json("buildargs", json!(arguments), &mut query);
        json("labels", json!(labels), &mut query);
        if !self.cache_from.is_empty() {
            json("cachefrom", json!(self.cache_from), &mut query);
        }
        Ok(query.finish())
    }
}

/// A build argument; one without a value has that of the environment, or none.
fn argument(text: &str) -> (&str, Option<String>) {
    match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    }
}

/// A secret's id, and its value in base64.
fn secret(text: &str) -> Result<(String, String), Failure> {
    let (mut id, mut file, mut variable) = (None, None, None);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("id", value)) => id = Some(value),
            Some(("src" | "source", value)) => file = Some(value),
            Some(("env", value)) => variable = Some(value),
            Some(("type", "file" | "env")) => {}
            _ => {
                return Err(Failure::with_code(
                    format!("secret {text}: unexpected field {field}: say id=ID,src=FILE or id=ID,env=VARIABLE"),
                    EXIT_ENGINE,
                ));
            }
        }
    }
    let id = id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Failure::with_code(format!("secret {text}: id is missing"), EXIT_ENGINE))?;
    let failed =
        |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("secret {id}: cannot read {what}: {error}"));
    let value = match (file, variable) {
        (None, Some(name)) => std::env::var(name).map_err(|error| failed(name, &error))?.into_bytes(),
        (Some(path), _) => read(path).map_err(|error| failed(path, &error))?,
        // As with docker, the id names a variable or else a file.
        (None, None) => match std::env::var(id) {
            Ok(value) => value.into_bytes(),
            Err(_) => read(id).map_err(|error| failed(id, &error))?,
        },
    };
    Ok((id.to_owned(), BASE64_URL_SAFE.encode(value)))
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path)?, MAX_SECRET + 1), &mut bytes)?;
    match bytes.len() as u64 > MAX_SECRET {
        true => Err(io::Error::other(format!("it is larger than {MAX_SECRET} bytes"))),
        false => Ok(bytes),
    }
}

/// Shows what the daemon says; its colours only where there are any.
fn show(text: &str, colours: bool) {
    let plain = text.replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
    output::text(if colours { text } else { &plain });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_from_files_and_variables() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file").unwrap();
        let (id, value) = secret(&format!("type=file,id=a,src={}", file.path().display())).unwrap();
        assert_eq!((id.as_str(), BASE64_URL_SAFE.decode(value).unwrap()), ("a", b"from a file".to_vec()));
        let (_, value) = secret("id=b,env=PATH").unwrap();
        assert_eq!(BASE64_URL_SAFE.decode(value).unwrap(), std::env::var("PATH").unwrap().into_bytes());
        for text in ["", "src=x", "id=a,src=/nonexistent", "id=a,what=x"] {
            assert!(secret(text).is_err(), "{text}");
        }
    }
}
