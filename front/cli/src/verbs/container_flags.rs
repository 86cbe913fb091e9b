//! The flags of `run` and `create` that describe a container.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::models::{ContainerCreateBody, HostConfig};
use casement_engine::{ContainerName, limits};
use clap::{ArgAction, Args};

use super::network_flags::NetworkFlags;
use crate::environment_file;
use crate::failure::{EXIT_ENGINE, Failure};
use crate::terminal;

/// A container as flags describe it.
#[derive(Debug, Args)]
pub struct ContainerFlags {
    /// Remove the container when it has ended
    #[arg(long)]
    pub rm: bool,
    /// Keep standard input open
    #[arg(short = 'i', long)]
    pub interactive: bool,
    /// Give the program a console
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    pub name: Option<ContainerName>,
    /// Set a variable; without a value, take it from the caller's environment
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read variables from a file, one a line
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Working directory in the container
    #[arg(short = 'w', long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// User in the container: ContainerAdministrator or ContainerUser
    #[arg(short = 'u', long, value_name = "USER")]
    pub user: Option<String>,
    /// Show a host directory in the container
    #[arg(short = 'v', long = "volume", value_name = r"HOST:C:\DIR[:ro]")]
    pub volumes: Vec<String>,
    /// Memory limit, such as 512m or 1g
    #[arg(short = 'm', long, value_name = "BYTES", value_parser = limits::parse_memory)]
    pub memory: Option<u64>,
    /// CPU limit, such as 1.5
    #[arg(long, value_name = "NUMBER", value_parser = limits::parse_cpus)]
    pub cpus: Option<u64>,
    /// Host name in the container
    #[arg(short = 'h', long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Program to run in place of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Label
    #[arg(short = 'l', long = "label", value_name = "NAME[=VALUE]")]
    pub labels: Vec<String>,
    #[command(flatten)]
    pub networks: NetworkFlags,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Image, then the command and its arguments (the image's own when left out)
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, value_names = ["IMAGE", "COMMAND"])]
    pub words: Vec<String>,
}

impl ContainerFlags {
    /// What the daemon is asked for. With `attached`, the container's input ends with that of the client that runs it.
    ///
    /// # Errors
    /// When a file of variables cannot be read.
    pub fn body(&self, attached: bool) -> Result<ContainerCreateBody, Failure> {
        let env = environment_file::variables(&self.env_file, &self.env)
            .map_err(|error| Failure::with_code(format!("casement: {error:#}"), EXIT_ENGINE))?;
        let (image, command) =
            self.words.split_first().map_or((String::new(), &[][..]), |(image, rest)| (image.clone(), rest));
        let size = if self.tty { terminal::size() } else { None };
        let number = |limit: Option<u64>| limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(ContainerCreateBody {
            image: Some(image),
            cmd: (!command.is_empty()).then(|| command.to_vec()),
            entrypoint: self.entrypoint.clone().map(|program| vec![program]),
            env: Some(env),
            working_dir: self.workdir.clone(),
            user: self.user.clone(),
            tty: Some(self.tty),
            open_stdin: Some(self.interactive),
            stdin_once: Some(attached),
            attach_stdin: Some(attached),
            hostname: self.hostname.clone(),
            labels: Some(labels(&self.labels)),
            exposed_ports: Some(self.networks.exposed()),
            networking_config: self.networks.endpoints(),
            host_config: Some(self.networks.apply(HostConfig {
                console_size: size.map(|(height, width)| vec![height.into(), width.into()]),
                memory: number(self.memory),
                nano_cpus: number(self.cpus),
                binds: Some(self.volumes.clone()),
                auto_remove: Some(self.rm),
                ..HostConfig::default()
            })),
            ..ContainerCreateBody::default()
        })
    }
}

