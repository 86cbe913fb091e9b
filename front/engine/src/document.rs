//! From an image and a person's wishes to the v2 document of a compute system and the parameters of its first process.

use std::path::Path;

use casement_schema::container::{Container as ContainerDocument, GuestOs, MappedDirectory, Memory, Processor};
use casement_schema::process::ProcessParameters;
use casement_schema::storage::{Layer, Storage};
use casement_schema::{ComputeSystem, Version};

use casement_nt::environment::Environment;
use casement_nt::{NtPath, command_line};
use serde::{Deserialize, Serialize};

use crate::container::{Config, Container, ContainerSettings, HostConfig};
use crate::error::{Error, Result};
use crate::id::ContainerId;
use crate::image::Image;
use crate::limits::{check_memory, processor_maximum};

/// The owner that documents name.
pub const OWNER: &str = "casement";
/// Where a program starts when neither the image nor the caller says.
pub const DEFAULT_WORKING_DIR: &str = "C:\\";
/// Who runs a program when neither the image nor the caller says.
pub const DEFAULT_USER: &str = "ContainerAdministrator";
/// Longest host name, the limit of a DNS label.
pub const MAX_HOSTNAME_BYTES: usize = 63;
/// Longest command line, in UTF-16 units: the limit of CreateProcessW.
pub const MAX_COMMAND_LINE: usize = 32_767;

/// What a caller asks for when it starts a further process in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct ExecSettings {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables `NAME=value` laid over the container's.
    pub env: Vec<String>,
    /// Working directory; the container's when absent.
    pub working_dir: Option<String>,
    /// User; the container's when absent.
    pub user: Option<String>,
    /// Whether the process has a console.
    pub tty: bool,
    /// Height and width of the console in characters; only with `tty`.
    pub console_size: Option<(u16, u16)>,
    /// Whether standard input is connected.
    pub open_stdin: bool,
}

/// Everything that follows from an image and the settings of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The container's configuration with the image's values merged in.
    pub config: Config,
    /// What it takes from the host.
    pub host_config: HostConfig,
    /// The document, still without the path of the scratch.
    pub document: ComputeSystem,
    /// The first process.
    pub process: ProcessParameters,
}

/// Plans a container on a host with `host_cpus` CPUs. Looks at the sources of its binds and at nothing else outside.
///
/// # Errors
/// [`Error::InvalidParameter`] for every value that is not valid.
pub fn plan(id: &ContainerId, image: &Image, settings: &ContainerSettings, host_cpus: u32) -> Result<Plan> {
    let command = Command::choose(image, settings);
    let environment = merge_environment(&image.config.env, &settings.env)?;
    let config = Config {
        hostname: hostname(id, settings.hostname.as_deref())?,
        user: chosen(settings.user.as_deref(), &image.config.user, DEFAULT_USER),
        env: environment.to_strings(),
        working_dir: working_dir(settings.working_dir.as_deref(), &image.config.working_dir)?,
        tty: settings.tty,
        open_stdin: settings.open_stdin,
        entrypoint: command.entrypoint.clone(),
        cmd: command.cmd.clone(),
        labels: image.config.labels.clone().into_iter().chain(settings.labels.clone()).collect(),
    };
    let request = ProcessRequest {
        command_line: command.line()?,
        working_dir: &config.working_dir,
        user: &config.user,
        environment: &environment,
        tty: config.tty,
        console_size: settings.console_size,
        stdin: config.open_stdin,
    };
    let process = request.parameters();
    let document = document(image, settings, &config.hostname, host_cpus)?;
    let host_config = HostConfig {
        memory: settings.memory.unwrap_or(0),
        nano_cpus: settings.nano_cpus.unwrap_or(0),
        binds: settings.binds.clone(),
        auto_remove: settings.auto_remove,
    };
    Ok(Plan { config, host_config, document, process })
}

/// Plans a further process in a container.
///
/// # Errors
/// [`Error::InvalidParameter`] for every value that is not valid.
pub fn plan_exec(container: &Container, settings: &ExecSettings) -> Result<ProcessParameters> {
    if settings.command.is_empty() {
        return Err(Error::InvalidParameter("No exec command specified".to_owned()));
    }
    let environment = merge_environment(&container.config.env, &settings.env)?;
    let request = ProcessRequest {
        command_line: checked_command_line(command_line::join(&settings.command))?,
        working_dir: &working_dir(settings.working_dir.as_deref(), &container.config.working_dir)?,
        user: &chosen(settings.user.as_deref(), &container.config.user, DEFAULT_USER),
        environment: &environment,
        tty: settings.tty,
        console_size: settings.console_size,
        stdin: settings.open_stdin,
    };
    Ok(request.parameters())
}

/// The words of a container's command.
struct Command {
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    /// The first word is a piece of command line already and is not quoted.
    args_escaped: bool,
}

impl Command {
    /// Docker's rules: a command given replaces the image's `Cmd`; an entry point given replaces both.
    fn choose(image: &Image, settings: &ContainerSettings) -> Self {
        let image = &image.config;
        let (entrypoint, cmd) = match (&settings.entrypoint, settings.command.is_empty()) {
            (Some(entrypoint), _) => (entrypoint.clone(), settings.command.clone()),
            (None, false) => (image.entrypoint.clone(), settings.command.clone()),
            (None, true) => (image.entrypoint.clone(), image.cmd.clone()),
        };
        let own = settings.entrypoint.is_some() || (image.entrypoint.is_empty() && !settings.command.is_empty());
        Self { entrypoint, cmd, args_escaped: image.args_escaped && !own }
    }

