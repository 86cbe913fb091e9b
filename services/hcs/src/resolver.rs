//! How the programs of a silo resolve names, and its network namespace.

use crate::error::ComputeError;
use crate::protocol::{OPEN_NETWORK, SET_RESOLVER};
use crate::service::System;
use casement_gcs::payload::{RequestBase, ResponseBase};
use casement_gcs::{Client, GcsError};
use casement_silo::root::LOOPBACK_HOSTS;
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::IpAddr;

/// Most entries of each list.
const MAX_ENTRIES: usize = 256;
/// Longest name or option, in bytes.
const MAX_WORD: usize = 255;

/// How names are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Resolver {
    /// Addresses of name servers, in the order in which they are asked.
    pub servers: Vec<IpAddr>,
    /// Suffixes that are tried.
    pub search: Vec<String>,
    /// Options as in resolv.conf(5).
    pub options: Vec<String>,
    /// Names with addresses of their own.
    pub hosts: Vec<(IpAddr, String)>,
}

/// The request that carries one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetResolver {
    /// What every request has.
    #[serde(flatten)]
    pub base: RequestBase,
    /// It.
    pub resolver: Resolver,
}

/// Whether a text is one word of a line.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_WORD && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

impl Resolver {
    /// The lines of resolv.conf(5). What is no word is left out.
    pub(crate) fn server_lines(&self) -> String {
        let mut text = String::new();
        for server in self.servers.iter().take(MAX_ENTRIES) {
            let _ = writeln!(text, "nameserver {server}");
        }
        for (name, words) in [("search", &self.search), ("options", &self.options)] {
            let words: Vec<&str> =
                words.iter().filter(|word| is_word(word)).take(MAX_ENTRIES).map(String::as_str).collect();
            if !words.is_empty() {
                let _ = writeln!(text, "{name} {}", words.join(" "));
            }
        }
        text
    }

    /// The lines of hosts(5).
    pub(crate) fn host_lines(&self) -> String {
        let mut text = LOOPBACK_HOSTS.to_owned();
        for (address, name) in self.hosts.iter().filter(|(_, name)| is_word(name)).take(MAX_ENTRIES) {
            let _ = writeln!(text, "{address} {name}");
        }
        text
    }
}

/// Asks a silo host for the network namespace of its silo.
pub(crate) fn open_network(client: &mut Client, request: &RequestBase) -> Result<OwnedFd, GcsError> {
    let id = client.send(OPEN_NETWORK, request, &[])?;
    let mut answer = client.response_message(OPEN_NETWORK, id)?;
    let base: ResponseBase = answer.parse()?;
    if !base.result.is_success() {
        return Err(GcsError::Remote { hresult: base.result, message: base.error_message });
    }
    answer.fds.pop().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
}

impl System {
    /// The network namespace of its silo.
    ///
    /// # Errors
    /// When the silo host is gone.
    pub fn network_namespace(&self) -> Result<OwnedFd, ComputeError> {
        let opened = open_network(&mut self.connection(), &self.base());
        opened.map_err(|e| self.failed(e))
    }

    /// Says how its programs resolve names from now on.
    ///
    /// # Errors
    /// When the silo host is gone.
    pub fn set_resolver(&self, resolver: &Resolver) -> Result<(), ComputeError> {
        let request = SetResolver { base: self.base(), resolver: resolver.clone() };
        self.request::<_, ResponseBase>(SET_RESOLVER, &request, Vec::new()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_words_and_nothing_that_would_be_another_line() {
        let resolver = Resolver {
            servers: vec!["192.168.48.1".parse().unwrap()],
            search: vec!["corp.example".to_owned(), "evil\nnameserver 6.6.6.6".to_owned(), String::new()],
            options: vec!["ndots:1".to_owned()],
            hosts: vec![
                ("10.0.0.1".parse().unwrap(), "db".to_owned()),
                ("10.0.0.2".parse().unwrap(), "a b".to_owned()),
            ],
        };
        assert_eq!(resolver.server_lines(), "nameserver 192.168.48.1\nsearch corp.example\noptions ndots:1\n");
        assert_eq!(resolver.host_lines(), "127.0.0.1 localhost\n::1 localhost\n10.0.0.1 db\n");
    }
}
