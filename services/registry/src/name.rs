//! Where the images of a name are: a host and a repository on it.

use crate::error::RegistryError;
use casement_layers::{Reference, microsoft_name};

/// Where Docker's own registry is.
const HUB: &str = "registry-1.docker.io";
/// What the repositories of Docker's own registry are called without a host.
const HUB_NAME: &str = "docker.io";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `host` or `host:port` that is connected to.
    pub host: String,
    /// Path of the repository on it.
    pub path: String,
    /// The name as people see it.
    pub familiar: String,
}

impl Repository {
    /// Where a name leads. Base images without a host are Microsoft's.
    ///
    /// # Errors
    /// [`RegistryError::BadName`] when there is a host and nothing else.
    pub fn of(reference: &Reference) -> Result<Self, RegistryError> {
        let familiar = reference.repository().to_owned();
        let full = reference.base_name().map_or_else(|| familiar.clone(), microsoft_name);
        let (host, path) = match full.split_once('/') {
            Some((first, rest)) if is_host(first) => (first.to_owned(), rest.to_owned()),
            Some(_) => (HUB.to_owned(), full.clone()),
            None => (HUB.to_owned(), format!("library/{full}")),
        };
        if path.is_empty() {
            return Err(RegistryError::BadName("invalid reference format".to_owned()));
        }
        let host = if host == HUB_NAME { HUB.to_owned() } else { host };
        Ok(Self { host, path, familiar })
    }

    /// Whether this is Docker's own registry, which mirrors stand in for.
    pub(crate) fn is_hub(&self) -> bool {
        self.host == HUB
    }

    /// The same repository on a mirror.
    pub(crate) fn on(&self, mirror: &str) -> Self {
        Self { host: mirror.to_owned(), ..self.clone() }
    }
}

/// The host of the registry that has the images of a name, as [`server_host`] gives it.
///
/// # Errors
/// As [`Repository::of`].
pub fn registry_of(reference: &Reference) -> Result<String, RegistryError> {
    Ok(Repository::of(reference)?.host)
}

/// The host that an address as people give it to `docker login` means.
pub fn server_host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    match rest.split('/').next().unwrap_or_default() {
        "" | HUB_NAME | "index.docker.io" => HUB.to_owned(),
        host => host.to_owned(),
    }
}

fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_is_a_host_when_it_looks_like_one() {
        let of = |text: &str| {
            let repository = Repository::of(&Reference::parse(text).unwrap()).unwrap();
            format!("{} {} {}", repository.host, repository.path, repository.familiar)
        };
        assert_eq!(of("busybox"), "registry-1.docker.io library/busybox busybox");
        assert_eq!(of("docker.io/a/b:1"), "registry-1.docker.io a/b a/b");
        assert_eq!(of("localhost:5000/a/b"), "localhost:5000 a/b localhost:5000/a/b");
        assert_eq!(of("reg.example/a"), "reg.example a reg.example/a");
        assert_eq!(of("nanoserver:1809"), "mcr.microsoft.com windows/nanoserver nanoserver");
    }

    #[test]
    fn servers_of_logins_come_as_urls_too() {
        assert_eq!(server_host("https://index.docker.io/v1/"), "registry-1.docker.io");
        assert_eq!(server_host("10.0.0.1:5000"), "10.0.0.1:5000");
        assert_eq!(server_host("https://reg.example/v2/"), "reg.example");
    }
}
