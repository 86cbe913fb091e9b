//! What the service needs of the virtual switch, as a trait, so that its logic is tested without a kernel.

use casement_schema::Guid;
use casement_vswitch::{
    Adapter, Desired, Endpoint, Namespace, Network, Prefix, Reconciled, Statistics, VSwitch, VSwitchError,
};

/// A virtual switch.
pub trait Switch: Send + Sync {
    /// Makes a network. On failure nothing of it is left.
    ///
    /// # Errors
    /// When the description contradicts itself, or the kernel refuses.
    fn create_network(&self, network: Network) -> Result<(), VSwitchError>;
    /// Removes a network without endpoints; one that is not there is no error.
    ///
    /// # Errors
    /// Everything that could not be removed.
    fn delete_network(&self, network: Guid) -> Result<(), VSwitchError>;
    /// Makes an endpoint's port and its adapter in `namespace`. On failure nothing of it is left.
    ///
    /// # Errors
    /// When the description contradicts itself, or the kernel refuses.
    fn attach(&self, endpoint: Endpoint, namespace: &Namespace) -> Result<(), VSwitchError>;
    /// Removes an endpoint's port; one that is not there is no error.
    ///
    /// # Errors
    /// Everything that could not be removed.
    fn detach(&self, endpoint: Guid) -> Result<(), VSwitchError>;
    /// As [`Switch::detach`], for an endpoint whose namespace ends: its interfaces may go a little later.
    ///
    /// # Errors
    /// Everything that could not be removed.
    fn release(&self, endpoint: Guid) -> Result<(), VSwitchError>;
    /// Changes the policies of an attached endpoint.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn modify(&self, endpoint: Endpoint) -> Result<(), VSwitchError>;
    /// Makes the host what `desired` says.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    fn reconcile(&self, desired: Desired) -> Result<Reconciled, VSwitchError>;
    /// Counters of an attached endpoint.
    ///
    /// # Errors
    /// When it is not attached.
    fn statistics(&self, endpoint: Guid) -> Result<Statistics, VSwitchError>;
    /// The host's side of networks and endpoints.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    fn adapters(&self) -> Result<Vec<Adapter>, VSwitchError>;
    /// Ranges that the host has a route to or an address in.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    fn host_prefixes(&self) -> Result<Vec<Prefix>, VSwitchError>;
}

impl Switch for VSwitch {
    fn create_network(&self, network: Network) -> Result<(), VSwitchError> {
        self.create_network(network)
    }

    fn delete_network(&self, network: Guid) -> Result<(), VSwitchError> {
        self.delete_network(network)
    }

    fn attach(&self, endpoint: Endpoint, namespace: &Namespace) -> Result<(), VSwitchError> {
        self.attach(endpoint, namespace)
    }

    fn detach(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        self.detach(endpoint)
    }

    fn release(&self, endpoint: Guid) -> Result<(), VSwitchError> {
        self.release(endpoint)
    }

    fn modify(&self, endpoint: Endpoint) -> Result<(), VSwitchError> {
        self.modify(endpoint)
    }

    fn reconcile(&self, desired: Desired) -> Result<Reconciled, VSwitchError> {
        self.reconcile(desired)
    }

    fn statistics(&self, endpoint: Guid) -> Result<Statistics, VSwitchError> {
        self.statistics(endpoint)
    }

    fn adapters(&self) -> Result<Vec<Adapter>, VSwitchError> {
        self.adapters()
    }

    fn host_prefixes(&self) -> Result<Vec<Prefix>, VSwitchError> {
        self.host_prefixes()
    }
}
