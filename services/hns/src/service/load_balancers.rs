//! Load balancers and routes: kept as documents. The switch does not make them yet, as no type of network that can be made uses
//! them.

use casement_schema::hcn::{HcnError, HostComputeLoadBalancer, HostComputeRoute};
use casement_schema::{Guid, Version};

use super::NetworkService;
use crate::error::{NetworkError, Result};
use crate::random;
use crate::record::{Change, Object};
use crate::state::State;
use crate::store::When;

impl NetworkService {
    /// Every load balancer.
    pub fn load_balancers(&self) -> Vec<HostComputeLoadBalancer> {
        self.state().load_balancers.values().cloned().collect()
    }

    /// One load balancer.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn load_balancer(&self, id: &Guid) -> Result<HostComputeLoadBalancer> {
        let state = self.state();
        state.load_balancers.get(id).cloned().ok_or_else(|| NetworkError::not_found("load balancer", id))
    }

    /// Keeps a load balancer, in place of the one with its identifier.
    ///
    /// # Errors
    /// [`NetworkError::Refused`] when it names endpoints that do not exist, or has no ports.
    pub fn put_load_balancer(&self, mut document: HostComputeLoadBalancer) -> Result<HostComputeLoadBalancer> {
        let mut state = self.state();
        check_references(&state, &document.host_compute_endpoints)?;
        if document.port_mappings.iter().any(|mapping| mapping.internal_port == 0) {
            return Err(NetworkError::refused(HcnError::InvalidInternalPort, "load balancer"));
        }
        let before = state.load_balancers.get(&document.id);
        document.version = before.map_or(1, |before| before.version + 1);
        if document.id == Guid::NULL {
            document.id = random::guid();
        }
        document.schema_version = Some(Version { major: 2, minor: 0 });
        self.commit(&mut state, vec![Change::Put(Object::LoadBalancer(document.clone()))], When::Now)?;
        Ok(document)
    }

    /// Every route.
    pub fn routes(&self) -> Vec<HostComputeRoute> {
        self.state().routes.values().cloned().collect()
    }

    /// One route.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn route(&self, id: &Guid) -> Result<HostComputeRoute> {
        self.state().routes.get(id).cloned().ok_or_else(|| NetworkError::not_found("route", id))
    }

    /// Keeps a route, in place of the one with its identifier.
    ///
    /// # Errors
    /// [`NetworkError::Refused`] when it names endpoints that do not exist.
    pub fn put_route(&self, mut document: HostComputeRoute) -> Result<HostComputeRoute> {
        let mut state = self.state();
        check_references(&state, &document.host_compute_endpoints)?;
        document.version = state.routes.get(&document.id).map_or(1, |before| before.version + 1);
        if document.id == Guid::NULL {
            document.id = random::guid();
        }
        document.schema_version = Some(Version { major: 2, minor: 0 });
        self.commit(&mut state, vec![Change::Put(Object::Route(document.clone()))], When::Now)?;
        Ok(document)
    }

    /// Removes a load balancer or a route.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`].
    pub fn delete_policy_list(&self, id: &Guid) -> Result<()> {
        let mut state = self.state();
        if !state.load_balancers.contains_key(id) && !state.routes.contains_key(id) {
            return Err(NetworkError::not_found("policy list", id));
        }
        self.commit(&mut state, vec![Change::Remove(*id)], When::Now)
    }
}

fn check_references(state: &State, endpoints: &[Guid]) -> Result<()> {
    match endpoints.iter().find(|id| !state.endpoints.contains_key(id)) {
        None => Ok(()),
        Some(id) => Err(NetworkError::refused(HcnError::InvalidJsonReference, format!("endpoint {id} does not exist"))),
    }
}
