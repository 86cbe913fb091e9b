//! From an image and a person's wishes to the v2 document of a compute system and the parameters of its first process.

use std::path::Path;

use casement_layers::Image;
use casement_schema::container::{Container as ContainerDocument, GuestOs, MappedDirectory, Memory, Processor};
use casement_schema::process::ProcessParameters;
use casement_schema::storage::{Layer, Storage, StorageQoS};
use casement_schema::{ComputeSystem, Version};

use casement_nt::environment::Environment;
use casement_nt::{NtPath, command_line};
use serde::{Deserialize, Serialize};

use crate::container::{Container, ContainerSettings};
use crate::error::{Error, Result};
use crate::id::ContainerId;
use crate::limits::{PROCESSOR_MAXIMUM, processor_maximum};
use crate::model::{Config, HostConfig, MountPoint};
use crate::{merge, rules};

/// The owner that documents name.
pub const OWNER: &str = "casement";
/// Where a program starts when neither the image nor the caller says.
pub const DEFAULT_WORKING_DIR: &str = "C:\\";
/// Who runs a program when neither the image nor the caller says.
pub const DEFAULT_USER: &str = "ContainerAdministrator";
/// The accounts that every container has.
pub const USERS: [&str; 2] = [DEFAULT_USER, "ContainerUser"];
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
    /// Whether nothing is connected: the process runs in the background.
    pub detach: bool,
}

/// Everything that follows from an image and the settings of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The container's configuration with the image's values merged in.
    pub config: Config,
    /// What it takes from the host.
    pub host_config: HostConfig,
    /// What is mounted in it.
    pub mounts: Vec<MountPoint>,
    /// The document, still without the path of the scratch.
    pub document: ComputeSystem,
    /// The first process.
    pub process: ProcessParameters,
}

/// Plans a container on a host with `host_cpus` CPUs. `mounts` are those that its settings come to.
///
/// # Errors
/// [`Error::InvalidParameter`] for every value that is not valid.
pub fn plan(
    id: &ContainerId,
    image: &Image,
    settings: &ContainerSettings,
    mounts: Vec<MountPoint>,
    host_cpus: u32,
) -> Result<Plan> {
    let mut settings = settings.clone();
    rules::settle(&mut settings, host_cpus)?;
    let mut config = merge::with_image(&settings.config, &image.config);
    let environment = merge_environment(&image.config.env, settings.config.env.as_deref().unwrap_or_default())?;
    let removed = settings.config.env.iter().flatten().filter(|text| is_removal(text)).cloned();
    config.env = Some(environment.to_strings().into_iter().chain(removed).collect());
    config.hostname = hostname(id, &config.hostname)?;
    let console_size = Some(settings.host_config.console_size).filter(|size| *size != [0, 0]);
    let request = ProcessRequest {
        command_line: checked_command_line(merge::command_line(&config)?)?,
        working_dir: &working_dir(&config.working_dir, &image.config.working_dir)?,
        user: &user(&config.user, "").unwrap_or_else(|_| config.user.clone()),
        environment: &environment,
        tty: config.tty,
        console_size: console_size.map(|[height, width]| (height, width)),
        stdin: config.open_stdin,
        outputs: true,
    };
    // A user that does not exist is an error of the start, as on Windows.
    let process = request.parameters();
    let host_config = settings.host_config;
    let document = document(image, &host_config, &mounts, &config.hostname, host_cpus)?;
    Ok(Plan { config, host_config, mounts, document, process })
}

/// Plans a further process in a container.
///
/// # Errors
/// [`Error::InvalidParameter`] for every value that is not valid.
pub fn plan_exec(container: &Container, settings: &ExecSettings) -> Result<ProcessParameters> {
    if settings.command.is_empty() {
        return Err(Error::InvalidParameter("No exec command specified".to_owned()));
    }
    let environment = merge_environment(container.config.env.as_deref().unwrap_or_default(), &settings.env)?;
    let request = ProcessRequest {
        command_line: checked_command_line(command_line::join(&settings.command))?,
        working_dir: &working_dir(settings.working_dir.as_deref().unwrap_or_default(), &container.config.working_dir)?,
        user: &user(settings.user.as_deref().unwrap_or_default(), &container.config.user)?,
        environment: &environment,
        tty: settings.tty,
        console_size: settings.console_size,
        stdin: settings.open_stdin && !settings.detach,
        outputs: !settings.detach,
    };
    Ok(request.parameters())
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
    outputs: bool,
}

