//! Requests that a web page made a browser send: refused on the network, where a browser could reach the daemon.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri, header};

use super::error::{ApiError, Outcome};

/// Headers that only browsers send.
const OF_BROWSERS: [&str; 4] = ["origin", "sec-fetch-site", "sec-fetch-mode", "referer"];

/// What requests of a socket must fulfil.
#[derive(Clone, Debug)]
pub(super) enum Gate {
    /// A unix socket: no browser reaches it.
    Local,
    /// TLS: no page has a certificate for its own name that this daemon would show.
    Encrypted,
    /// A socket that is not encrypted, and the names that it may be called by.
    Plain(Arc<Vec<String>>),
}

impl Gate {
    /// Lets a request in.
    ///
    /// # Errors
    /// 403 for what a browser sent, or what was sent to a name that is not ours: a page may let its own name point here.
    pub(super) fn admit(&self, headers: &HeaderMap, uri: &Uri) -> Outcome<()> {
        let refuse = |why: String| Err(ApiError::new(StatusCode::FORBIDDEN, why));
        if matches!(self, Self::Local) {
            return Ok(());
        }
        if let Some(name) = OF_BROWSERS.iter().find(|name| headers.contains_key(**name)) {
            return refuse(format!("requests of browsers are refused: this one has the header {name}"));
        }
        let Self::Plain(names) = self else { return Ok(()) };
        let host = uri.host().or_else(|| headers.get(header::HOST).and_then(|host| host_name(host.to_str().ok()?)));
        match host {
            Some(host) if is_ours(host, names) => Ok(()),
            Some(host) => refuse(format!("\"{host}\" is not a name of this daemon (`names` in its configuration)")),
            None => refuse("the request does not say which host it is for".to_owned()),
        }
    }
}

/// The name in `name:port`, `[address]:port` or `name`.
fn host_name(text: &str) -> Option<&str> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => text.split(':').next().filter(|name| !name.is_empty()),
    }
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let plain = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    plain.parse::<IpAddr>().is_ok()
        || plain.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| name.eq_ignore_ascii_case(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(gate: &Gate, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        gate.admit(&headers, &Uri::from_static("/info")).is_ok()
    }

    #[test]
    fn names_that_a_page_could_make_up_are_refused() {
        let plain = Gate::Plain(Arc::new(vec!["build.example.org".to_owned()]));
        for host in ["127.0.0.1:2375", "[::1]:2375", "localhost", "BUILD.example.org:2375", "10.0.0.1"] {
            assert!(admitted(&plain, &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:2375", "", "localhost.evil.example", "[evil"] {
            assert!(!admitted(&plain, &[("host", host)]), "{host}");
        }
        assert!(!admitted(&plain, &[]));
        assert!(admitted(&Gate::Local, &[("origin", "https://evil.example")]));
    }

    #[test]
    fn what_browsers_send_is_refused() {
        for gate in [Gate::Encrypted, Gate::Plain(Arc::default())] {
            assert!(admitted(&gate, &[("host", "localhost"), ("user-agent", "Docker-Client/28")]));
            for (name, value) in [("origin", "null"), ("sec-fetch-site", "cross-site"), ("referer", "http://x/")] {
                assert!(!admitted(&gate, &[("host", "localhost"), (name, value)]), "{name}");
            }
        }
    }
}
