//! Checks of a compute system document that its types cannot express.

use serde_json::Value;

use crate::ComputeSystem;
use crate::compute_system::HostedSystem;
use crate::container::Container;
use crate::error::{HResult, HcsError, Win32Error};
use crate::process::ProcessParameters;

/// Most layers of one container. Windows refuses longer chains too (docker: 127).
pub const MAX_LAYERS: usize = 127;
/// Most mapped directories of one container.
pub const MAX_MAPPED_DIRECTORIES: usize = 256;
/// Most mapped pipes of one container.
pub const MAX_MAPPED_PIPES: usize = 256;
/// Most registry values and keys to change.
pub const MAX_REGISTRY_CHANGES: usize = 4096;
/// Most assigned devices.
pub const MAX_DEVICES: usize = 256;
/// Longest path, in UTF-16 units (Windows: `UNICODE_STRING`).
pub const MAX_PATH_UNITS: usize = 32_767;
/// Longest command line, in UTF-16 units (Windows: `CreateProcessW`, its NUL included).
pub const MAX_COMMAND_LINE_UNITS: usize = 32_767;
/// Longest environment, in UTF-16 units.
pub const MAX_ENVIRONMENT_UNITS: usize = 1 << 20;
/// Longest host name, in characters (DNS label).
pub const MAX_HOST_NAME: usize = 63;
/// Full scale of `Processor.Maximum` and `Processor.Weight`.
pub const MAX_PROCESSOR_SHARE: u32 = 10_000;
/// Most processors of a container (a Windows host's limit).
pub const MAX_PROCESSORS: u32 = 2_048;
/// Most memory in MiB (16 TiB).
pub const MAX_MEMORY_MB: u64 = 16 << 20;

/// A document that says what cannot be. The message starts with the JSON path of the member at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ValidationError {
    field: String,
    reason: String,
    code: HResult,
}

impl ValidationError {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> ValidationError {
        ValidationError { field: field.into(), reason: reason.into(), code: HcsError::InvalidJson.hresult() }
    }

    /// JSON path of the member, such as `Container.Storage.Layers[2].Path`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The HRESULT to report.
    pub fn hresult(&self) -> HResult {
        self.code
    }
}

impl ComputeSystem {
    /// Checks the document: one kind of system, schema 2.x, no NUL in any text, all limits of this module.
    pub fn validate(&self) -> Result<(), ValidationError> {
        let kinds = [
            ("Container", self.container.is_some()),
            ("VirtualMachine", self.virtual_machine.is_some()),
            ("HostedSystem", self.hosted_system.is_some()),
        ];
        let given: Vec<&str> = kinds.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
        match given[..] {
            [] => {
                return Err(ValidationError::new(
                    "Container",
                    "one of Container, VirtualMachine and HostedSystem is needed",
                ));
            }
            [_] => {}
            _ => {
                return Err(ValidationError::new(given.join(", "), "only one of these may be given"));
            }
        }
        match self.schema_version {
            Some(version) if version.major == 2 => {}
            Some(version) => {
                let mut error = ValidationError::new(
                    "SchemaVersion",
                    format!("{}.{} is not supported; documents of schema 2.x are", version.major, version.minor),
                );
                error.code = HResult::from(Win32Error::NotSupported);
                return Err(error);
            }
            None => {
                return Err(ValidationError::new("SchemaVersion", "missing; {\"Major\":2,\"Minor\":1} is expected"));
            }
        }
        if self.hosted_system.is_some() && self.hosting_system_id.is_empty() {
            return Err(ValidationError::new("HostingSystemId", "missing; a HostedSystem lives in a utility VM"));
        }
        no_nul_anywhere(self)?;
        if let Some(container) = &self.container {
            check_container("Container", container)?;
        }
        if let Some(hosted) = &self.hosted_system {
            let hosted: Result<HostedSystem, _> = serde_json::from_value(hosted.clone());
            if let Ok(HostedSystem { container: Some(container), .. }) = hosted {
                check_container("HostedSystem.Container", &container)?;
            }
        }
        Ok(())
    }
}

impl ProcessParameters {
    /// Checks the parameters: something to run, no NUL, a console size of two numbers, all limits of this module.
    pub fn validate(&self) -> Result<(), ValidationError> {
        if self.application_name.is_empty() && self.command_line.is_empty() && self.command_args.is_empty() {
            return Err(ValidationError::new("CommandLine", "empty; there is nothing to run"));
        }
        no_nul_anywhere(self)?;
        at_most_units("CommandLine", &self.command_line, MAX_COMMAND_LINE_UNITS - 1)?;
        at_most_units("ApplicationName", &self.application_name, MAX_PATH_UNITS)?;
        at_most_units("WorkingDirectory", &self.working_directory, MAX_PATH_UNITS)?;
        at_most_units("User", &self.user, MAX_PATH_UNITS)?;
        let mut units = 0;
        for (name, value) in &self.environment {
            // Windows keeps the directory of each drive in variables such as "=C:".
            if name.is_empty() || name.chars().skip(1).any(|c| c == '=') {
                return Err(ValidationError::new("Environment", format!("{name:?} is no name of a variable")));
            }
            units += name.encode_utf16().count() + value.encode_utf16().count() + 2;
        }
        at_most("Environment", units, MAX_ENVIRONMENT_UNITS, "UTF-16 units")?;
        match self.console_size[..] {
            [] => Ok(()),
            [height, width] if height > 0 && width > 0 => Ok(()),
            _ => Err(ValidationError::new("ConsoleSize", "two numbers above 0 are expected: [height, width]")),
        }
    }
}

