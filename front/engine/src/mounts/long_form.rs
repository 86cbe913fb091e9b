//! `--mount type=…`: the long form, checked as the Windows engine checks it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Source, Wanted, is_windows_path, no_pipes, target};
use crate::error::{Error, Result};
use crate::go_json;
use crate::model::{Mount, MountType};
use crate::volumes::{VolumeName, check_driver, check_options};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BindOptions {
    propagation: String,
    create_mountpoint: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeOptions {
    labels: BTreeMap<String, String>,
    driver_config: DriverConfig,
    subpath: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DriverConfig {
    name: String,
    options: BTreeMap<String, String>,
}

impl TryFrom<&Mount> for Wanted {
    type Error = Error;

    fn try_from(mount: &Mount) -> Result<Self> {
        let kind = match &mount.kind {
            MountType::Bind => "bind",
            MountType::Volume => "volume",
            MountType::Npipe => "npipe",
            MountType::Tmpfs => "tmpfs",
            MountType::Other(kind) => kind,
        };
        let refused = |error: Error| match error {
            Error::InvalidParameter(why) => {
                Error::InvalidParameter(format!("invalid mount config for type \"{kind}\": {why}"))
            }
            other => other,
        };
        checked(mount).map_err(refused)
    }
}

fn refuse<T>(why: &str) -> Result<T> {
    Err(Error::InvalidParameter(why.to_owned()))
}

fn checked(mount: &Mount) -> Result<Wanted> {
    if mount.target.is_empty() {
        return refuse("field Target must not be empty");
    }
    if mount.source.contains('\0') {
        return refuse("field Source must not hold a NUL character");
    }
    let source = match &mount.kind {
        MountType::Bind => directory(mount)?,
        MountType::Volume => volume(mount)?,
        MountType::Npipe => return Err(no_pipes()),
        MountType::Tmpfs => return refuse("windows does not support tmpfs"),
        MountType::Other(_) => return refuse("mount type unknown"),
    };
    let mode = String::new();
    Ok(Wanted { source, target: target(&mount.target)?, read_only: mount.read_only, mode })
}

fn options<T: Default + DeserializeOwned>(value: &Option<Value>, name: &str) -> Result<T> {
    match value {
        None => Ok(T::default()),
        Some(value) => go_json::read(value).map_err(|error| Error::InvalidParameter(format!("field {name}: {error}"))),
    }
}

fn directory(mount: &Mount) -> Result<Source> {
    if mount.source.is_empty() {
        return refuse("field Source must not be empty");
    }
    let options: BindOptions = options(&mount.bind_options, "BindOptions")?;
    if !options.propagation.is_empty() {
        return refuse(&format!("invalid propagation mode: {}", options.propagation));
    }
    if mount.volume_options.is_some() {
        return refuse("field VolumeOptions must not be specified");
    }
    let source = PathBuf::from(&mount.source);
    if is_windows_path(&mount.source) {
        let why = "the host runs Linux: write its directories like /dir";
        return refuse(&format!("invalid mount path: '{}': {why}", mount.source));
    }
    if !source.is_absolute() {
        return refuse(&format!("invalid mount path: '{}' mount path must be absolute", mount.source));
    }
    if options.create_mountpoint && !source.exists() {
        std::fs::create_dir_all(&source)
            .map_err(|error| Error::io(format!("cannot make the mount's source {}", source.display()), error))?;
    }
    match std::fs::metadata(&source) {
        Ok(metadata) if metadata.is_dir() => Ok(Source::Directory(source)),
        Ok(_) => refuse("source path must be a directory"),
        Err(_) => refuse(&format!("bind source path does not exist: {}", mount.source)),
    }
}

fn volume(mount: &Mount) -> Result<Source> {
    if mount.bind_options.is_some() {
        return refuse("field BindOptions must not be specified");
    }
    let options: VolumeOptions = options(&mount.volume_options, "VolumeOptions")?;
    check_driver(&options.driver_config.name)?;
    check_options(&options.driver_config.options)?;
    if mount.source.is_empty() {
        if !options.subpath.is_empty() {
            return refuse("must not set Subpath when using anonymous volumes");
        }
        return if mount.read_only {
            refuse("must not set ReadOnly mode when using anonymous volumes")
        } else {
            Ok(Source::Anonymous)
        };
    }
    let name: VolumeName = mount.source.parse()?;
    Ok(Source::Volume { name, subpath: subpath(&options.subpath)?, labels: options.labels })
}

/// A path below the root of a volume, which may be written with either slash.
fn subpath(text: &str) -> Result<Option<PathBuf>> {
    if text.is_empty() {
        return Ok(None);
    }
    let plain = text.replace('\\', "/");
    let path = Path::new(&plain);
    let inside = !is_windows_path(text)
        && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside { Ok(Some(path.to_owned())) } else { refuse("subpath must be a relative path within the volume") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(mount: Value) -> Result<Wanted> {
        Wanted::try_from(&serde_json::from_value::<Mount>(mount).unwrap())
    }

    #[test]
    fn refusals_name_the_type_and_have_the_words_of_windows() {
        for (mount, text) in [
            (
                json!({"Type":"bind","Source":"/proc"}),
                "invalid mount config for type \"bind\": field Target must not be empty",
            ),
            (
                json!({"Type":"bind","Target":"C:\\x"}),
                "invalid mount config for type \"bind\": field Source must not be empty",
            ),
            (
                json!({"Type":"bind","Source":"/proc","Target":"C:\\x","BindOptions":{"Propagation":"shared"}}),
                "invalid mount config for type \"bind\": invalid propagation mode: shared",
            ),
            (
                json!({"Type":"bind","Source":"/proc","Target":"C:\\x","VolumeOptions":{}}),
                "invalid mount config for type \"bind\": field VolumeOptions must not be specified",
            ),
            (
                json!({"Type":"bind","Source":"/proc/version","Target":"C:\\x"}),
                "invalid mount config for type \"bind\": source path must be a directory",
            ),
            (
                json!({"Type":"bind","Source":"/no/where","Target":"C:\\x"}),
                "invalid mount config for type \"bind\": bind source path does not exist: /no/where",
            ),
            (
                json!({"Type":"bind","Source":"dir","Target":"C:\\x"}),
                "invalid mount config for type \"bind\": invalid mount path: 'dir' mount path must be absolute",
            ),
            (
                json!({"Type":"bind","Source":"/proc","Target":"x"}),
                "invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute",
            ),
            (
                json!({"Type":"bind","Source":"/proc","Target":"C:\\"}),
                "invalid mount config for type \"bind\": destination path (c:\\) cannot be 'c:' or 'c:\\'",
            ),
            (
                json!({"Type":"volume","Source":"v1","Target":"C:\\x","BindOptions":{}}),
                "invalid mount config for type \"volume\": field BindOptions must not be specified",
            ),
            (
                json!({"Type":"volume","Target":"C:\\x","ReadOnly":true}),
                "invalid mount config for type \"volume\": must not set ReadOnly mode when using anonymous volumes",
            ),
            (
                json!({"Type":"volume","Target":"C:\\x","VolumeOptions":{"Subpath":"a"}}),
                "invalid mount config for type \"volume\": must not set Subpath when using anonymous volumes",
            ),
            (
                json!({"Type":"volume","Source":"v1","Target":"C:\\x","VolumeOptions":{"Subpath":"../a"}}),
                "invalid mount config for type \"volume\": subpath must be a relative path within the volume",
            ),
            (
                json!({"Type":"tmpfs","Target":"C:\\x"}),
                "invalid mount config for type \"tmpfs\": windows does not support tmpfs",
            ),
            (json!({"Type":"image","Target":"C:\\x"}), "invalid mount config for type \"image\": mount type unknown"),
        ] {
            assert_eq!(wanted(mount).unwrap_err().to_string(), text);
        }
        let pipe = wanted(json!({"Type":"npipe","Source":r"\\.\pipe\a","Target":r"\\.\pipe\a"})).unwrap_err();
        assert!(matches!(pipe, Error::NotImplemented(_)), "{pipe}");
    }

    #[test]
    fn a_volume_may_be_mounted_in_part() {
        let wanted = wanted(json!({"Type":"volume","Source":"Data","Target":"C:\\x","ReadOnly":true,"VolumeOptions":{"Subpath":"a\\b"}})).unwrap();
        let Source::Volume { name, subpath, .. } = wanted.source else { panic!("a volume") };
        assert_eq!((name.as_str(), subpath, wanted.read_only), ("data", Some("a/b".into()), true));
    }
}
