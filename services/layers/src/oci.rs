//! The JSON documents of OCI images (OCI image specification 1.1), as far as Windows images use them.
//!
//! Own small types: the crates on offer carry builders and runtime documents that nothing here needs.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a config.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a layer packed with gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Media type of a layer packed with Zstandard.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Media type of a layer that is not packed.
pub const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// The media type of a layer by the first bytes of its blob, of which [`crate::zstd::MAGIC`] is the longest that tells.
pub fn layer_type(start: &[u8]) -> &'static str {
    match start {
        [0x1f, 0x8b, ..] => LAYER_GZIP,
        _ if start.starts_with(&crate::zstd::MAGIC) => LAYER_ZSTD,
        _ => LAYER_TAR,
    }
}

/// Names a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Type of the blob.
    pub media_type: String,
    /// Digest of the blob.
    pub digest: Digest,
    /// Size of the blob in bytes.
    pub size: u64,
    /// The system that the blob is for (in an index).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor without platform and notes.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, platform: None, annotations: BTreeMap::new() }
    }
}

/// The system that an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`
    pub architecture: String,
    /// `windows`
    pub os: String,
    /// `10.0.20348.4294`
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// Lists images for several systems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// [`INDEX`]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images.
    pub manifests: Vec<Descriptor>,
}

/// The parts of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`MANIFEST`]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The config blob.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// Free notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What an image is, and how it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Time of creation (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// `amd64`
    pub architecture: String,
    /// `windows`
    pub os: String,
    /// `10.0.20348.4294`
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// How it runs.
    #[serde(default)]
    pub config: ContainerConfig,
    /// Its unpacked layers.
    pub rootfs: RootFs,
    /// How it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// What else whoever made the image wrote.
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
}

/// How containers of an image run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// Account name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports such as `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=VALUE` texts.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// Program and arguments that always run.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub entrypoint: Vec<String>,
    /// Program and arguments, or arguments of the entry point, unless the user gives others.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub cmd: Vec<String>,
    /// Whether the only element of `cmd` or `entrypoint` is a whole command line already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Directories for volumes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub volumes: BTreeMap<String, Empty>,
    /// Directory that programs start in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Free labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks programs to end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Shell of Dockerfile commands.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub shell: Vec<String>,
    /// How to tell whether a container is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Instructions for builds that begin with the image.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub on_build: Vec<String>,
    /// What else stands there.
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
}

/// How to tell whether a container is well. Durations are nanoseconds; 0 means the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub test: Vec<String>,
    /// Between two probes.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one probe.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// After the start, during which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two probes within the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// `{}`, which these documents use for the members of sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Engines written in Go write `null` for an empty list.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The unpacked layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the tar archives, base first.
    pub diff_ids: Vec<Digest>,
}

/// One step of an image's making.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who took the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether the step made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_written_by_docker_parses() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            r#"{{"architecture":"amd64","os":"windows","os.version":"10.0.20348.1","created":"2024-01-01T00:00:00Z",
            "config":{{"User":"ContainerUser","Env":null,"Cmd":["cmd"],"Labels":null,"Hostname":"x","ArgsEscaped":true}},
            "rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"history":[{{"created_by":"Apply image"}}]}}"#
        );
        let config: Config = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (config.config.cmd, config.config.env, config.config.args_escaped),
            (vec!["cmd".to_owned()], vec![], true)
        );
        assert_eq!(config.rootfs.diff_ids[0].to_string(), digest);
    }
}
