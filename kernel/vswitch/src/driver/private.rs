//! The private network: endpoints alone. The host has no address on it.

use crate::capabilities::Capabilities;
use crate::driver::{Driver, Released, Verified, bridge};
use crate::endpoint::Endpoint;
use crate::error::VSwitchError;
use crate::filter::Fragment;
use crate::host::Host;
use crate::name::CLOSED_GROUP;
use crate::network::Network;
use crate::reconcile::Attachment;

pub(super) struct Private;

impl Driver for Private {
    fn validate(&self, network: &Network, capabilities: &Capabilities) -> Result<(), VSwitchError> {
        bridge::validate(network, capabilities)?;
        if network.gateways().next().is_some() || !network.host_services.is_empty() {
            let reason = "a private network is without the host: leave the gateway and the host services out";
            return Err(VSwitchError::InvalidNetwork { network: network.id, reason });
        }
        Ok(())
    }

    fn validate_endpoint(&self, network: &Network, endpoint: &Endpoint) -> Result<(), VSwitchError> {
        bridge::validate_closed_endpoint(network, endpoint)
    }

    fn network_fragment(&self, network: &Network) -> Fragment {
        bridge::network_fragment(network)
    }

    fn endpoint_fragment(&self, _: &Network, endpoint: &Endpoint, capabilities: &Capabilities) -> Fragment {
        bridge::endpoint_fragment(endpoint, capabilities)
    }

    fn setup(&self, host: &mut Host, network: &Network) -> Result<bool, VSwitchError> {
        bridge::setup(host, network, CLOSED_GROUP, &Default::default())
    }

    fn attach(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<(), VSwitchError> {
        bridge::attach(host, network, attachment)
    }

    fn verify(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Result<Verified, VSwitchError> {
        bridge::verify(host, network, attachment)
    }

    fn modify(&self, host: &mut Host, old: &Endpoint, new: &Attachment) -> Result<(), VSwitchError> {
        bridge::modify(host, old, new)
    }

    fn release(&self, host: &mut Host, network: &Network, attachment: &Attachment) -> Released {
        bridge::release(host, network, attachment)
    }

    fn teardown(&self, host: &mut Host, network: &Network, _: bool) -> Vec<VSwitchError> {
        bridge::teardown(host, network)
    }
}
