//! What a build gets from outside of this host: images of registries, and files of the web.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use casement_builder::{BuildError, Cancel, Downloaded, ErrorKind, Event, MAX_CONTEXT, Output};
use casement_layers::Reference;
use casement_registry::{Credentials, Distance, Distribution, PullRequest, RegistryError, WebFile};

use crate::http::progress_lines::line as progress_line;

/// Bytes between two lines of progress.
const STEP: u64 = 512 << 10;

/// The ways out, and what a build may do on them.
#[derive(Clone)]
pub struct Outside {
    distribution: Option<Arc<Distribution>>,
    /// Accounts by the hosts of registries.
    accounts: BTreeMap<String, Credentials>,
    /// The furthest inward that addresses in the Dockerfile may lead: anywhere if a person sent it, and no further than where it was
    /// fetched from otherwise.
    reach: Distance,
}

impl Outside {
    /// The ways of a daemon, for a client with these accounts.
    #[must_use]
    pub fn new(distribution: Option<Arc<Distribution>>, accounts: BTreeMap<String, Credentials>) -> Self {
        Self { distribution, accounts, reach: Distance::Loopback }
    }

    /// For a Dockerfile that was fetched from there.
    #[must_use]
    pub(crate) fn fetched_from(self, distance: Distance) -> Self {
        Self { reach: self.reach.min(distance), ..self }
    }

    pub(crate) fn reach(&self) -> Distance {
        self.reach
    }

    pub(crate) fn distribution(&self) -> Result<&Distribution, BuildError> {
        self.distribution.as_deref().ok_or_else(|| {
            BuildError::new(ErrorKind::NotImplemented, "this daemon has no way to registries and the web")
        })
    }

    /// Pulls an image and shows how far that is.
    pub(super) fn pull(&self, name: &str, output: &dyn Output, cancel: &Cancel) -> Result<(), BuildError> {
        let reference = Reference::parse(name).map_err(|_| BuildError::invalid("invalid reference format"))?;
        let host = casement_registry::registry_of(&reference).map_err(failed)?;
        let credentials = self.accounts.get(&host).cloned().unwrap_or_default();
        let request = PullRequest { reference, credentials, policy: None };
        let shown = |event: casement_registry::Event| {
            !cancel.is_set() && output.show(Event::Progress(progress_line(&event))).is_ok()
        };
        self.distribution()?.pull(&request, &shown).map_err(failed)
    }

    /// Fetches a file.
    pub(super) fn download(
        &self,
        address: &str,
        into: &Path,
        output: &dyn Output,
        cancel: &Cancel,
    ) -> Result<Downloaded, BuildError> {
        let mut file = self.distribution()?.web(address, self.reach).map_err(failed)?;
        let modified = file.modified();
        let mut to = File::create_new(into).map_err(BuildError::io("cannot keep a file that was fetched"))?;
        let mut shown = Shown { file: &mut file, next: 0, action: "Downloading", output, cancel };
        io::copy(&mut shown, &mut to).map_err(|error| match cancel.is_set() {
            true => BuildError::cancelled(),
            false => BuildError::internal(format!("cannot fetch {address}: {error}")),
        })?;
        to.flush().map_err(BuildError::io("cannot keep a file that was fetched"))?;
        Ok(Downloaded { modified })
    }
}

/// A file of the web that tells how far it is.
pub(crate) struct Shown<'a> {
    pub(crate) file: &'a mut WebFile,
    /// When the next line is told.
    pub(crate) next: u64,
    pub(crate) action: &'static str,
    pub(crate) output: &'a dyn Output,
    pub(crate) cancel: &'a Cancel,
}

impl Read for Shown<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let done = self.file.done();
        if done > MAX_CONTEXT {
            return Err(io::Error::other(format!("it is larger than {MAX_CONTEXT} bytes")));
        }
        if done >= self.next || count == 0 {
            self.next = done + STEP;
            let total = self.file.length().unwrap_or(0);
            let line = casement_registry::Event::progress(self.file.address().as_str(), self.action, done, total);
            let gone = self.output.show(Event::Progress(progress_line(&line))).is_err();
            if gone || self.cancel.is_set() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(count)
    }
}

/// An error of a registry or of the web as one of a build.
pub(crate) fn failed(error: RegistryError) -> BuildError {
    let kind = match (&error, error.http_status()) {
        (RegistryError::Cancelled, _) => ErrorKind::Cancelled,
        (_, 404) => ErrorKind::NotFound,
        (_, 400) => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    };
    BuildError::new(kind, casement_silo::error_chain(&error))
}