fn labels(flags: &[String]) -> HashMap<String, String> {
    let pair = |flag: &String| match flag.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (flag.clone(), String::new()),
    };
    flags.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    #[command(disable_help_flag = true)]
    struct Line {
        #[command(flatten)]
        flags: ContainerFlags,
    }

    fn flags(line: &[&str]) -> ContainerFlags {
        let words = std::iter::once("run").chain(line.iter().copied());
        Line::try_parse_from(words).unwrap().flags
    }

    #[test]
    fn everything_after_the_image_belongs_to_the_program() {
        let flags = flags(&["--rm", "-it", "nanoserver", "--rm", "-x", "--", "cmd", "/c", "--help"]);
        let body = flags.body(true).unwrap();
        assert_eq!(body.image.unwrap(), "nanoserver");
        assert_eq!(body.cmd.unwrap(), ["--rm", "-x", "--", "cmd", "/c", "--help"]);
        assert_eq!((body.tty, body.open_stdin, body.stdin_once), (Some(true), Some(true), Some(true)));
        assert_eq!(body.host_config.unwrap().auto_remove, Some(true));
    }

    #[test]
    fn values_are_understood() {
        let line = r"--name web -e A=1 -e B= -w C:\app -u ContainerUser -v /tmp:C:\t:ro -m 512m --cpus 1.5 -h host --entrypoint x.exe -l a=b=c -l d image:tag";
        let flags = flags(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(flags.name.as_ref().unwrap().as_str(), "web");
        let body = flags.body(false).unwrap();
        assert_eq!(body.env.unwrap(), ["A=1", "B="]);
        assert_eq!((body.hostname.unwrap(), body.entrypoint.unwrap()), ("host".to_owned(), vec!["x.exe".to_owned()]));
        let labels = body.labels.unwrap();
        assert_eq!((labels["a"].as_str(), labels["d"].as_str()), ("b=c", ""));
        assert!(body.cmd.is_none() && body.stdin_once == Some(false));
        let host_config = body.host_config.unwrap();
        assert_eq!((host_config.memory, host_config.nano_cpus), (Some(512 << 20), Some(1_500_000_000)));
        assert_eq!(host_config.binds.unwrap(), [r"/tmp:C:\t:ro"]);
    }

    #[test]
    fn networks_are_asked_for_as_docker_does() {
        let line = "--network blue --ip 10.0.0.9 --network-alias shop -p 8080:80 -p 53/udp --expose 90 -P --dns 192.0.2.53 --dns-search corp.example image";
        let body = flags(&line.split(' ').collect::<Vec<_>>()).body(false).unwrap();
        assert_eq!(body.exposed_ports.unwrap(), ["53/udp", "80/tcp", "90/tcp"]);
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        assert_eq!(endpoints["blue"].aliases.as_deref(), Some(&["shop".to_owned()][..]));
        let ipam = endpoints["blue"].ipam_config.as_ref().unwrap();
        assert_eq!(ipam.ipv4_address.as_deref(), Some("10.0.0.9"));
        let host = body.host_config.unwrap();
        assert_eq!((host.network_mode.as_deref(), host.publish_all_ports), (Some("blue"), Some(true)));
        assert_eq!(
            (host.dns.unwrap(), host.dns_search.unwrap()),
            (vec!["192.0.2.53".to_owned()], vec!["corp.example".to_owned()])
        );
        let published = host.port_bindings.unwrap();
        assert_eq!(published["80/tcp"].as_ref().unwrap()[0].host_port.as_deref(), Some("8080"));
        assert!(flags(&["image"]).body(false).unwrap().networking_config.is_none());
    }

    #[test]
    fn bad_flags_are_refused() {
        for line in [
            &["--nonsense", "image"][..],
            &[],
            &["-m", "1k", "image"],
            &["--cpus", "x", "image"],
            &["--name", "-x", "image"],
            &["--name", "a b", "image"],
            &["-p", "80/sctp", "image"],
            &["--ip", "fd00::9", "image"],
            &["--dns", "x", "image"],
        ] {
            let words = std::iter::once("run").chain(line.iter().copied());
            assert!(Line::try_parse_from(words).is_err(), "{line:?}");
        }
    }
}
