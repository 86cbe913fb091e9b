//! `RUN --mount=…`.

use crate::suggest;

/// What is mounted while a step runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountKind {
    /// A directory of the context, of a stage or of an image.
    #[default]
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// An empty directory.
    Tmpfs,
    /// A value that stays out of the image.
    Secret,
    /// A key agent.
    Ssh,
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Everyone.
    #[default]
    Shared,
    /// Everyone with a copy of their own.
    Private,
    /// One after another.
    Locked,
}

/// One mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunMount {
    /// What it is.
    pub kind: MountKind,
    /// Stage or image; the context when empty.
    pub from: String,
    /// Path in there.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Whether the step may not write to it.
    pub read_only: bool,
    /// Name of the cache or secret.
    pub id: String,
    /// For caches.
    pub sharing: Sharing,
    /// Whether the build fails without it.
    pub required: bool,
    /// Variable that gets the secret.
    pub env: Option<String>,
}

const KINDS: [(&str, MountKind); 5] = [
    ("bind", MountKind::Bind),
    ("cache", MountKind::Cache),
    ("tmpfs", MountKind::Tmpfs),
    ("secret", MountKind::Secret),
    ("ssh", MountKind::Ssh),
];
const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];
const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

impl RunMount {
    /// Parses the value of the flag, with its variables replaced.
    ///
    /// # Errors
    /// In Docker's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut mount = Self::default();
        let mut read_only = None;
        let mut owner_or_mode = None;
        for field in fields(text)? {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
                None => (field.to_ascii_lowercase(), None),
            };
            let unexpected = || format!("unexpected key '{key}' for mount type '{}'", mount.kind_name());
            let Some(value) = value else {
                match key.as_str() {
                    "readonly" | "ro" => read_only = Some(true),
                    "readwrite" | "rw" => read_only = Some(false),
                    "required" if mount.is_secret() => mount.required = true,
                    "required" => return Err(unexpected()),
                    _ => return Err(format!("invalid field '{field}' must be a key=value pair")),
                }
                continue;
            };
            let truth = || flag(value).ok_or_else(|| format!("invalid value for {key}: {value}"));
            match key.as_str() {
                "type" => {
                    let lower = value.to_ascii_lowercase();
                    let kind = KINDS.iter().find(|(name, _)| *name == lower).map(|(_, kind)| *kind);
                    mount.kind = kind.ok_or_else(|| {
                        let message = format!("unsupported mount type {}", crate::go::quote(value));
                        suggest::with(message, value, &KINDS.map(|(name, _)| name), "")
                    })?;
                }
                "from" => value.clone_into(&mut mount.from),
                "source" | "src" => value.clone_into(&mut mount.source),
                "target" | "dst" | "destination" => value.clone_into(&mut mount.target),
                "readonly" | "ro" => read_only = Some(truth()?),
                "readwrite" | "rw" => read_only = Some(!truth()?),
                "required" if mount.is_secret() => mount.required = truth()?,
                "required" => return Err(unexpected()),
                "size" if mount.kind != MountKind::Tmpfs => return Err(unexpected()),
                // The memory limit of the build bounds it.
                "size" => {}
                "id" => value.clone_into(&mut mount.id),
                "sharing" => {
                    let lower = value.to_ascii_lowercase();
                    let sharing = SHARINGS.iter().find(|(name, _)| *name == lower).map(|(_, sharing)| *sharing);
                    mount.sharing = sharing.ok_or_else(|| {
                        let message = format!("unsupported sharing value {}", crate::go::quote(value));
                        suggest::with(message, value, &SHARINGS.map(|(name, _)| name), "")
                    })?;
                }
                "mode" | "uid" | "gid" => {
                    let radix = if key == "mode" { 8 } else { 10 };
                    u32::from_str_radix(value, radix).map_err(|_| format!("invalid value {value} for {key}"))?;
                    owner_or_mode = Some(key.clone());
                }
                "env" => mount.env = Some(value.to_owned()),
                _ => {
                    let message = format!("unexpected key '{key}' in '{field}'");
                    return Err(suggest::with(message, &key, &KEYS, ""));
                }
            }
        }
        if let Some(key) = owner_or_mode
            && matches!(mount.kind, MountKind::Bind | MountKind::Tmpfs)
        {
            return Err(format!("{key} not allowed for \"{}\" type mounts", mount.kind_name()));
        }
        mount.read_only = read_only.unwrap_or(!matches!(mount.kind, MountKind::Cache | MountKind::Tmpfs));
        mount.check_secret()?;
        Ok(mount)
    }

    fn check_secret(&self) -> Result<(), String> {
        if self.kind != MountKind::Secret {
            return Ok(());
        }
        if !self.from.is_empty() {
            return Err("secret mount should not have a from".to_owned());
        }
        if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
            return Err("invalid secret mount. one of source, target required".to_owned());
        }
        if !self.source.is_empty() && !self.id.is_empty() {
            return Err("both source and id can't be set".to_owned());
        }
        Ok(())
    }

    fn is_secret(&self) -> bool {
        matches!(self.kind, MountKind::Secret | MountKind::Ssh)
    }

    fn kind_name(&self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name)
    }
}

