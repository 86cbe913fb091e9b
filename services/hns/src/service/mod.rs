//! The network service: its objects, and what they are on this host.

mod endpoints;
mod load_balancers;
mod namespaces;
mod networks;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use casement_schema::{Guid, HResult};
use casement_vswitch::{Attachment, Desired, VSwitchError};
use tracing::{info, warn};

use crate::dns::NameServers;
use crate::error::{NetworkError, Result};
use crate::plan;
use crate::record::{Change, EndpointRecord, NamespaceRecord, NetworkRecord};
use crate::state::State;
use crate::store::{Store, When};
use crate::switch::Switch;

pub use endpoints::NewEndpoint;
pub use networks::NetworkUse;

/// The version that `GET /globals/version` answers. It turns on what hcsshim asks for up to IPv6 (11.10), and none of the features
/// of later versions, which are not implemented.
pub const VERSION: (u32, u32) = (11, 10);

/// The network service. One per root, shared by all threads of the daemon.
pub struct NetworkService {
    store: Store,
    switch: Box<dyn Switch>,
    names: NameServers,
    state: Mutex<State>,
}

impl NetworkService {
    /// Opens the service on its database file. Nothing on the host changes before [`NetworkService::begin`].
    ///
    /// Name servers run on `runtime`; without one there are none.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn open(path: &Path, switch: Box<dyn Switch>, runtime: Option<tokio::runtime::Handle>) -> Result<Self> {
        let store = Store::open(path)?;
        let mut state = State::default();
        state.apply(store.all()?.into_iter().map(Change::Put).collect());
        Ok(Self { store, switch, names: NameServers::new(runtime), state: Mutex::new(state) })
    }

    /// Makes the host what the objects say: networks, the endpoints of namespaces that were bound, and nothing else of ours.
    ///
    /// # Errors
    /// When the kernel cannot be asked. What could not be made is told in the log.
    pub fn begin(&self) -> Result<()> {
        let mut state = self.state();
        let mut desired = Desired::default();
        for record in state.networks.values() {
            match plan::network(record) {
                Ok(network) => desired.networks.push(network),
                Err(error) => warn!(network = record.document.name, %error, "a network cannot be made"),
            }
        }
        for record in state.endpoints.values() {
            let Some(namespace) = state.place_of(record) else { continue };
            let network = state.network(&record.document.host_compute_network);
            match network.and_then(|network| plan::endpoint(record, network)) {
                Ok(endpoint) => desired.attachments.push(Attachment { endpoint, namespace: namespace.clone() }),
                Err(error) => warn!(endpoint = %record.document.id, %error, "an endpoint cannot be made"),
            }
        }
        let attached: Vec<Guid> = desired.attachments.iter().map(|attachment| attachment.endpoint.id).collect();
        let done = self.switch.reconcile(desired).map_err(switch_error)?;
        for repair in &done.repairs {
            info!(?repair, "the switch was brought in line");
        }
        for (id, error) in &done.failures {
            warn!(%id, error = error_chain(error), "cannot be made");
            if state.networks.contains_key(id) {
                // To be tried again when it is needed.
                state.unmade.insert(*id, HResult::FAIL);
            }
        }
        for id in attached {
            if let Err(error) = take_ports(&mut state, id) {
                warn!(endpoint = %id, %error, "a published port cannot be kept from others");
            }
        }
        let networks: Vec<NetworkRecord> = state.networks.values().cloned().collect();
        self.names.publish(&state);
        drop(state);
        for network in networks {
            if let Err(error) = self.names.serve(&network) {
                warn!(network = network.document.name, %error, "no name server");
            }
        }
        Ok(())
    }

    /// An identifier that no object has.
    #[must_use]
    pub fn new_id() -> Guid {
        crate::random::guid()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes changes down, and then makes them.
    fn commit(&self, state: &mut State, changes: Vec<Change>, when: When) -> Result<()> {
        self.store.write(&changes, when)?;
        state.apply(changes);
        self.names.publish(state);
        Ok(())
    }

    /// Every network.
    pub fn networks(&self) -> Vec<NetworkRecord> {
        self.state().networks.values().cloned().collect()
    }

    /// One network.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn network(&self, id: &Guid) -> Result<NetworkRecord> {
        self.state().network(id).cloned()
    }

    /// Every endpoint.
    pub fn endpoints(&self) -> Vec<EndpointRecord> {
        self.state().endpoints.values().cloned().collect()
    }

    /// One endpoint.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn endpoint(&self, id: &Guid) -> Result<EndpointRecord> {
        self.state().endpoint(id).cloned()
    }

    /// Every namespace.
    pub fn namespaces(&self) -> Vec<NamespaceRecord> {
        self.state().namespaces.values().cloned().collect()
    }

    /// One namespace.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn namespace(&self, id: &Guid) -> Result<NamespaceRecord> {
        self.state().namespace(id).cloned()
    }

    /// The host's side of networks and endpoints.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn adapters(&self) -> Result<Vec<casement_vswitch::Adapter>> {
        self.switch.adapters().map_err(switch_error)
    }

    /// Counters of an endpoint.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], or when it is not attached.
    pub fn statistics(&self, endpoint: &Guid) -> Result<casement_vswitch::Statistics> {
        self.state().endpoint(endpoint)?;
        self.switch.statistics(*endpoint).map_err(switch_error)
    }
}

/// Takes the published ports of an endpoint, which are chosen already.
fn take_ports(state: &mut State, endpoint: Guid) -> Result<()> {
    let mappings = endpoints::mappings(&state.endpoint(&endpoint)?.document.policies)?;
    for mapping in mappings {
        state.ports.take(endpoint, mapping)?;
    }
    Ok(())
}

fn switch_error(error: VSwitchError) -> NetworkError {
    NetworkError::Switch(error_chain(&error))
}

/// An error with its causes.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The present moment, RFC 3339.
fn now() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}
