//! Files of the web, for builds: what `ADD` names by its address, and contexts.

use crate::address::Distance;
use crate::distribution::Distribution;
use crate::error::RegistryError;
use crate::transport::{Answer, Ask};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED, LOCATION};
use jiff::fmt::rfc2822;
use std::io::{self, Read};
use url::Url;

/// Most redirects.
const MAX_REDIRECTS: usize = 5;
/// Most bytes of what a server says why it refuses.
const MAX_REASON: usize = 4 << 10;

/// A file that is being read.
#[derive(Debug)]
pub struct WebFile {
    answer: Answer,
    piece: Bytes,
    read: u64,
    at: Url,
}

impl Distribution {
    /// Asks for the file at an address of the web. `reach` is the furthest inward that it may be; where it redirects to must be no
    /// further inward than it is itself.
    ///
    /// # Errors
    /// When the address is none, leads where it may not, or the server has no such file.
    pub fn web(&self, address: &str, reach: Distance) -> Result<WebFile, RegistryError> {
        let shown: String = address.chars().filter(|c| !c.is_control()).take(300).collect();
        let mut at = Url::parse(address).map_err(|error| RegistryError::refused(shown, error))?;
        let mut reach = reach;
        let mut account = account(&mut at);
        for _ in 0..=MAX_REDIRECTS {
            if !matches!(at.scheme(), "http" | "https") {
                return Err(RegistryError::refused(at.to_string(), "only http and https addresses are asked"));
            }
            let mut ask = Ask::new(Method::GET, at.clone(), reach);
            if let Some(account) = account.take() {
                ask = ask.header(AUTHORIZATION, &account);
            }
            let mut answer = self.transport.send(&ask, &mut |_| true)?;
            reach = reach.min(answer.distance);
            match answer.header(LOCATION).filter(|_| answer.status.is_redirection()) {
                Some(next) => at = at.join(next).map_err(|error| ask.failed(error))?,
                None if answer.status.is_success() => return Ok(WebFile { answer, piece: Bytes::new(), read: 0, at }),
                None => {
                    let why = answer.whole(MAX_REASON).unwrap_or_default();
                    let why: String = String::from_utf8_lossy(&why).chars().filter(|c| !c.is_control()).collect();
                    let text = format!("failed to GET {at} with status {}: {why}", answer.status);
                    return Err(RegistryError::Web(text));
                }
            }
        }
        Err(RegistryError::refused(at.to_string(), format!("stopped after {MAX_REDIRECTS} redirects")))
    }

    /// Checks where the host of an address is, for programs that connect by themselves, and gives the address of the first that may be
    /// connected to.
    ///
    /// # Errors
    /// When there is no such host, or it is further inward than `reach`.
    pub fn web_host(&self, address: &Url, reach: Distance) -> Result<std::net::SocketAddr, RegistryError> {
        self.transport.look_up(&Ask::new(Method::GET, address.clone(), reach))
    }
}

/// Takes the account out of an address.
fn account(at: &mut Url) -> Option<String> {
    if at.username().is_empty() && at.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decode(at.username()), decode(at.password().unwrap_or_default()));
    let _ = at.set_username("").and_then(|()| at.set_password(None));
    Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

impl WebFile {
    /// What the server says that it is, without parameters.
    pub fn content_type(&self) -> String {
        let whole = self.answer.header(CONTENT_TYPE).unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Bytes that there will be, if the server says.
    pub fn length(&self) -> Option<u64> {
        self.answer.header(CONTENT_LENGTH)?.parse().ok()
    }

    /// When it was changed, in seconds since 1970, if the server says.
    pub fn modified(&self) -> Option<i64> {
        let time = rfc2822::parse(self.answer.header(LAST_MODIFIED)?).ok()?;
        Some(time.timestamp().as_second())
    }

    /// Where the server is.
    pub fn distance(&self) -> Distance {
        self.answer.distance
    }

    /// Bytes that were read.
    pub fn done(&self) -> u64 {
        self.read
    }

    /// Where it was in the end.
    pub fn address(&self) -> &Url {
        &self.at
    }
}

impl Read for WebFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.answer.next()? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}
