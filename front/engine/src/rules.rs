//! What a create request may ask for on Windows, before any image is looked at. What a running container needs of the host is
//! asked at its start ([`check_start`]), as the Windows engine does it.

use crate::container::{Container, ContainerSettings};
use crate::document::USERS;
use crate::error::{Error, Result};
use crate::limits::parse_size;
use crate::model::{Config, Health, HostConfig, PortBinding, RestartPolicy};
use crate::networks::attachment::SHARED;
use crate::networks::{NAT, NONE};
use crate::signal::Signal;
use crate::{log_options, resources};

/// The runtime that Windows engines name.
const RUNTIME: &str = "com.docker.hcsshim.v1";
/// The isolation that every container has.
const PROCESS_ISOLATION: &str = "process";
/// Shortest duration of a health check, in nanoseconds.
const MIN_HEALTH_NANOSECONDS: i64 = 1_000_000;

/// Checks the settings of a new container and puts in what holds when nothing is said. Returns warnings for the user.
///
/// # Errors
/// [`Error::InvalidParameter`], in Docker's words, for what is not valid or not to be had on Windows.
pub(crate) fn settle(settings: &mut ContainerSettings, host_cpus: u32) -> Result<Vec<String>> {
    check_platform(&settings.host_config)?;
    check_config(&settings.config)?;
    let host = &mut settings.host_config;
    host.isolation = isolation(&host.isolation)?.to_owned();
    check_ports(host)?;
    if host.restart_policy.name.is_empty() && host.restart_policy.maximum_retry_count == 0 {
        host.restart_policy.name = "no".to_owned();
    }
    check_restart_policy(&host.restart_policy)?;
    log_options::settle(&mut host.log_config)?;
    if host.auto_remove && host.restart_policy.name != "no" {
        return refuse("can't create 'AutoRemove' container with restart policy");
    }
    let mut warnings = resources::settle(host, host_cpus)?;
    if matches!(host.network_mode.as_str(), "" | "default") {
        host.network_mode = NAT.to_owned();
    }
    if host.network_mode == NONE && host.port_bindings.as_ref().is_some_and(|bindings| !bindings.is_empty()) {
        warnings.push("Published ports are discarded when using none network mode".to_owned());
    }
    if host.network_mode.starts_with(SHARED) {
        check_shared(settings)?;
    }
    Ok(warnings)
}

fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

fn check_platform(host: &HostConfig) -> Result<()> {
    let refused = [
        (host.cpu_realtime_period != 0, "CPU real-time period is"),
        (host.cpu_realtime_runtime != 0, "CPU real-time runtime is"),
        (host.privileged, "privileged mode is"),
        (host.readonly_rootfs, "read-only mode is"),
    ];
    for (given, what) in refused {
        if given {
            return refuse(format!("invalid option: {what} not supported for Windows containers"));
        }
    }
    scratch_size(host)?;
    if host.tmpfs.as_ref().is_some_and(|tmpfs| !tmpfs.is_empty()) {
        return refuse("windows does not support tmpfs");
    }
    if !host.runtime.is_empty() && host.runtime != RUNTIME {
        return refuse(format!("unknown or invalid runtime name: {}", host.runtime));
    }
    if host.annotations.contains_key("") {
        return refuse("invalid Annotations: the empty string is not permitted as an annotation key");
    }
    Ok(())
}

/// Bytes that the changes of volume `C:` may take on disk; `None`: as many as the host has. Other storage options mean nothing,
/// as to Docker on Windows.
///
/// # Errors
/// When it is no size.
pub fn scratch_size(host: &HostConfig) -> Result<Option<u64>> {
    let options = host.storage_opt.iter().flatten();
    options
        .filter(|(name, _)| name.eq_ignore_ascii_case("size"))
        .map(|(_, size)| parse_size(size))
        .next_back()
        .transpose()
}

/// The isolation that an option stands for.
fn isolation(text: &str) -> Result<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "" | "default" | PROCESS_ISOLATION => Ok(PROCESS_ISOLATION),
        "hyperv" => Err(Error::NotImplemented(
            "isolation 'hyperv' is not implemented by this version of Casement: use 'process'".to_owned(),
        )),
        _ => refuse(format!("invalid isolation ({text}): Windows supports 'default', 'process', or 'hyperv'")),
    }
}

fn check_config(config: &Config) -> Result<()> {
    let directory = config.working_dir.replace('/', "\\");
    let drive = directory.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && directory[1..].starts_with(":\\");
    if !directory.is_empty() && !drive && !directory.starts_with('\\') {
        return refuse(format!("the working directory '{directory}' is invalid, it needs to be an absolute path"));
    }
    if config.env.iter().flatten().any(|variable| variable.is_empty() || variable.starts_with('=')) {
        return refuse("invalid environment variable: names must not be empty");
    }
    if !config.stop_signal.is_empty() {
        config.stop_signal.parse::<Signal>()?;
    }
    config.healthcheck.as_ref().map_or(Ok(()), check_health)
}

