//! Errors of the network service (`HCN_E_*`, 0x803b00xx in winerror.h).

use crate::HResult;

macro_rules! hcn_errors {
    ($($variant:ident = $low:literal, $name:literal, $message:literal;)*) => {
        /// An error of the network service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HcnError {
            $(#[doc = $message] $variant = $low,)*
        }

        impl HcnError {
            /// Every error.
            pub const ALL: &[HcnError] = &[$(HcnError::$variant),*];

            /// Name without `HCN_E_`.
            pub const fn name(self) -> &'static str {
                match self { $(HcnError::$variant => $name,)* }
            }

            /// The text that `FormatMessage` gives.
            pub const fn message(self) -> &'static str {
                match self { $(HcnError::$variant => $message,)* }
            }
        }
    };
}

hcn_errors! {
    NetworkNotFound = 0x01, "NETWORK_NOT_FOUND", "The network was not found.";
    EndpointNotFound = 0x02, "ENDPOINT_NOT_FOUND", "The endpoint was not found.";
    LayerNotFound = 0x03, "LAYER_NOT_FOUND", "The network's underlying layer was not found.";
    SwitchNotFound = 0x04, "SWITCH_NOT_FOUND", "The virtual switch was not found.";
    SubnetNotFound = 0x05, "SUBNET_NOT_FOUND", "The network does not have a subnet for this endpoint.";
    AdapterNotFound = 0x06, "ADAPTER_NOT_FOUND", "An adapter was not found.";
    PortNotFound = 0x07, "PORT_NOT_FOUND", "The switch-port was not found.";
    PolicyNotFound = 0x08, "POLICY_NOT_FOUND", "An expected policy was not found.";
    InvalidNetwork = 0x0a, "INVALID_NETWORK", "The network configuration is invalid in some way.";
    InvalidNetworkType = 0x0b, "INVALID_NETWORK_TYPE", "Invalid network type.";
    InvalidEndpoint = 0x0c, "INVALID_ENDPOINT", "The endpoint configuration is invalid in some way.";
    InvalidPolicy = 0x0d, "INVALID_POLICY", "The policy configuration is invalid in some way.";
    InvalidPolicyType = 0x0e, "INVALID_POLICY_TYPE", "Invalid policy type.";
    InvalidRemoteEndpointOperation = 0x0f, "INVALID_REMOTE_ENDPOINT_OPERATION", "This requested operation is invalid for a remote endpoint.";
    NetworkAlreadyExists = 0x10, "NETWORK_ALREADY_EXISTS", "A network with this name already exists.";
    LayerAlreadyExists = 0x11, "LAYER_ALREADY_EXISTS", "A network with this name already exists.";
    PolicyAlreadyExists = 0x12, "POLICY_ALREADY_EXISTS", "Policy information already exists on this object.";
    PortAlreadyExists = 0x13, "PORT_ALREADY_EXISTS", "The specified port already exists.";
    EndpointAlreadyAttached = 0x14, "ENDPOINT_ALREADY_ATTACHED", "This endpoint is already attached to the switch.";
    RequestUnsupported = 0x15, "REQUEST_UNSUPPORTED", "The specified request is unsupported.";
    MappingNotSupported = 0x16, "MAPPING_NOT_SUPPORTED", "Port mapping is not supported on the given network.";
    DegradedOperation = 0x17, "DEGRADED_OPERATION", "There was an operation attempted on a degraded object.";
    GuidConversionFailure = 0x19, "GUID_CONVERSION_FAILURE", "An identifier could not be converted to a GUID.";
    InvalidJson = 0x1b, "INVALID_JSON", "Invalid JSON document string.";
    InvalidJsonReference = 0x1c, "INVALID_JSON_REFERENCE", "A reference is invalid in the JSON document.";
    EndpointSharingDisabled = 0x1d, "ENDPOINT_SHARING_DISABLED", "Endpoint sharing is disabled.";
    InvalidIp = 0x1e, "INVALID_IP", "IP address is either invalid or not part of any configured subnet(s).";
    EndpointNamespaceAlreadyExists = 0x2b, "ENDPOINT_NAMESPACE_ALREADY_EXISTS", "The endpoint is already in a namespace.";
    EntityHasReferences = 0x2c, "ENTITY_HAS_REFERENCES", "The object has references to it and cannot be deleted.";
    InvalidInternalPort = 0x2d, "INVALID_INTERNAL_PORT", "The internal port must be non-zero.";
    NamespaceAttachFailed = 0x2e, "NAMESPACE_ATTACH_FAILED", "The namespace could not be attached.";
    AddressInvalidOrReserved = 0x2f, "ADDR_INVALID_OR_RESERVED", "The address is invalid or reserved.";
    InvalidPrefix = 0x30, "INVALID_PREFIX", "The prefix is invalid.";
    InvalidSubnet = 0x32, "INVALID_SUBNET", "The subnet is invalid.";
    InvalidIpSubnet = 0x33, "INVALID_IP_SUBNET", "The IP subnet is invalid.";
    EndpointNotAttached = 0x34, "ENDPOINT_NOT_ATTACHED", "The endpoint is not attached to the switch.";
    EndpointNotLocal = 0x35, "ENDPOINT_NOT_LOCAL", "The endpoint is not local.";
}

impl HcnError {
    /// The HRESULT.
    pub const fn hresult(self) -> HResult {
        HResult(0x803b_0000 | self as u32)
    }

    /// The error with this HRESULT.
    pub fn from_hresult(code: HResult) -> Option<HcnError> {
        HcnError::ALL.iter().copied().find(|error| error.hresult() == code)
    }
}

impl From<HcnError> for HResult {
    fn from(error: HcnError) -> HResult {
        error.hresult()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_clients_compare_with() {
        assert_eq!(HcnError::PortAlreadyExists.hresult().to_string(), "0x803b0013");
        assert_eq!(HcnError::from_hresult(HResult(0x803b_0001)), Some(HcnError::NetworkNotFound));
        assert_eq!(HcnError::from_hresult(HResult(0x803b_0000)), None);
    }
}
