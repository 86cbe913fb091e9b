//! The account on a registry that `docker login` has written down.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

/// The value of `X-Registry-Auth` for the registry of this image, from docker's configuration; `None` when there is none. Programs that
/// keep passwords for docker (`credsStore`) are not asked.
pub fn of(image: &str) -> Option<String> {
    header(&configuration()?, image)
}

/// The value of `X-Registry-Config`: all accounts in docker's configuration; `None` when there are none.
pub fn all() -> Option<String> {
    let accounts = configuration()?.get("auths")?.as_object()?.clone();
    Some(URL_SAFE.encode(Value::Object(accounts).to_string()))
}

fn configuration() -> Option<Value> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    serde_json::from_slice(&std::fs::read(directory.join("config.json")).ok()?).ok()
}

fn header(config: &Value, image: &str) -> Option<String> {
    let first = image.split_once('/').map(|(first, _)| first).filter(|first| first.contains(['.', ':']));
    let keys = match first {
        None | Some("docker.io") => ["https://index.docker.io/v1/", "docker.io"],
        Some(host) => [host, host],
    };
    let found = keys.iter().find_map(|key| config.get("auths")?.get(key))?;
    let auth = found.get("auth").and_then(Value::as_str)?;
    let token = found.get("identitytoken").and_then(Value::as_str).unwrap_or_default();
    Some(URL_SAFE.encode(json!({ "auth": auth, "identitytoken": token }).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_gets_its_own_account_only() {
        let config = json!({ "auths": { "reg.example:5000": { "auth": "YTpi" } } });
        let text = header(&config, "reg.example:5000/app:1").unwrap();
        let decoded: Value = serde_json::from_slice(&URL_SAFE.decode(text).unwrap()).unwrap();
        assert_eq!(decoded["auth"], "YTpi");
        assert_eq!(header(&config, "reg.example/app"), None);
        assert_eq!(header(&config, "app"), None);
    }
}