fn check_health(health: &Health) -> Result<()> {
    let durations = [
        (health.interval, "Interval"),
        (health.timeout, "Timeout"),
        (health.start_period, "StartPeriod"),
        (health.start_interval, "StartInterval"),
    ];
    for (value, name) in durations {
        if value != 0 && value < MIN_HEALTH_NANOSECONDS {
            return refuse(format!("{name} in Healthcheck cannot be less than 1ms"));
        }
    }
    if health.retries < 0 {
        return refuse("Retries in Healthcheck cannot be negative");
    }
    Ok(())
}

/// Checks a restart policy, also one that `update` brings.
pub(crate) fn check_restart_policy(policy: &RestartPolicy) -> Result<()> {
    match policy.name.as_str() {
        "" => Ok(()),
        "no" | "always" | "unless-stopped" if policy.maximum_retry_count == 0 => Ok(()),
        "no" | "always" | "unless-stopped" => refuse(format!(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'{}",
            if policy.maximum_retry_count < 0 { " and cannot be negative" } else { "" }
        )),
        "on-failure" if policy.maximum_retry_count < 0 => {
            refuse("invalid restart policy: maximum retry count cannot be negative")
        }
        "on-failure" => Ok(()),
        other => refuse(format!(
            "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )),
    }
}

fn check_ports(host: &HostConfig) -> Result<()> {
    let number = |text: &str| text.parse::<u16>().is_ok();
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => number(first) && number(last),
        None => text.is_empty() || number(text),
    };
    for (port, bindings) in host.port_bindings.iter().flatten() {
        let inner = port.split('/').next().unwrap_or_default();
        if inner.is_empty() || !number(inner) {
            return refuse(format!("invalid port specification: \"{inner}\""));
        }
        crate::networks::ports::parse(port)?;
        let outer = |binding: &&PortBinding| !range(&binding.host_port);
        if let Some(binding) = bindings.iter().flatten().find(outer) {
            return refuse(format!("invalid port specification: \"{}\"", binding.host_port));
        }
    }
    Ok(())
}

/// Checks what a container needs of the host, when it is to be started.
///
/// # Errors
/// In Docker's words, for what is not to be had.
pub(crate) fn check_start(container: &Container) -> Result<()> {
    let host = &container.host_config;
    if !USERS.contains(&container.process.user.as_str()) {
        return Err(Error::Compute(format!(
            "container {} encountered an error during hcs::System::CreateProcess: {}: failure in a Windows system call: The user name or password is incorrect. (0x52e)",
            container.id, container.process.command_line
        )));
    }
    for option in host.security_opt.iter().flatten() {
        check_security_option(option)?;
    }
    for device in host.devices.iter().flatten() {
        check_device(&device.path_on_host)?;
    }
    if let Some(request) = host.device_requests.iter().flatten().next() {
        return refuse(no_device_driver(request));
    }
    Ok(())
}

/// A container that shares the network of another one has nothing of its own.
fn check_shared(settings: &ContainerSettings) -> Result<()> {
    let host = &settings.host_config;
    let refused = [
        (host.port_bindings.as_ref().is_some_and(|bindings| !bindings.is_empty()), "port publishing"),
        (host.publish_all_ports, "port publishing"),
        (host.dns.as_ref().is_some_and(|dns| !dns.is_empty()), "dns"),
        (host.extra_hosts.as_ref().is_some_and(|hosts| !hosts.is_empty()), "custom host-to-IP mapping"),
    ];
    match refused.iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, what)) => refuse(format!("conflicting options: {what} and the container type network mode")),
    }
}

fn check_security_option(option: &str) -> Result<()> {
    let Some((name, value)) = option.split_once('=') else {
        return refuse(format!("invalid security option: no equals sign in supplied value {option}"));
    };
    if !name.eq_ignore_ascii_case("credentialspec") {
        return refuse(format!("security option not supported: {name}"));
    }
    let given = ["file://", "registry://", "raw://"].iter().find_map(|scheme| {
        let head = value.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| (*scheme, &value[scheme.len()..]))
    });
    match given.filter(|(_, rest)| !rest.is_empty()) {
        None => refuse(
            "invalid credential spec security option - value must be prefixed by 'file://', 'registry://', or 'raw://' followed by a non-empty value",
        ),
        Some(("file://", path)) if path.starts_with(['/', '\\']) || path.get(1..2) == Some(":") => {
            refuse("invalid credential spec: file:// path cannot be absolute")
        }
        Some(_) => Err(Error::NotImplemented(
            "credential specs are not implemented by this version of Casement: there is no domain to join".to_owned(),
        )),
    }
}

fn check_device(path: &str) -> Result<()> {
    let kind = match path.split_once("://") {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => kind,
        _ => match path.split_once('/') {
            Some(("class", id)) if !id.is_empty() => "class",
            _ => {
                return refuse(format!(
                    "invalid device assignment path: '{path}', must be 'class/ID' or 'IDType://ID'"
                ));
            }
        },
    };
    match kind {
        "class" | "vpci-class-guid" => {
            Err(Error::NotImplemented("device assignment is not implemented by this version of Casement".to_owned()))
        }
        other => refuse(format!("device assignment of type '{other}' is not supported")),
    }
}

