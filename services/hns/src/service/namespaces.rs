//! Namespaces: which endpoints a silo has.

use std::os::fd::OwnedFd;

use casement_schema::hcn::{
    HcnError, HostComputeNamespace, ModifyNamespaceSettingRequest, ModifyRequestType, NamespaceContainerRequest,
    NamespaceEndpointRequest, NamespaceResource,
};
use casement_schema::{Guid, Version};
use casement_vswitch::Namespace;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::endpoints::NewEndpoint;
use super::{NetworkService, switch_error};
use crate::error::{NetworkError, Result};
use crate::plan;
use crate::random;
use crate::record::{Change, EndpointRecord, NamespaceRecord, Object};
use crate::state::State;
use crate::store::When;
use crate::switch::Switch;

impl NetworkService {
    /// Makes a namespace without resources.
    ///
    /// # Errors
    /// When it exists, or cannot be written down.
    pub fn create_namespace(&self, document: HostComputeNamespace) -> Result<NamespaceRecord> {
        let mut state = self.state();
        let record = plan_namespace(&state, document)?;
        self.commit(&mut state, vec![Change::Put(Object::Namespace(record.clone()))], When::Now)?;
        Ok(record)
    }

    /// Makes a namespace for a container, with its endpoints, each in the network that comes with it; all of it or nothing. An
    /// identifier that is null is chosen.
    ///
    /// # Errors
    /// As [`NetworkService::create_endpoint`].
    pub fn create_container_namespace(
        &self,
        id: Guid,
        owner: &str,
        container: &str,
        endpoints: Vec<(Guid, NewEndpoint)>,
    ) -> Result<(Guid, Vec<EndpointRecord>)> {
        let mut state = self.state();
        let document = HostComputeNamespace {
            id,
            owner: owner.to_owned(),
            resources: vec![NamespaceResource::Container { id: container.to_owned() }],
            ..HostComputeNamespace::default()
        };
        let mut namespace = plan_namespace(&state, document)?;
        let id = namespace.document.id;
        let mut made: Vec<EndpointRecord> = Vec::new();
        let mut changes = Vec::new();
        let mut failure = None;
        for (number, (network, mut new)) in endpoints.into_iter().enumerate() {
            new.document.host_compute_namespace = id;
            new.document.owner = owner.to_owned();
            match self.plan_endpoint(&mut state, &network, new, &made) {
                Ok((mut record, more)) => {
                    record.adapter = u16::try_from(number).unwrap_or(u16::MAX);
                    namespace.document.resources.push(NamespaceResource::Endpoint { id: record.document.id });
                    changes.extend(more);
                    changes.push(Change::Put(Object::Endpoint(record.clone())));
                    made.push(record);
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        changes.push(Change::Put(Object::Namespace(namespace)));
        let done = match failure {
            None => self.commit(&mut state, changes, When::Now),
            Some(error) => Err(error),
        };
        if let Err(error) = done {
            for record in &made {
                state.ports.release(record.document.id);
            }
            return Err(error);
        }
        Ok((id, made))
    }

    /// Says which namespace of the kernel a namespace is, and makes its endpoints there.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], or what kept an endpoint from being made; none is there then.
    pub fn bind_namespace(&self, id: &Guid, kernel: OwnedFd) -> Result<()> {
        let mut state = self.state();
        let record = state.namespace(id)?.clone();
        state.live.insert(*id, Namespace::from(kernel));
        let mut made = Vec::new();
        for endpoint in record.endpoints() {
            let attached = state.endpoint(&endpoint).cloned().and_then(|endpoint| self.attach(&mut state, &endpoint));
            match attached {
                Ok(()) => made.push(endpoint),
                Err(error) => {
                    for endpoint in made {
                        if let Err(error) = self.switch.detach(endpoint) {
                            warn!(%endpoint, %error, "cannot be taken off the switch again");
                        }
                    }
                    state.live.remove(id);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// As [`NetworkService::bind_namespace`], before [`NetworkService::begin`], which makes what is missing.
    pub fn bind_running_namespace(&self, id: &Guid, kernel: OwnedFd) {
        self.state().live.insert(*id, Namespace::from(kernel));
    }

    /// Removes a namespace that ends with its endpoints. One that does not exist is removed already.
    ///
    /// # Errors
    /// Everything that could not be removed.
    pub fn remove_namespace(&self, id: &Guid) -> Result<()> {
        let mut state = self.state();
        let Some(record) = state.namespaces.get(id) else { return Ok(()) };
        let endpoints: Vec<Guid> = record.endpoints().collect();
        self.remove_endpoints(&mut state, &endpoints, Switch::release, vec![Change::Remove(*id)])
    }

    /// Removes a namespace; its endpoints stay without one.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], or what could not be removed.
    pub fn delete_namespace(&self, id: &Guid) -> Result<()> {
        let mut state = self.state();
        let endpoints: Vec<Guid> = state.namespace(id)?.endpoints().collect();
        let mut changes = vec![Change::Remove(*id)];
        for endpoint in endpoints {
            self.switch.detach(endpoint).map_err(switch_error)?;
            changes.extend(without_namespace(&state, &endpoint));
        }
        self.commit(&mut state, changes, When::Now)
    }

    /// Adds resources to a namespace or takes them out.
    ///
    /// # Errors
    /// [`NetworkError::NotFound`], [`NetworkError::Refused`], or what kept an endpoint from being made.
    pub fn modify_namespace(&self, id: &Guid, request: &ModifyNamespaceSettingRequest) -> Result<()> {
        let is_addition = match request.request_type {
            ModifyRequestType::Add => true,
            ModifyRequestType::Remove => false,
            other => {
                return Err(NetworkError::refused(
                    HcnError::RequestUnsupported,
                    format!("a namespace knows no {other:?}"),
                ));
            }
        };
        match request.resource_type.to_ascii_lowercase().as_str() {
            "endpoint" => {
                let endpoint = settings::<NamespaceEndpointRequest>(request)?.endpoint_id;
                if is_addition { self.add_to_namespace(id, &endpoint) } else { self.take_from_namespace(id, &endpoint) }
            }
            "container" => {
                let container = settings::<NamespaceContainerRequest>(request)?.container_id;
                self.change_containers(id, container, is_addition)
            }
            other => Err(NetworkError::refused(
                HcnError::RequestUnsupported,
                format!("a namespace has no {other} to change"),
            )),
        }
    }

    fn add_to_namespace(&self, id: &Guid, endpoint: &Guid) -> Result<()> {
        let mut state = self.state();
        let mut namespace = state.namespace(id)?.clone();
        let mut record = state.endpoint(endpoint)?.clone();
        if record.document.host_compute_namespace != Guid::NULL {
            return Err(NetworkError::refused(
                HcnError::EndpointNamespaceAlreadyExists,
                format!("endpoint {endpoint}"),
            ));
        }
        record.adapter = super::endpoints::free_adapter(&state, *id);
        record.document.host_compute_namespace = *id;
        record.document.version += 1;
        plan::endpoint(&record, state.network(&record.document.host_compute_network)?)?;
        namespace.document.resources.push(NamespaceResource::Endpoint { id: *endpoint });
        namespace.document.version += 1;
        let changes = vec![Change::Put(Object::Namespace(namespace)), Change::Put(Object::Endpoint(record.clone()))];
        self.commit(&mut state, changes, When::Now)?;
        let attached = self.attach(&mut state, &record);
        if attached.is_err() {
            let changes = without_namespace(&state, endpoint).into_iter().chain(without_endpoint(&state, id, endpoint));
            self.commit(&mut state, changes.collect(), When::Now)?;
        }
        attached
    }

    fn take_from_namespace(&self, id: &Guid, endpoint: &Guid) -> Result<()> {
        let mut state = self.state();
        let namespace = state.namespace(id)?;
        if !namespace.endpoints().any(|inside| inside == *endpoint) {
            return Err(NetworkError::not_found("endpoint", endpoint));
        }
        self.switch.detach(*endpoint).map_err(switch_error)?;
        let changes = without_namespace(&state, endpoint).into_iter().chain(without_endpoint(&state, id, endpoint));
        let changes = changes.collect();
        self.commit(&mut state, changes, When::Now)
    }

    fn change_containers(&self, id: &Guid, container: String, is_addition: bool) -> Result<()> {
        let mut state = self.state();
        let mut record = state.namespace(id)?.clone();
        let resource = NamespaceResource::Container { id: container };
        let is_there = record.document.resources.contains(&resource);
        match (is_addition, is_there) {
            (true, true) => return Ok(()),
            (true, false) => record.document.resources.push(resource),
            (false, true) => record.document.resources.retain(|other| *other != resource),
            (false, false) => {
                return Err(NetworkError::NotFound { kind: "container", id: format!("of namespace {id}") });
            }
        }
        record.document.version += 1;
        self.commit(&mut state, vec![Change::Put(Object::Namespace(record))], When::Now)
    }
}

fn settings<T: DeserializeOwned>(request: &ModifyNamespaceSettingRequest) -> Result<T> {
    serde_json::from_value(request.settings.clone())
        .map_err(|error| NetworkError::refused(HcnError::InvalidJson, error.to_string()))
}

fn plan_namespace(state: &State, mut document: HostComputeNamespace) -> Result<NamespaceRecord> {
    if document.id == Guid::NULL {
        document.id = random::guid();
    } else if state.namespaces.contains_key(&document.id) {
        let detail = format!("namespace {} exists", document.id);
        return Err(NetworkError::refused(HcnError::NamespaceAttachFailed, detail));
    }
    let taken = |number: &u32| state.namespaces.values().any(|record| record.document.namespace_id == *number);
    // The host's own compartment is 1.
    document.namespace_id = (2..u32::MAX).find(|number| !taken(number)).unwrap_or(u32::MAX);
    document.version = 1;
    document.schema_version = Some(Version { major: 2, minor: 0 });
    Ok(NamespaceRecord { document })
}

/// An endpoint without its namespace.
fn without_namespace(state: &State, endpoint: &Guid) -> Option<Change> {
    let mut record = state.endpoints.get(endpoint)?.clone();
    record.document.host_compute_namespace = Guid::NULL;
    record.document.version += 1;
    record.adapter = 0;
    Some(Change::Put(Object::Endpoint(record)))
}

/// A namespace without one of its endpoints.
fn without_endpoint(state: &State, namespace: &Guid, endpoint: &Guid) -> Option<Change> {
    let mut record = state.namespaces.get(namespace)?.clone();
    let gone = NamespaceResource::Endpoint { id: *endpoint };
    record.document.resources.retain(|resource| *resource != gone);
    record.document.version += 1;
    Some(Change::Put(Object::Namespace(record)))
}
