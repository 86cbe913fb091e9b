//! Fetches the packages with apt, in a private state directory: the host's own lists and packages stay as they are.

use super::error::RuntimeError;
use super::recipe::{ARCHITECTURE, PACKAGES, SUITE, WINE_PACKAGE, WINE_VERSION};
use crate::digest;
use crate::progress::Progress;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where Debian and Ubuntu keep the keys of the Debian archive.
const KEYRINGS: [&str; 3] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/etc/apt/trusted.gpg.d/debian-archive-trixie-automatic.asc",
];
const INDEX: &str = "packages.json";

/// One package that the runtime is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name in Debian.
    pub name: String,
    /// Its full Debian version.
    pub version: String,
    /// SHA-256 of the .deb, from the signed index.
    pub sha256: String,
    /// Size of the .deb in bytes.
    pub size: u64,
}

impl Package {
    fn file_name(&self) -> String {
        format!("{}.deb", self.sha256)
    }

    /// The .deb in the cache directory.
    pub fn path(&self, cache: &Path) -> PathBuf {
        cache.join(self.file_name())
    }
}

/// The packages of the last build, when all of them are still whole in `cache`.
pub fn cached(cache: &Path) -> Option<Vec<Package>> {
    let packages: Vec<Package> = serde_json::from_slice(&fs::read(cache.join(INDEX)).ok()?).ok()?;
    let complete = PACKAGES.iter().all(|name| packages.iter().any(|p| p.name == *name));
    let whole = |p: &Package| digest::sha256_file(&p.path(cache)).is_ok_and(|d| d == p.sha256);
    (complete && check_wine(&packages).is_ok() && packages.iter().all(whole)).then_some(packages)
}

