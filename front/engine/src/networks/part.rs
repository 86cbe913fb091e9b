//! The network service of a host that may get what networks need only after the daemon has started.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use casement_hns::NetworkService;
use tracing::{info, warn};

use super::NetworkPart;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// What opens the service.
type Open = dyn Fn() -> Result<NetworkPart> + Send + Sync;
/// What else is done with a service that is there.
type Share = dyn Fn(Arc<NetworkService>) + Send + Sync;

/// The network service, or why this host has none.
pub(crate) struct Networks {
    service: OnceLock<Arc<NetworkService>>,
    /// Why there is none. Held while it is tried again.
    reason: Mutex<String>,
    open: Box<Open>,
    share: OnceLock<Box<Share>>,
}

impl Networks {
    /// Opens the service if this host has what it needs.
    pub(crate) fn open(open: Box<Open>) -> Result<Self> {
        let (service, reason) = (OnceLock::new(), Mutex::default());
        match open()? {
            Ok(opened) => drop(service.set(opened)),
            Err(missing) => {
                warn!(
                    reason = missing,
                    "containers run with loopback only, until this host has it (line \"networks\" of casement doctor)"
                );
                *reason.lock().unwrap_or_else(PoisonError::into_inner) = missing;
            }
        }
        Ok(Self { service, reason, open, share: OnceLock::new() })
    }

    /// The service, or why there is none.
    pub(crate) fn service(&self) -> std::result::Result<&Arc<NetworkService>, String> {
        let reason = || self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.service.get().ok_or_else(reason)
    }
}

impl Engine {
    /// The network service.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when this host has none.
    pub fn network_service(&self) -> Result<&Arc<NetworkService>> {
        self.networks.service().map_err(|reason| Error::Unavailable(format!("there are no networks: {reason}")))
    }

    /// Hands the network service over once it is there. Only the first call counts.
    pub fn share_networks(&self, share: impl Fn(Arc<NetworkService>) + Send + Sync + 'static) {
        // Not while it is being tried again.
        let _reason = self.networks.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let share = self.networks.share.get_or_init(|| Box::new(share));
        if let Some(service) = self.networks.service.get() {
            share(service.clone());
        }
    }

    /// Tries again to have networks, if there are none, for somebody who needs one.
    pub(crate) fn need_networks(&self) {
        if self.networks.service.get().is_some() {
            return;
        }
        let mut reason = self.networks.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if self.networks.service.get().is_some() {
            return;
        }
        match (self.networks.open)() {
            Ok(Ok(service)) => {
                info!("there are networks after all");
                let _ = self.networks.service.set(service.clone());
                if let Err(error) = self.rejoin_networks() {
                    warn!(%error, "the networks of containers that run cannot be found again");
                }
                if let Some(share) = self.networks.share.get() {
                    share(service);
                }
            }
            Ok(Err(missing)) => *reason = missing,
            Err(error) => *reason = error.to_string(),
        }
    }
}