/// A truth value by Go's rules.
fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The fields of one line of comma-separated values.
fn fields(text: &str) -> Result<Vec<String>, String> {
    let malformed = || "failed to parse csv mounts: parse error on line 1: extraneous or missing \" in quoted-field";
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut characters = quoted.char_indices().peekable();
            let end = loop {
                match characters.next() {
                    Some((_, '"')) if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                        characters.next();
                        field.push('"');
                    }
                    Some((at, '"')) => break at + 1,
                    Some((_, other)) => field.push(other),
                    None => return Err(malformed().to_owned()),
                }
            };
            fields.push(field);
            match quoted[end..].strip_prefix(',') {
                Some(after) => rest = after,
                None if quoted[end..].is_empty() => return Ok(fields),
                None => return Err(malformed().to_owned()),
            }
        } else {
            match rest.split_once(',') {
                Some((field, after)) => {
                    fields.push(field.to_owned());
                    rest = after;
                }
                None => {
                    fields.push(rest.to_owned());
                    return Ok(fields);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let cache = RunMount::parse(r"type=cache,target=C:\npm,id=npm,sharing=locked").unwrap();
        assert_eq!((cache.kind, cache.sharing, cache.read_only), (MountKind::Cache, Sharing::Locked, false));
        assert_eq!((cache.target.as_str(), cache.id.as_str()), (r"C:\npm", "npm"));
        let bind = RunMount::parse(r#"from=build,"source=/a,b",target=/x,rw"#).unwrap();
        assert_eq!((bind.kind, bind.source.as_str(), bind.read_only), (MountKind::Bind, "/a,b", false));
        let secret = RunMount::parse("type=secret,id=token,env=TOKEN,required").unwrap();
        assert_eq!((secret.env.as_deref(), secret.required, secret.read_only), (Some("TOKEN"), true, true));
    }

    #[test]
    fn refusals_are_dockers() {
        for (text, why) in [
            ("type=cach,target=/x", "unsupported mount type \"cach\" (did you mean cache?)"),
            ("tagret=/x", "unexpected key 'tagret' in 'tagret=/x' (did you mean target?)"),
            ("type=bind,required=true", "unexpected key 'required' for mount type 'bind'"),
            ("type=secret", "invalid secret mount. one of source, target required"),
            ("type=bind,uid=1", "uid not allowed for \"bind\" type mounts"),
            ("x", "invalid field 'x' must be a key=value pair"),
        ] {
            assert_eq!(RunMount::parse(text).unwrap_err(), why, "{text}");
        }
        assert!(RunMount::parse("\"open").is_err() && RunMount::parse("\"a\"b").is_err());
    }
}