/// Asks the archive for the newest versions and fetches what is not in `cache` yet. `work` is an empty directory.
pub fn fetch(
    mirror: Option<&str>,
    cache: &Path,
    work: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Package>, RuntimeError> {
    progress.report("asking the Debian archive", 0.0);
    let mirror = match mirror {
        Some(mirror) => check_mirror(mirror)?,
        None => host_mirror()?,
    };
    let apt = Apt::new(work, mirror)?;
    apt.update()?;
    let mut packages = apt.candidates()?;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    check_wine(&packages)?;
    fs::create_dir_all(cache).map_err(RuntimeError::io("create", cache))?;
    let missing: Vec<&Package> =
        packages.iter().filter(|p| digest::sha256_file(&p.path(cache)).ok().as_ref() != Some(&p.sha256)).collect();
    apt.download(&missing, cache, progress)?;
    let index = cache.join(INDEX);
    let text = serde_json::to_vec_pretty(&packages).unwrap_or_default();
    fs::write(&index, text).map_err(RuntimeError::io("write", &index))?;
    remove_unlisted(cache, &packages);
    Ok(packages)
}

/// Versions that no longer belong to the runtime are not kept; a failure to remove one harms nothing.
fn remove_unlisted(cache: &Path, packages: &[Package]) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let listed = packages.iter().any(|p| name.to_str() == Some(&p.file_name()));
        if !listed && name.to_str() != Some(INDEX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn check_wine(packages: &[Package]) -> Result<(), RuntimeError> {
    let found = packages.iter().find(|p| p.name == WINE_PACKAGE).map_or("", |p| p.version.as_str());
    if is_pinned(found) {
        return Ok(());
    }
    Err(RuntimeError::WrongWine { found: found.to_owned(), wanted: WINE_VERSION })
}

/// `10.0~repack-6` is 10.0; `10.0.1` and `10.01` are not.
fn is_pinned(version: &str) -> bool {
    version.strip_prefix(WINE_VERSION).is_some_and(|rest| rest.is_empty() || rest.starts_with(['~', '-', '+']))
}

fn check_mirror(mirror: &str) -> Result<String, RuntimeError> {
    let known = ["http://", "https://", "file:/", "mirror+", "copy:/"].iter().any(|s| mirror.starts_with(s));
    if !known || mirror.contains(|c: char| c.is_whitespace() || c.is_control() || c == '[') {
        return Err(RuntimeError::Incomplete(format!("\"{mirror}\" is not the address of a Debian archive")));
    }
    Ok(mirror.to_owned())
}

/// The archive that this host's apt uses.
fn host_mirror() -> Result<String, RuntimeError> {
    let format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)";
    let output = run("apt-get", "read the host's sources", |c| c.args(["indextargets", "--format", format]))?;
    choose_mirror(&output).ok_or(RuntimeError::NoMirror)
}

/// Picks the main Debian archive from lines `uri|release|component|origin|label`.
///
/// Origin and label are known only after an `apt-get update` of the host; without them the suite's name decides.
fn choose_mirror(lines: &str) -> Option<String> {
    let mut best: Option<(u8, &str)> = None;
    for line in lines.lines() {
        let [uri, release, component, origin, label] =
            line.split('|').collect::<Vec<_>>().try_into().unwrap_or([""; 5]);
        let suite = ["trixie", "bookworm", "stable", "oldstable", "forky", "testing", "sid", "unstable"];
        let labelled = origin == "Debian" && label == "Debian";
        let unlabelled = origin.is_empty() && !uri.contains("security") && !uri.contains("ubuntu");
        if component != "main" || !suite.contains(&release) || !(labelled || unlabelled) {
            continue;
        }
        let rank = u8::from(labelled) * 2 + u8::from(release == SUITE);
        if best.is_none_or(|(r, _)| rank > r) {
            best = Some((rank, uri));
        }
    }
    best.map(|(_, uri)| uri.to_owned())
}

struct Apt {
    work: PathBuf,
    keyring: PathBuf,
    mirror: String,
}

impl Apt {
    fn new(work: &Path, mirror: String) -> Result<Self, RuntimeError> {
        let keyring = KEYRINGS.iter().map(PathBuf::from).find(|k| k.exists()).ok_or(RuntimeError::NoKeyring)?;
        for directory in ["lists/partial", "cache/partial", "state", "download"] {
            let path = work.join(directory);
            fs::create_dir_all(&path).map_err(RuntimeError::io("create", &path))?;
        }
        let apt = Self { work: work.to_owned(), keyring, mirror };
        apt.write("state/status", "")?;
        apt.write("apt.conf", &configuration()?)?;
        let source =
            format!("deb [arch={ARCHITECTURE} signed-by={}] {} {SUITE} main\n", apt.keyring.display(), apt.mirror);
        apt.write("sources.list", &source)?;
        Ok(apt)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), RuntimeError> {
        let path = self.work.join(name);
        fs::write(&path, text).map_err(RuntimeError::io("write", &path))
    }

    /// Options on the command line win over every file.
    fn options(&self, command: &mut Command) {
        command.env("APT_CONFIG", self.work.join("apt.conf"));
        let directory = |name: &str| self.work.join(name).display().to_string();
        for (key, value) in [
            ("Dir::State", directory("state")),
            ("Dir::State::Lists", directory("lists")),
            ("Dir::State::status", directory("state/status")),
            ("Dir::Cache", directory("cache")),
            ("Dir::Etc::SourceList", directory("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".to_owned()),
            ("Dir::Etc::Preferences", "/dev/null".to_owned()),
            ("Dir::Etc::PreferencesParts", "/dev/null".to_owned()),
            ("APT::Architecture", ARCHITECTURE.to_owned()),
            ("APT::Architectures", ARCHITECTURE.to_owned()),
            ("APT::Get::AllowUnauthenticated", "false".to_owned()),
            ("Acquire::AllowInsecureRepositories", "false".to_owned()),
            ("Acquire::AllowWeakRepositories", "false".to_owned()),
            ("Acquire::AllowDowngradeToInsecureRepositories", "false".to_owned()),
            ("Acquire::Check-Valid-Until", "true".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("Acquire::Retries", "3".to_owned()),
            // The state directory belongs to root alone.
            ("APT::Sandbox::User", "root".to_owned()),
        ] {
            command.arg("-o").arg(format!("{key}={value}"));
        }
        command.arg("-q");
    }

    fn update(&self) -> Result<(), RuntimeError> {
        let result = run("apt-get", "read the archive's index", |c| {
            self.options(c);
            c.args(["-o", "APT::Update::Error-Mode=any", "update"])
        });
        match result {
            Err(RuntimeError::Tool { output, .. }) if !missing_keys(&output).is_empty() => {
                Err(RuntimeError::UnknownKey {
                    keyring: self.keyring.clone(),
                    mirror: self.mirror.clone(),
                    keys: missing_keys(&output).join(", "),
                })
            }
            other => other.map(drop),
        }
    }

    fn candidates(&self) -> Result<Vec<Package>, RuntimeError> {
        let text = run("apt-get", "find the packages", |c| {
            self.options(c);
            c.args(["download", "--print-uris"]).args(PACKAGES)
        })?;
        let packages: Vec<Package> = text.lines().filter_map(parse_uri_line).collect();
        for name in PACKAGES {
            if !packages.iter().any(|p| p.name == name) {
                return Err(RuntimeError::Incomplete(format!(
                    "the archive {} has no package {name} with a SHA-256 digest",
                    self.mirror
                )));
            }
        }
        Ok(packages)
    }

    fn download(&self, missing: &[&Package], cache: &Path, progress: &dyn Progress) -> Result<(), RuntimeError> {
        if missing.is_empty() {
            return Ok(());
        }
        let total: u64 = missing.iter().map(|p| p.size).sum();
        let directory = self.work.join("download");
        let log = self.work.join("download.log");
        let log_file = File::create(&log).map_err(RuntimeError::io("create", &log))?;
        let mut command = Command::new("apt-get");
        self.options(&mut command);
        command
            .arg("download")
            .args(missing.iter().map(|p| format!("{}={}", p.name, p.version)))
            .current_dir(&directory)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file);
        let mut child = command.spawn().map_err(|e| missing_tool(e, "apt-get"))?;
        let status = loop {
            match child.try_wait().map_err(RuntimeError::io("wait for", Path::new("apt-get")))? {
                Some(status) => break status,
                None => {
                    let got = size_below(&directory);
                    // In steps, for callers that print a line for each new text.
                    let (got_mb, total_mb) = (got / 20_000_000 * 20, total / 1_000_000);
                    let text = format!("fetching packages: {got_mb} of {total_mb} MB");
                    progress.report(&text, got as f64 / total.max(1) as f64);
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        };
        if !status.success() {
            let output = last_lines(&fs::read(&log).unwrap_or_default());
            return Err(RuntimeError::Tool { tool: "apt-get", task: "fetch the packages".to_owned(), output });
        }
        let entries = fs::read_dir(&directory).map_err(RuntimeError::io("read", &directory))?;
        for path in entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "deb")) {
            let sum = digest::sha256_file(&path).map_err(RuntimeError::io("read", &path))?;
            if let Some(package) = missing.iter().find(|p| p.sha256 == sum) {
                let to = package.path(cache);
                fs::rename(&path, &to).map_err(RuntimeError::io("rename", &path))?;
            }
        }
        match missing.iter().find(|p| !p.path(cache).exists()) {
            Some(p) => Err(RuntimeError::Incomplete(format!("package {} did not arrive whole", p.name))),
            None => Ok(()),
        }
    }
}

/// The configuration in place of the host's: of that only proxies and other settings of the transport are taken, as its
/// hooks would run programs and change the host's own package state.
fn configuration() -> Result<String, RuntimeError> {
    let dump = run("apt-config", "read the host's settings", |c| c.args(["dump", "--format", "%F \"%v\";%n"]))?;
    let transport: Vec<&str> = dump.lines().filter(|line| is_transport_setting(line)).collect();
    Ok(format!("Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n{}\n", transport.join("\n")))
}

/// Whether a line `NAME "VALUE";` sets how apt reaches archives.
fn is_transport_setting(line: &str) -> bool {
    let Some((name, value)) = line.split_once(' ') else { return false };
    let quotes = value.matches('"').count();
    let named = ["acquire::http::", "acquire::https::"].iter().any(|p| name.to_ascii_lowercase().starts_with(p));
    named && quotes == 2 && value.ends_with("\";") && value != "\"\";"
}

/// Ids of the keys that apt misses, in the words of its verifiers gpgv (Debian 12, Ubuntu 24.04) and sqv (Debian 13).
fn missing_keys(output: &str) -> Vec<String> {
    let words: Vec<&str> = output.split(|c: char| c.is_whitespace() || c == ',').collect();
    let mut keys: Vec<String> = Vec::new();
    for pair in words.windows(3) {
        let key = match pair {
            ["NO_PUBKEY", key, _] | ["Missing", "key", key] => *key,
            [_, "NO_PUBKEY", key] => *key,
            _ => continue,
        };
        if !key.is_empty() && !keys.iter().any(|k| k == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}

/// Parses `'URI' name_version_arch.deb SIZE SHA256:HEX`.
fn parse_uri_line(line: &str) -> Option<Package> {
    let mut words = line.rsplitn(4, ' ');
    let sha256 = words.next()?.strip_prefix("SHA256:")?;
    let size = words.next()?.parse().ok()?;
    let file = words.next()?.strip_suffix(".deb")?;
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    let version = version.replace("%3a", ":").replace("%7e", "~").replace("%2b", "+");
    let hex = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| Package { name: name.to_owned(), version, sha256: sha256.to_ascii_lowercase(), size })
}

fn size_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|e| match e.file_type() {
            Ok(t) if t.is_dir() => size_below(&e.path()),
            _ => e.metadata().map_or(0, |m| m.len()),
        })
        .sum()
}

pub(super) fn missing_tool(error: std::io::Error, tool: &'static str) -> RuntimeError {
    let package = match tool {
        "dpkg-deb" => "dpkg",
        _ => "apt",
    };
    match error.kind() {
        ErrorKind::NotFound => RuntimeError::MissingTool { tool, package },
        _ => RuntimeError::io("run", Path::new(tool))(error),
    }
}

pub(super) fn run(
    tool: &'static str,
    task: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<String, RuntimeError> {
    let mut command = Command::new(tool);
    arguments(&mut command);
    let output = command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().map_err(|e| missing_tool(e, tool))?;
    if !output.status.success() {
        return Err(RuntimeError::Tool { tool, task: task.to_owned(), output: last_lines(&output.stderr) });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The end of what a program wrote, for an error message.
pub(super) fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pinned_wine_is_taken() {
        for (version, taken) in [
            ("10.0~repack-6", true),
            ("10.0-1", true),
            ("10.0", true),
            ("10.0.1-1", false),
            ("10.01", false),
            ("9.0", false),
            ("", false),
        ] {
            assert_eq!(is_pinned(version), taken, "{version}");
        }
    }

    #[test]
    fn reads_what_apt_prints() {
        let sum = "0123456789abcdef".repeat(4);
        let line = format!(
            "'http://m/debian/pool/w/wine64_10.0%7erepack-6_amd64.deb' wine64_10.0%7erepack-6_amd64.deb 12 SHA256:{sum}"
        );
        let package = parse_uri_line(&line).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str(), package.size), ("wine64", "10.0~repack-6", 12));
        for line in ["", "x", "'u' a_1_amd64.deb 12 MD5Sum:aa", "'u' a_1_amd64.deb x SHA256:aa"] {
            assert_eq!(parse_uri_line(line), None);
        }
    }

    #[test]
    fn takes_the_main_archive_and_no_other() {
        let lines = "http://s/debian-security/|bookworm-security|main|Debian|Debian-Security\n\
                     https://deb.nodesource.com/|nodistro|main|. nodistro|. nodistro\n\
                     http://m/debian/|bookworm|main|Debian|Debian\n\
                     http://m/debian/|bookworm-updates|main|Debian|Debian\n";
        assert_eq!(choose_mirror(lines).as_deref(), Some("http://m/debian/"));
        assert_eq!(choose_mirror("http://m/debian/|bookworm|main||\n").as_deref(), Some("http://m/debian/"));
        assert_eq!(choose_mirror("http://a/ubuntu/|noble|main|Ubuntu|Ubuntu\n"), None);
        assert_eq!(choose_mirror("garbage\n||||\n"), None);
    }

    #[test]
    fn only_settings_of_the_transport_come_from_the_host() {
        for (line, taken) in [
            ("Acquire::http::Proxy \"http://proxy:3128\";", true),
            ("Acquire::HTTPS::CaInfo \"/etc/ca.pem\";", true),
            ("Acquire::http::Proxy \"\";", false),
            ("Acquire::http::Proxy \"a\"; APT::X \"b\";", false),
            ("Acquire::AllowInsecureRepositories \"1\";", false),
            ("APT::Update::Post-Invoke:: \"rm -rf /\";", false),
            ("", false),
        ] {
            assert_eq!(is_transport_setting(line), taken, "{line}");
        }
    }

    #[test]
    fn missing_keys_are_named_whoever_verifies() {
        let gpgv = "W: GPG error: http://m trixie InRelease: not available: NO_PUBKEY 6ED0E7B82643E131 NO_PUBKEY 78DBA3BC47EF2265";
        assert_eq!(missing_keys(gpgv), ["6ED0E7B82643E131", "78DBA3BC47EF2265"]);
        let sqv = "error message is: Missing key 0xB8E5F13176D2A7A75220028078DBA3BC47EF2265, which is needed to verify signature.";
        assert_eq!(missing_keys(sqv), ["0xB8E5F13176D2A7A75220028078DBA3BC47EF2265"]);
        assert!(missing_keys("Could not connect").is_empty());
    }

    #[test]
    fn a_mirror_cannot_smuggle_options_into_the_source_line() {
        assert!(check_mirror("https://mirror.example/debian").is_ok());
        for bad in ["mirror.example", "http://x trixie main", "http://x\ndeb http://y", "http://[trusted=yes]"] {
            assert!(check_mirror(bad).is_err(), "{bad:?}");
        }
    }
}
