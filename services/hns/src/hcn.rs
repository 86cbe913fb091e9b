//! The functions of computenetwork.dll, as calls with JSON: `HcnCreateNetwork`, `HcnEnumerateEndpoints`, ….
//!
//! A call has the identifier that the function takes (a handle is the identifier of what was opened), the query or the settings; the
//! answer has what the function gives out, or the error document.

use casement_schema::hcn::{HcnError, HostComputeEndpoint, HostComputeNetwork, HostComputeQuery};
use casement_schema::hns::{HnsEndpoint, HnsNetwork};
use casement_schema::{Guid, HResult};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{NetworkError, Result};
use crate::service::{NetworkService, NewEndpoint};
use crate::v1::{endpoint_of, guid, network_of, parse};

/// The arguments of a function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HcnCall {
    /// The identifier; null or all zero where one is to be chosen.
    pub id: String,
    /// The network of an endpoint that is made.
    pub network: String,
    /// Settings or query, as an object or as text.
    pub settings: Value,
}

impl HcnCall {
    fn id(&self) -> Result<Guid> {
        if self.id.is_empty() { Ok(Guid::NULL) } else { guid(&self.id) }
    }

    fn settings(&self) -> Value {
        match self.settings.as_str() {
            Some("") => json!({}),
            Some(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            None if self.settings.is_null() => json!({}),
            None => self.settings.clone(),
        }
    }

    fn document<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        parse(self.settings().to_string().as_bytes())
    }
}

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Network,
    Endpoint,
    Namespace,
    LoadBalancer,
    SdnRoute,
}

const KINDS: [(&str, Kind); 5] = [
    ("Network", Kind::Network),
    ("Endpoint", Kind::Endpoint),
    ("Namespace", Kind::Namespace),
    ("LoadBalancer", Kind::LoadBalancer),
    ("SdnRoute", Kind::SdnRoute),
];

impl NetworkService {
    /// Calls a function by its name. The answer is `{Success, Output}`, or the error document.
    pub fn hcn(&self, function: &str, body: &[u8]) -> Value {
        match parse(body).and_then(|call| self.function(function, &call)) {
            Ok(output) => json!({ "Success": true, "Output": output }),
            Err(error) => error.document(),
        }
    }

    fn function(&self, function: &str, call: &HcnCall) -> Result<Value> {
        let unknown =
            || NetworkError::refused(HcnError::RequestUnsupported, format!("there is no function {function}"));
        let name = function.strip_prefix("Hcn").ok_or_else(unknown)?;
        let find = |name: &str| KINDS.iter().find(|(kind, _)| *kind == name).map(|(_, kind)| *kind).ok_or_else(unknown);
        if let Some(kind) = name.strip_prefix("Enumerate") {
            return self.enumerate(find(kind.strip_suffix('s').ok_or_else(unknown)?)?, &call.document()?);
        }
        if let Some(kind) = name.strip_prefix("Query").and_then(|rest| rest.strip_suffix("Properties")) {
            return self.query(find(kind)?, &call.id()?);
        }
        if let Some(kind) = name.strip_prefix("Open") {
            return self.query(find(kind)?, &call.id()?).map(|found| json!({ "ID": found["ID"] }));
        }
        if let Some(kind) = name.strip_prefix("Close") {
            return find(kind).map(|_| Value::Null);
        }
        if let Some(kind) = name.strip_prefix("Create") {
            return self.create(find(kind)?, call);
        }
        if let Some(kind) = name.strip_prefix("Modify") {
            return self.modify(find(kind)?, call);
        }
        if let Some(kind) = name.strip_prefix("Delete") {
            return self.delete(find(kind)?, &call.id()?);
        }
        Err(unknown())
    }

    fn all(&self, kind: Kind) -> Vec<Value> {
        match kind {
            Kind::Network => self.networks().iter().map(|record| json!(record.document)).collect(),
            Kind::Endpoint => self.endpoints().iter().map(|record| json!(record.document)).collect(),
            Kind::Namespace => self.namespaces().iter().map(|record| json!(record.document)).collect(),
            Kind::LoadBalancer => self.load_balancers().iter().map(|document| json!(document)).collect(),
            Kind::SdnRoute => self.routes().iter().map(|document| json!(document)).collect(),
        }
    }

    /// Identifiers of the objects that have what the filter says.
    fn enumerate(&self, kind: Kind, query: &HostComputeQuery) -> Result<Value> {
        let filter: Value = match query.filter.as_str() {
            "" => json!({}),
            text => serde_json::from_str(text)
                .map_err(|error| NetworkError::refused(HcnError::InvalidJson, format!("filter: {error}")))?,
        };
        let wanted = filter.as_object().cloned().unwrap_or_default();
        let fits = |object: &Value| {
            wanted.iter().all(|(name, value)| {
                let name = if name == "VirtualNetwork" { "HostComputeNetwork" } else { name };
                match (object[name].as_str(), value.as_str()) {
                    (Some(have), Some(want)) => have.eq_ignore_ascii_case(want),
                    _ => object[name] == *value,
                }
            })
        };
        Ok(self.all(kind).iter().filter(|object| fits(object)).map(|object| object["ID"].clone()).collect())
    }