    fn line(&self) -> Result<String> {
        let entrypoint = if self.entrypoint.first().is_some_and(String::is_empty) { &[][..] } else { &self.entrypoint };
        let words: Vec<&str> = entrypoint.iter().chain(&self.cmd).map(String::as_str).collect();
        let line = match words.split_first() {
            None => return Err(Error::InvalidParameter("no command specified".to_owned())),
            Some((first, [])) if self.args_escaped => (*first).to_owned(),
            Some((first, rest)) if self.args_escaped => format!("{first} {}", command_line::join(rest)),
            Some(_) => command_line::join(&words),
        };
        checked_command_line(line)
    }
}

/// What the parameters of a process are made of.
struct ProcessRequest<'a> {
    command_line: String,
    working_dir: &'a str,
    user: &'a str,
    environment: &'a Environment,
    tty: bool,
    console_size: Option<(u16, u16)>,
    stdin: bool,
}

impl ProcessRequest<'_> {
    fn parameters(self) -> ProcessParameters {
        ProcessParameters {
            command_line: self.command_line,
            working_directory: self.working_dir.to_owned(),
            user: self.user.to_owned(),
            environment: self.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            emulate_console: self.tty,
            console_size: self.console_size.filter(|_| self.tty).map_or_else(Vec::new, |(height, width)| vec![height, width]),
            create_std_in_pipe: self.stdin,
            create_std_out_pipe: true,
            create_std_err_pipe: !self.tty,
            ..ProcessParameters::default()
        }
    }
}

fn checked_command_line(line: String) -> Result<String> {
    if line.contains('\0') {
        return Err(Error::InvalidParameter("the command line holds a NUL character".to_owned()));
    }
    if line.encode_utf16().count() >= MAX_COMMAND_LINE {
        return Err(Error::InvalidParameter(format!("the command line is longer than {MAX_COMMAND_LINE} characters")));
    }
    Ok(line)
}

fn merge_environment(base: &[String], over: &[String]) -> Result<Environment> {
    let parse = |texts: &[String]| {
        Environment::parse(texts).map_err(|error| Error::InvalidParameter(format!("invalid environment variable: {error}")))
    };
    let mut merged = parse(base)?;
    merged.merge(&parse(over)?);
    Ok(merged)
}

fn chosen(asked: Option<&str>, inherited: &str, default: &str) -> String {
    let first = [asked.unwrap_or_default(), inherited].into_iter().find(|text| !text.is_empty());
    first.unwrap_or(default).to_owned()
}

/// The working directory: absolute as given, or as seen from the inherited one.
fn working_dir(asked: Option<&str>, inherited: &str) -> Result<String> {
    let invalid = |text: &str, error| Error::InvalidParameter(format!("invalid working directory '{text}': {error}"));
    let inherited = chosen(None, inherited, DEFAULT_WORKING_DIR);
    let base = NtPath::parse(&inherited).map_err(|error| invalid(&inherited, error))?;
    let path = match asked.filter(|text| !text.is_empty()) {
        Some(text) => base.join(text).map_err(|error| invalid(text, error))?,
        None => base,
    };
    Ok(path.to_string())
}

fn hostname(id: &ContainerId, asked: Option<&str>) -> Result<String> {
    let Some(name) = asked.filter(|name| !name.is_empty()) else { return Ok(id.short().to_owned()) };
    let edge = |byte: &u8| byte.is_ascii_alphanumeric();
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte == b'.';
    let bytes = name.as_bytes();
    let valid = bytes.len() <= MAX_HOSTNAME_BYTES
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && name.bytes().all(inner);
    if valid { Ok(name.to_owned()) } else { Err(Error::InvalidParameter(format!("invalid hostname format: {name}"))) }
}

/// Puts the scratch directory into a document.
pub fn set_scratch(document: &mut ComputeSystem, scratch: &Path) {
    let container = document.container.get_or_insert_default();
    container.storage.get_or_insert_default().path = scratch.display().to_string();
}

fn document(image: &Image, settings: &ContainerSettings, hostname: &str, host_cpus: u32) -> Result<ComputeSystem> {
    for bind in &settings.binds {
        bind.check_source()?;
    }
    if let Some(bytes) = settings.memory {
        check_memory(bytes)?;
    }
    let maximum = settings.nano_cpus.map(|nano_cpus| processor_maximum(nano_cpus, host_cpus)).transpose()?;
    let layers = image.layers.iter().map(|layer| Layer {
        id: layer.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        path: layer.display().to_string(),
        ..Layer::default()
    });
    let mapped = settings.binds.iter().map(|bind| MappedDirectory {
        host_path: bind.source.display().to_string(),
        container_path: bind.target.clone(),
        read_only: bind.read_only,
        ..MappedDirectory::default()
    });
    let memory = settings.memory.map(|bytes| Memory { size_in_mb: bytes.div_ceil(1 << 20) });
    let processor = maximum.map(|maximum| Processor { maximum, ..Processor::default() });
    Ok(ComputeSystem {
        owner: OWNER.to_owned(),
        schema_version: Some(Version { major: 2, minor: 1 }),
        container: Some(ContainerDocument {
            guest_os: Some(GuestOs { host_name: hostname.to_owned() }),
            storage: Some(Storage { layers: layers.collect(), ..Storage::default() }),
            mapped_directories: mapped.collect(),
            memory,
            processor,
            ..ContainerDocument::default()
        }),
        ..ComputeSystem::default()
    })
}
