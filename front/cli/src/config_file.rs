//! The daemon's configuration file.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use casement_engine::config::DaemonConfig;

/// Where it is unless told otherwise; there it may also be absent.
pub const DEFAULT_FILE: &str = "/etc/casement/config.toml";

/// Reads the file that a user named, or the default one if there is one.
///
/// # Errors
/// When a named file is absent, or the content is not valid; the error names the setting.
pub fn read(named: Option<&Path>) -> Result<DaemonConfig> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(DaemonConfig::default()),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let config: DaemonConfig = toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))?;
    config.check().with_context(|| format!("{} is not valid", path.display()))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use casement_engine::config::Protection;

    fn parsed(text: &str) -> Result<DaemonConfig> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(Some(file.path()))
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(parsed("").unwrap(), DaemonConfig::default());
        assert_eq!(parsed("").unwrap().log.driver, "json-file");
        assert!(read(Some(Path::new("/no/such/file"))).is_err());
    }

    #[test]
    fn what_is_unknown_or_contradicts_itself_is_refused() {
        for text in [
            "grup = 'docker'",
            "labels = ['x']",
            "[log]\ndriver = 'syslog'",
            "[log.options]\nmax-fle = '1m'",
            "[tcp]\nlisten = 'everywhere'",
            "[tcp]\nlisten = '127.0.0.1:2375'",
            "[tcp]\nlisten = '127.0.0.1:2376'\ncertificate = 'a'\nkey = 'b'",
            "[tcp]\nlisten = '127.0.0.1:2376'\ncertificate = 'a'\nkey = 'b'\nclient-authority = 'c'\nwithout-authentication-everyone-is-root = true",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_on_the_network_is_protected_unless_told_in_so_many_words() {
        let files = "[tcp]\nlisten = '127.0.0.1:2376'\ncertificate = 'a'\nkey = 'b'\nclient-authority = 'c'";
        let protected = parsed(files).unwrap().tcp.unwrap().protection().unwrap();
        assert!(matches!(protected, Protection::MutualTls { .. }));
        let open = "[tcp]\nlisten = '127.0.0.1:2375'\nwithout-authentication-everyone-is-root = true";
        assert_eq!(parsed(open).unwrap().tcp.unwrap().protection().unwrap(), Protection::None);
    }
}