impl ProcessRequest<'_> {
    fn parameters(self) -> ProcessParameters {
        ProcessParameters {
            command_line: self.command_line,
            working_directory: self.working_dir.to_owned(),
            user: self.user.to_owned(),
            environment: self.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            emulate_console: self.tty,
            console_size: self
                .console_size
                .filter(|_| self.tty)
                .map_or_else(Vec::new, |(height, width)| vec![height, width]),
            create_std_in_pipe: self.stdin,
            create_std_out_pipe: self.outputs,
            create_std_err_pipe: self.outputs && !self.tty,
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

/// A text without `=` takes the variable of that name away.
fn merge_environment(base: &[String], over: &[String]) -> Result<Environment> {
    let parse = |texts: &[String]| {
        let set: Vec<&String> = texts.iter().filter(|text| !is_removal(text)).collect();
        Environment::parse(&set)
            .map_err(|error| Error::InvalidParameter(format!("invalid environment variable: {error}")))
    };
    let mut merged = parse(base)?;
    merged.merge(&parse(over)?);
    for name in over.iter().filter(|text| is_removal(text)) {
        merged.remove(name);
    }
    Ok(merged)
}

/// Whether a variable is only named, as `docker run -e NAME` does it for one that the caller does not have.
fn is_removal(text: &str) -> bool {
    !text.is_empty() && !text.contains(['=', '\0'])
}

fn chosen(asked: &str, inherited: &str, default: &str) -> String {
    let first = [asked, inherited].into_iter().find(|text| !text.is_empty());
    first.unwrap_or(default).to_owned()
}

/// One of the accounts that every container has, in their own spelling.
fn user(asked: &str, inherited: &str) -> Result<String> {
    let name = chosen(asked, inherited, DEFAULT_USER);
    match USERS.iter().find(|user| user.eq_ignore_ascii_case(&name)) {
        Some(user) => Ok((*user).to_owned()),
        None => Err(Error::InvalidParameter(format!(
            "unable to find user {name}: The user name or password is incorrect. (0x52e) A container has {}",
            USERS.join(" and ")
        ))),
    }
}

/// The working directory: absolute as given, or as seen from the inherited one.
fn working_dir(asked: &str, inherited: &str) -> Result<String> {
    let invalid = |text: &str, error| Error::InvalidParameter(format!("invalid working directory '{text}': {error}"));
    let inherited = chosen("", inherited, DEFAULT_WORKING_DIR);
    let base = NtPath::parse(&inherited).map_err(|error| invalid(&inherited, error))?;
    let path = if asked.is_empty() { base } else { base.join(asked).map_err(|error| invalid(asked, error))? };
    Ok(path.to_string())
}

fn hostname(id: &ContainerId, name: &str) -> Result<String> {
    if name.is_empty() {
        return Ok(id.short().to_owned());
    }
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

fn document(
    image: &Image,
    host_config: &HostConfig,
    mounts: &[MountPoint],
    hostname: &str,
    host_cpus: u32,
) -> Result<ComputeSystem> {
    let layers = image.layers.iter().map(|layer| Layer {
        id: layer.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        path: layer.display().to_string(),
        ..Layer::default()
    });
    let mapped = mounts.iter().map(|mount| MappedDirectory {
        host_path: mount.source.clone(),
        container_path: mount.destination.clone(),
        read_only: !mount.writable,
        ..MappedDirectory::default()
    });
    let mut container = ContainerDocument {
        guest_os: Some(GuestOs { host_name: hostname.to_owned() }),
        storage: Some(Storage { layers: layers.collect(), ..Storage::default() }),
        mapped_directories: mapped.collect(),
        ..ContainerDocument::default()
    };
    set_limits(&mut container, host_config, host_cpus)?;
    Ok(ComputeSystem {
        owner: OWNER.to_owned(),
        schema_version: Some(Version { major: 2, minor: 1 }),
        container: Some(container),
        ..ComputeSystem::default()
    })
}

/// Puts the limits of a `HostConfig` that is in order into a document, in place of those that it has.
///
/// # Errors
/// [`Error::InvalidParameter`] for a number of CPUs that the host does not have.
pub fn set_limits(container: &mut ContainerDocument, host_config: &HostConfig, host_cpus: u32) -> Result<()> {
    let given = |value: i64| u32::try_from(value).unwrap_or(0);
    let maximum = match u64::try_from(host_config.nano_cpus) {
        Ok(0) | Err(_) => given(host_config.cpu_percent) * (PROCESSOR_MAXIMUM / 100),
        Ok(nano_cpus) => processor_maximum(nano_cpus, host_cpus)?,
    };
    // More processors than the host has are all of them, as on Windows.
    let count = given(host_config.cpu_count).min(host_cpus);
    let processor = Processor { count, maximum, weight: given(host_config.cpu_shares) };
    container.processor = Some(processor).filter(|processor| *processor != Processor::default());
    let bytes = u64::try_from(host_config.memory).unwrap_or(0);
    if let Some(storage) = &mut container.storage {
        let qos = StorageQoS {
            iops_maximum: host_config.io_maximum_iops,
            bandwidth_maximum: host_config.io_maximum_bandwidth,
        };
        storage.qos = Some(qos).filter(|qos| *qos != StorageQoS::default());
    }
    container.memory = (bytes > 0).then(|| Memory { size_in_mb: bytes.div_ceil(1 << 20) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Words;
    use casement_layers::{Digest, ImageConfig};

    fn image() -> Image {
        Image {
            reference: "nanoserver:ltsc2022".to_owned(),
            references: Vec::new(),
            repository_digests: Vec::new(),
            id: Digest::of(b"config"),
            manifest: Digest::of(b"manifest"),
            os_version: String::new(),
            config: ImageConfig {
                cmd: vec![r"c:\windows\system32\cmd.exe".to_owned()],
                env: vec!["Path=C:\\Windows".to_owned(), "A=image".to_owned()],
                user: "ContainerUser".to_owned(),
                ..ImageConfig::default()
            },
            layers: vec!["/l/top".into(), "/l/base".into()],
            diff_ids: Vec::new(),
            created: None,
            size: 0,
            packed_size: 0,
        }
    }

    fn settings(command: &[&str]) -> ContainerSettings {
        let cmd = (!command.is_empty()).then(|| Words(command.iter().map(ToString::to_string).collect()));
        ContainerSettings { config: Config { cmd, ..Config::default() }, ..ContainerSettings::default() }
    }

    fn planned(image: &Image, settings: &ContainerSettings) -> Result<Plan> {
        plan(&ContainerId::random().unwrap(), image, settings, Vec::new(), 4)
    }

    fn line(image: &Image, settings: &ContainerSettings) -> String {
        planned(image, settings).unwrap().process.command_line
    }

    #[test]
    fn the_image_says_what_the_caller_does_not() {
        let plan = planned(&image(), &settings(&[])).unwrap();
        assert_eq!(plan.process.command_line, r"c:\windows\system32\cmd.exe");
        assert_eq!(plan.process.user, "ContainerUser");
        assert_eq!(plan.process.working_directory, r"C:\");
        assert_eq!(plan.process.environment["A"], "image");
        assert!(!plan.process.emulate_console && !plan.process.create_std_in_pipe && plan.process.create_std_err_pipe);
        let container = plan.document.container.unwrap();
        let layers: Vec<_> = container.storage.unwrap().layers.into_iter().map(|layer| layer.path).collect();
        assert_eq!(layers, ["/l/top", "/l/base"]);
        assert_eq!(container.guest_os.unwrap().host_name.len(), 12);
        assert_eq!((container.memory, container.processor), (None, None));
        plan_is_valid_for_hcs(&planned(&image(), &settings(&[])).unwrap());
    }

    fn plan_is_valid_for_hcs(plan: &Plan) {
        let mut document = plan.document.clone();
        set_scratch(&mut document, Path::new("/scratch"));
        document.validate().unwrap();
        assert_eq!(document.container.unwrap().storage.unwrap().path, "/scratch");
    }

    #[test]
    fn command_lines_follow_windows_quoting() {
        assert_eq!(line(&image(), &settings(&["cmd", "/c", "echo a b", ""])), r#"cmd /c "echo a b" """#);
        assert_eq!(line(&image(), &settings(&["x.exe", r#"say "hi""#])), r#"x.exe "say \"hi\"""#);
    }

    #[test]
    fn variables_are_merged_without_regard_to_case() {
        let mut wishes = settings(&[]);
        wishes.config.env = Some(vec!["PATH=D".to_owned(), "a=caller".to_owned(), "B=1".to_owned(), "b=2".to_owned()]);
        let plan = planned(&image(), &wishes).unwrap();
        let environment: Vec<_> = plan.process.environment.into_iter().collect();
        let expected =
            [("A", "caller"), ("B", "2"), ("Path", "D")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(environment, expected);
    }

    #[test]
    fn a_variable_that_is_only_named_is_taken_away() {
        let mut wishes = settings(&[]);
        wishes.config.env = Some(vec!["path".to_owned(), "B=".to_owned()]);
        let plan = planned(&image(), &wishes).unwrap();
        assert_eq!(plan.process.environment.into_keys().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(plan.config.env.unwrap().last().unwrap(), "path", "inspect shows it");
    }

    #[test]
    fn limits_and_binds_go_into_the_document() {
        let mut wishes = settings(&[]);
        wishes.host_config.memory = 100 << 20;
        wishes.host_config.nano_cpus = 500_000_000;
        let mount = MountPoint { source: "/tmp".to_owned(), destination: r"C:\t".to_owned(), ..MountPoint::default() };
        let plan = plan(&ContainerId::random().unwrap(), &image(), &wishes, vec![mount], 4).unwrap();
        plan_is_valid_for_hcs(&plan);
        let container = plan.document.container.unwrap();
        assert_eq!(container.memory.unwrap().size_in_mb, 100);
        assert_eq!(container.processor.unwrap().maximum, 1_250);
        let mapped = &container.mapped_directories[0];
        assert_eq!(
            (mapped.host_path.as_str(), mapped.container_path.as_str(), mapped.read_only),
            ("/tmp", r"C:\t", true)
        );
    }

    #[test]
    fn a_console_has_a_size_and_no_error_stream() {
        let mut wishes = settings(&[]);
        wishes.host_config.console_size = [30, 120];
        assert!(planned(&image(), &wishes).unwrap().process.console_size.is_empty());
        wishes.config.tty = true;
        let process = planned(&image(), &wishes).unwrap().process;
        assert_eq!(process.console_size, [30, 120]);
        assert!(process.emulate_console && !process.create_std_err_pipe);
    }

    #[test]
    fn a_working_directory_given_replaces_the_images() {
        let mut image = image();
        image.config.working_dir = r"c:\app".to_owned();
        let mut wishes = settings(&[]);
        let directory = |wishes: &ContainerSettings| planned(&image, wishes).map(|plan| plan.process.working_directory);
        assert_eq!(directory(&wishes).unwrap(), r"C:\app");
        wishes.config.working_dir = r"\other".to_owned();
        assert_eq!(directory(&wishes).unwrap(), r"C:\other");
        wishes.config.working_dir = r"C:\..\..".to_owned();
        assert!(directory(&wishes).is_err());
    }

    #[test]
    fn invalid_wishes_are_refused() {
        let refused = |change: &dyn Fn(&mut ContainerSettings)| {
            let mut wishes = settings(&[]);
            change(&mut wishes);
            let error = planned(&image(), &wishes).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter(_)), "{error}");
        };
        refused(&|wishes| wishes.host_config.memory = 1);
        refused(&|wishes| wishes.host_config.nano_cpus = 1);
        refused(&|wishes| wishes.config.env = Some(vec!["=x".to_owned()]));
        refused(&|wishes| wishes.config.env = Some(vec!["A=\0".to_owned()]));
        refused(&|wishes| wishes.config.hostname = "-a".to_owned());
        refused(&|wishes| wishes.config.hostname = "a".repeat(64));
        refused(&|wishes| wishes.config.cmd = Some(vec!["a\0b".to_owned()].into()));
        refused(&|wishes| wishes.config.cmd = Some(vec!["x".repeat(MAX_COMMAND_LINE)].into()));
    }
}
