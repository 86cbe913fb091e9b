//! The host that the daemon runs on, and the Windows server that it stands for.

use std::io::Write;
use std::path::Path;

use casement_layers::DEFAULT_TAG;
use casement_nt::Runtime;
use casement_nt::version::WindowsBuild;

use crate::error::{Error, Result};

/// File under the root with the daemon's id.
pub const ID_FILE: &str = "engine-id";
/// Longest NetBIOS name.
const MAX_NETBIOS: usize = 15;
/// Files that name the distribution, best first (os-release(5)).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// What there is to say of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The daemon's id: a UUID that stays with the root.
    pub id: String,
    /// The host's name in the form of a Windows computer name.
    pub name: String,
    /// Processors that this process may use.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Release of the Linux kernel.
    pub linux: String,
    /// The distribution as it calls itself; empty when it does not say.
    pub distribution: String,
}

impl Host {
    /// Looks at this host. The id is made when `root` has none yet.
    ///
    /// # Errors
    /// When the id can neither be read nor made.
    pub fn look(root: &Path) -> Result<Self> {
        let uname = rustix::system::uname();
        let memory = rustix::system::sysinfo();
        Ok(Self {
            id: stable_id(root)?,
            name: netbios_name(&uname.nodename().to_string_lossy()),
            cpus: std::thread::available_parallelism()
                .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
            memory: memory.totalram.saturating_mul(u64::from(memory.mem_unit)),
            linux: uname.release().to_string_lossy().into_owned(),
            distribution: OS_RELEASE.iter().find_map(|path| distribution(path)).unwrap_or_default(),
        })
    }
}

/// The build that images have when nobody says which.
#[must_use]
pub fn windows_build() -> WindowsBuild {
    DEFAULT_TAG.build()
}

/// The kernel's version as Microsoft writes it: `10.0 20348 (20348.1.amd64fre.fe_release)`.
#[must_use]
pub fn kernel_version() -> String {
    let build = windows_build();
    format!("10.0 {} ({})", build.number(), build.build_lab())
}

/// The version of Wine in the runtime that containers get; `None` when there is no runtime.
#[must_use]
pub fn wine_version(root: &Path) -> Option<String> {
    Runtime::current(root).ok().map(|runtime| runtime.info().wine_version.clone())
}

/// Threads of this process.
#[must_use]
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn netbios_name(node: &str) -> String {
    let label = node.split('.').next().unwrap_or_default();
    label.chars().take(MAX_NETBIOS).collect::<String>().to_ascii_uppercase()
}

fn distribution(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

/// The id in the root, which is made when there is none.
fn stable_id(root: &Path) -> Result<String> {
    let path = root.join(ID_FILE);
    if let Ok(text) = std::fs::read_to_string(&path)
        && is_uuid(text.trim())
    {
        return Ok(text.trim().to_owned());
    }
    let failed = |source| Error::io(format!("cannot write {}", path.display()), source);
    let id = random_uuid().map_err(failed)?;
    let partial = root.join(format!("{ID_FILE}.partial"));
    let mut file = std::fs::File::create(&partial).map_err(failed)?;
    file.write_all(id.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&partial, &path).map_err(failed)?;
    Ok(id)
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A random UUID (RFC 9562, version 4).
fn random_uuid() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_with_the_root() {
        let root = tempfile::tempdir().unwrap();
        let first = Host::look(root.path()).unwrap();
        assert!(is_uuid(&first.id), "{first:?}");
        assert_eq!(Host::look(root.path()).unwrap(), first);
        std::fs::write(root.path().join(ID_FILE), "torn").unwrap();
        assert_ne!(Host::look(root.path()).unwrap().id, first.id);
    }

    #[test]
    fn a_computer_name_is_short_and_upper_case() {
        assert_eq!(netbios_name("build-host-number-12.example.org"), "BUILD-HOST-NUMB");
    }

    #[test]
    fn the_kernel_version_has_microsofts_form() {
        assert_eq!(kernel_version(), "10.0 20348 (20348.1.amd64fre.fe_release)");
    }
}