    fn query(&self, kind: Kind, id: &Guid) -> Result<Value> {
        match kind {
            Kind::Network => {
                let mut document = json!(self.network(id)?.document);
                document["Health"] = json!({ "Data": null, "Extra": { "Resources": {}, "SwitchGuid": id } });
                Ok(document)
            }
            Kind::Endpoint => {
                let record = self.endpoint(id)?;
                let namespace = self.namespace(&record.document.host_compute_namespace).ok();
                let containers: Vec<&str> =
                    namespace.iter().flat_map(crate::record::NamespaceRecord::containers).collect();
                let mut document = json!(record.document);
                document["Health"] =
                    json!({ "Data": null, "Extra": { "Resources": {}, "SharedContainers": containers } });
                Ok(document)
            }
            Kind::Namespace => Ok(json!(self.namespace(id)?.document)),
            Kind::LoadBalancer => Ok(json!(self.load_balancer(id)?)),
            Kind::SdnRoute => Ok(json!(self.route(id)?)),
        }
    }

    fn create(&self, kind: Kind, call: &HcnCall) -> Result<Value> {
        let id = call.id()?;
        let settings = call.settings();
        let id = match kind {
            Kind::Network => {
                let is_v1 = settings.get("Subnets").is_some() || settings.get("MacPools").is_some();
                let mut document: HostComputeNetwork =
                    if is_v1 { network_of(call.document::<HnsNetwork>()?)? } else { call.document()? };
                document.id = if id == Guid::NULL { document.id } else { id };
                self.create_network(document)?.document.id
            }
            Kind::Endpoint => {
                let is_v1 = settings.get("VirtualNetwork").is_some() || settings.get("IPAddress").is_some();
                let (mut document, network): (HostComputeEndpoint, Guid) = if is_v1 {
                    let endpoint: HnsEndpoint = call.document()?;
                    let network = guid(&endpoint.virtual_network).unwrap_or_default();
                    (endpoint_of(endpoint)?, network)
                } else {
                    let document: HostComputeEndpoint = call.document()?;
                    let network = document.host_compute_network;
                    (document, network)
                };
                let network = if call.network.is_empty() { network } else { guid(&call.network)? };
                document.id = if id == Guid::NULL { document.id } else { id };
                // A namespace takes endpoints in by itself.
                document.host_compute_namespace = Guid::NULL;
                self.create_endpoint(&network, NewEndpoint { document, ..NewEndpoint::default() })?.document.id
            }
            Kind::Namespace => {
                let mut document: casement_schema::hcn::HostComputeNamespace = call.document()?;
                document.id = if id == Guid::NULL { document.id } else { id };
                document.resources.clear();
                self.create_namespace(document)?.document.id
            }
            Kind::LoadBalancer => {
                let mut document: casement_schema::hcn::HostComputeLoadBalancer = call.document()?;
                document.id = if id == Guid::NULL { document.id } else { id };
                self.put_load_balancer(document)?.id
            }
            Kind::SdnRoute => {
                let mut document: casement_schema::hcn::HostComputeRoute = call.document()?;
                document.id = if id == Guid::NULL { document.id } else { id };
                self.put_route(document)?.id
            }
        };
        Ok(json!({ "ID": id }))
    }

    fn modify(&self, kind: Kind, call: &HcnCall) -> Result<Value> {
        let id = call.id()?;
        match kind {
            Kind::Network => self.modify_network(&id, &call.document()?)?,
            Kind::Endpoint => self.modify_endpoint(&id, &call.document()?)?,
            Kind::Namespace => self.modify_namespace(&id, &call.document()?)?,
            Kind::LoadBalancer => {
                self.load_balancer(&id)?;
                let mut document: casement_schema::hcn::HostComputeLoadBalancer = call.document()?;
                document.id = id;
                self.put_load_balancer(document)?;
            }
            Kind::SdnRoute => {
                return Err(NetworkError::refused(HcnError::RequestUnsupported, HResult::NOT_IMPLEMENTED.describe()));
            }
        }
        Ok(Value::Null)
    }

    fn delete(&self, kind: Kind, id: &Guid) -> Result<Value> {
        match kind {
            Kind::Network => self.delete_network(id)?,
            Kind::Endpoint => self.delete_endpoint(id)?,
            Kind::Namespace => self.delete_namespace(id)?,
            Kind::LoadBalancer | Kind::SdnRoute => self.delete_policy_list(id)?,
        }
        Ok(Value::Null)
    }
}
