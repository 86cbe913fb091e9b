//! Layers that are elsewhere: `urls` of a manifest, which whoever made the image has chosen.

use crate::address::Distance;
use crate::error::RegistryError;
use crate::transport::{Answer, Ask, Transport};
use hyper::header::{LOCATION, RANGE};
use hyper::{Method, StatusCode};
use url::Url;

/// Most places that are tried for one layer.
const MAX_URLS: usize = 8;
/// Most redirects.
const MAX_REDIRECTS: usize = 5;

/// Fetches foreign layers: over https only, and from public addresses only, unless the host is one that the configuration names.
#[derive(Debug)]
pub struct Foreign {
    transport: Transport,
    hosts: Vec<String>,
}

impl Foreign {
    /// `hosts` may be anywhere.
    pub fn new(transport: Transport, hosts: Vec<String>) -> Self {
        Self { transport, hosts }
    }

    /// The layer from `offset` on, from the first place that has it.
    ///
    /// # Errors
    /// When a place is none that may be asked, or none has it.
    pub fn fetch(&self, urls: &[String], offset: u64) -> Result<Answer, RegistryError> {
        let mut last = RegistryError::refused("the layer", "its manifest names no place");
        for text in urls.iter().take(MAX_URLS) {
            match self.from(text, offset) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn from(&self, text: &str, offset: u64) -> Result<Answer, RegistryError> {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
        let mut url = Url::parse(text).map_err(|error| RegistryError::refused(shown, error))?;
        for _ in 0..MAX_REDIRECTS {
            let mut ask = Ask::new(Method::GET, url.clone(), self.reach(&url)?);
            if offset > 0 {
                ask = ask.header(RANGE, &format!("bytes={offset}-"));
            }
            let answer = self.transport.send(&ask, &mut |_| true)?;
            match (answer.status, answer.header(LOCATION)) {
                (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) => return Ok(answer),
                (status, Some(next)) if status.is_redirection() => {
                    url = url.join(next).map_err(|error| ask.failed(error))?;
                }
                (status, _) => return Err(ask.failed(format!("received unexpected HTTP status: {status}"))),
            }
        }
        Err(RegistryError::refused(url.to_string(), "too many redirects"))
    }

    fn reach(&self, url: &Url) -> Result<Distance, RegistryError> {
        if url.scheme() != "https" {
            return Err(RegistryError::refused(url.to_string(), "layers from elsewhere come over https only"));
        }
        let known = self.hosts.contains(&crate::tls::authority(url));
        Ok(if known { Distance::Loopback } else { Distance::Public })
    }
}