/// Go's print of a list of lists of capabilities.
fn no_device_driver(request: &serde_json::Value) -> String {
    let driver = request["Driver"].as_str().unwrap_or_default();
    let set = |words: &serde_json::Value| {
        let words: Vec<&str> = words.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        format!("[{}]", words.join(" "))
    };
    let sets: Vec<String> = request["Capabilities"].as_array().into_iter().flatten().map(set).collect();
    format!("could not select device driver \"{driver}\" with capabilities: [{}]", sets.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(change: impl FnOnce(&mut ContainerSettings)) -> String {
        let mut settings = ContainerSettings::default();
        change(&mut settings);
        settle(&mut settings, 2).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_said_is_filled_in() {
        let mut settings = ContainerSettings::default();
        settings.host_config.isolation = "Default".to_owned();
        settings.host_config.network_mode = "default".to_owned();
        assert!(settle(&mut settings, 2).unwrap().is_empty());
        let host = &settings.host_config;
        let filled = (host.isolation.as_str(), host.network_mode.as_str(), host.restart_policy.name.as_str());
        assert_eq!(filled, ("process", "nat", "no"));
        let again = settings.clone();
        settle(&mut settings, 2).unwrap();
        assert_eq!(settings, again);
    }

    #[test]
    fn linux_options_are_refused() {
        let text = refusal(|settings| settings.host_config.privileged = true);
        assert_eq!(text, "invalid option: privileged mode is not supported for Windows containers");
        let text = refusal(|settings| settings.host_config.readonly_rootfs = true);
        assert_eq!(text, "invalid option: read-only mode is not supported for Windows containers");
        let text = refusal(|settings| settings.host_config.cpu_realtime_period = 1);
        assert_eq!(text, "invalid option: CPU real-time period is not supported for Windows containers");
        let text = refusal(|settings| settings.host_config.isolation = "vm".to_owned());
        assert_eq!(text, "invalid isolation (vm): Windows supports 'default', 'process', or 'hyperv'");
        assert!(refusal(|settings| settings.host_config.isolation = "HyperV".to_owned()).contains("not implemented"));
    }

    #[test]
    fn restart_policies_are_checked() {
        let text = refusal(|settings| settings.host_config.restart_policy.name = "sometimes".to_owned());
        assert!(text.starts_with("invalid restart policy: unknown policy 'sometimes'"), "{text}");
        let text = refusal(|settings| {
            settings.host_config.restart_policy = RestartPolicy { name: "always".to_owned(), maximum_retry_count: 3 };
        });
        assert_eq!(text, "invalid restart policy: maximum retry count can only be used with 'on-failure'");
        let text = refusal(|settings| {
            settings.host_config.auto_remove = true;
            settings.host_config.restart_policy.name = "always".to_owned();
        });
        assert_eq!(text, "can't create 'AutoRemove' container with restart policy");
    }

    #[test]
    fn a_working_directory_is_absolute() {
        let text = refusal(|settings| settings.config.working_dir = "a/b".to_owned());
        assert_eq!(text, r"the working directory 'a\b' is invalid, it needs to be an absolute path");
        for good in ["/a", r"\a", "c:/a", r"C:\a"] {
            let config = Config { working_dir: good.to_owned(), ..Config::default() };
            assert!(check_config(&config).is_ok(), "{good}");
        }
        for bad in ["é", "c:a", "c:"] {
            let config = Config { working_dir: bad.to_owned(), ..Config::default() };
            assert!(check_config(&config).is_err(), "{bad}");
        }
    }

    #[test]
    fn devices_and_credentials_have_dockers_texts() {
        let text = |result: Result<()>| result.unwrap_err().to_string();
        assert_eq!(text(check_security_option("seccomp=x")), "security option not supported: seccomp");
        assert_eq!(text(check_security_option("x")), "invalid security option: no equals sign in supplied value x");
        assert!(text(check_security_option("credentialspec=é")).starts_with("invalid credential spec security option"));
        let absolute = text(check_security_option(r"credentialspec=file://C:\x"));
        assert_eq!(absolute, "invalid credential spec: file:// path cannot be absolute");
        assert_eq!(
            text(check_device("/dev/null")),
            "invalid device assignment path: '/dev/null', must be 'class/ID' or 'IDType://ID'"
        );
        assert_eq!(text(check_device("x://y")), "device assignment of type 'x' is not supported");
        let request = json!({ "Driver": "", "Capabilities": [["gpu"]] });
        assert_eq!(no_device_driver(&request), r#"could not select device driver "" with capabilities: [[gpu]]"#);
    }

    #[test]
    fn ports_are_numbers() {
        let text = refusal(|settings| {
            settings.host_config.port_bindings = Some([("x/tcp".to_owned(), None)].into());
        });
        assert_eq!(text, r#"invalid port specification: "x""#);
    }
}