fn check_container(at: &str, container: &Container) -> Result<(), ValidationError> {
    if let Some(guest) = &container.guest_os {
        check_host_name(&format!("{at}.GuestOs.HostName"), &guest.host_name)?;
    }
    if let Some(storage) = &container.storage {
        at_most(&format!("{at}.Storage.Layers"), storage.layers.len(), MAX_LAYERS, "layers")?;
        at_most_units(&format!("{at}.Storage.Path"), &storage.path, MAX_PATH_UNITS)?;
        for (index, layer) in storage.layers.iter().enumerate() {
            needed_path(&format!("{at}.Storage.Layers[{index}].Path"), &layer.path)?;
        }
    }
    at_most(&format!("{at}.MappedDirectories"), container.mapped_directories.len(), MAX_MAPPED_DIRECTORIES, "entries")?;
    for (index, mapped) in container.mapped_directories.iter().enumerate() {
        needed_path(&format!("{at}.MappedDirectories[{index}].HostPath"), &mapped.host_path)?;
        needed_path(&format!("{at}.MappedDirectories[{index}].ContainerPath"), &mapped.container_path)?;
    }
    at_most(&format!("{at}.MappedPipes"), container.mapped_pipes.len(), MAX_MAPPED_PIPES, "entries")?;
    for (index, pipe) in container.mapped_pipes.iter().enumerate() {
        needed_path(&format!("{at}.MappedPipes[{index}].ContainerPipeName"), &pipe.container_pipe_name)?;
        needed_path(&format!("{at}.MappedPipes[{index}].HostPath"), &pipe.host_path)?;
    }
    if let Some(memory) = &container.memory {
        at_most(&format!("{at}.Memory.SizeInMB"), memory.size_in_mb, MAX_MEMORY_MB, "MiB")?;
    }
    if let Some(processor) = &container.processor {
        at_most(&format!("{at}.Processor.Count"), processor.count, MAX_PROCESSORS, "processors")?;
        at_most(&format!("{at}.Processor.Maximum"), processor.maximum, MAX_PROCESSOR_SHARE, "(all processors)")?;
        at_most(&format!("{at}.Processor.Weight"), processor.weight, MAX_PROCESSOR_SHARE, "(the highest weight)")?;
    }
    if let Some(changes) = &container.registry_changes {
        let count = changes.add_values.len() + changes.delete_keys.len();
        at_most(&format!("{at}.RegistryChanges"), count, MAX_REGISTRY_CHANGES, "changes")?;
    }
    at_most(&format!("{at}.AssignedDevices"), container.assigned_devices.len(), MAX_DEVICES, "devices")
}

/// The characters of a DNS label and the underscore, which NetBIOS names use; empty means that a name is chosen.
fn check_host_name(field: &str, name: &str) -> Result<(), ValidationError> {
    at_most(field, name.len(), MAX_HOST_NAME, "characters")?;
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !fits || name.starts_with(['-', '.']) || name.ends_with(['-', '.']) {
        return Err(ValidationError::new(field, format!("{name:?} is no host name; use letters, digits and hyphens")));
    }
    Ok(())
}

fn needed_path(field: &str, path: &str) -> Result<(), ValidationError> {
    if path.is_empty() {
        return Err(ValidationError::new(field, "missing"));
    }
    at_most_units(field, path, MAX_PATH_UNITS)
}

fn at_most_units(field: &str, text: &str, limit: usize) -> Result<(), ValidationError> {
    at_most(field, text.encode_utf16().count(), limit, "UTF-16 units")
}

fn at_most<N: PartialOrd + std::fmt::Display>(
    field: &str,
    got: N,
    limit: N,
    unit: &str,
) -> Result<(), ValidationError> {
    if got > limit {
        return Err(ValidationError::new(field, format!("{got} is above the limit of {limit} {unit}")));
    }
    Ok(())
}

/// Looks at every text of a document in its JSON form, so that no member can be forgotten.
fn no_nul_anywhere<T: serde::Serialize>(document: &T) -> Result<(), ValidationError> {
    let value = serde_json::to_value(document).map_err(|error| ValidationError::new("document", error.to_string()))?;
    match find_nul(&value) {
        Some(path) => Err(ValidationError::new(path.trim_start_matches('.'), "text holds a NUL character")),
        None => Ok(()),
    }
}

fn find_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| find_nul(item).map(|rest| format!("[{index}]{rest}")))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some(format!(".{}", name.escape_default()));
            }
            find_nul(member).map(|rest| format!(".{name}{rest}"))
        }),
        _ => None,
    }
}
