//! The adapter of an endpoint inside its namespace: addresses, routes, bandwidth, and the policies that hold there.

use crate::address::Prefix;
use crate::capabilities::Shaper;
use crate::driver::Verified;
use crate::endpoint::{Endpoint, Route};
use crate::error::VSwitchError;
use crate::host::Host;
use crate::namespace::Namespace;
use crate::netlink::Socket;
use crate::nftables::dump;
use crate::nftables::table::Family;
use crate::nftables::transaction::Transaction;
use crate::policy;
use crate::route;

/// The loopback interface is the first of every namespace.
const LOOPBACK: u32 = 1;

/// Sets everything up and returns a socket of the namespace; can be repeated.
pub(crate) fn configure(host: &Host, endpoint: &Endpoint, namespace: &Namespace) -> Result<Socket, VSwitchError> {
    let failed = |action| VSwitchError::kernel(action, of(endpoint));
    // Before the adapter is up.
    write_policies(endpoint, namespace, false)?;
    let mut socket = namespace.run(Socket::route)?.map_err(failed("reach"))?;
    let link = route::link(&mut socket, endpoint.interface.as_str()).map_err(failed("look for"))?;
    let index = link.ok_or(VSwitchError::EndpointNotFound(endpoint.id))?.index;
    let mut messages = vec![route::set_up(LOOPBACK), route::set_up_plain(index, host.capabilities.ipv6, false)];
    messages.extend(crate::driver::addresses_of(endpoint).iter().map(|address| route::new_address(index, *address)));
    messages.extend(routes_of(endpoint).iter().map(|described| route::new_route(index, described)));
    if let Some(rate) = shaped(host, endpoint) {
        messages.push(route::new_token_bucket(index, rate));
    }
    socket.exchange_all(&mut messages).map_err(failed("set up"))?;
    Ok(socket)
}

/// Compares the adapter with its description and puts it right.
pub(crate) fn verify(host: &Host, endpoint: &Endpoint, namespace: &Namespace) -> Result<Verified, VSwitchError> {
    let failed = |action| VSwitchError::kernel(action, of(endpoint));
    let mut socket = namespace.run(Socket::route)?.map_err(failed("reach"))?;
    let link = route::link(&mut socket, endpoint.interface.as_str()).map_err(failed("look for"))?;
    let Some(link) = link.filter(|link| link.mac == Some(endpoint.mac) && link.kind == "veth") else {
        return Ok(Verified::Broken);
    };
    let addresses = route::addresses(&mut socket).map_err(failed("list the addresses of"))?;
    let routes = route::routes(&mut socket).map_err(failed("list the routes of"))?;
    let mut right = link.is_up
        && crate::driver::addresses_of(endpoint).iter().all(|address| addresses.contains(&(link.index, *address)))
        && routes_of(endpoint).iter().all(|described| {
            routes.iter().any(|(index, there)| {
                *index == link.index
                    && there.destination == described.destination
                    && there.next_hop == described.next_hop
                    && (described.metric.is_none() || there.metric == described.metric)
            })
        });
    if let Some(rate) = shaped(host, endpoint) {
        right &= route::token_bucket(&mut socket, link.index).map_err(failed("list the queues of"))? == Some(rate);
    }
    if let Some(table) = policy::host_table(endpoint) {
        let mut socket = namespace.run(Socket::netfilter)?.map_err(failed("reach the policies of"))?;
        right &= dump::is_as_described(&mut socket, &table).map_err(failed("list the policies of"))?;
    }
    if right {
        return Ok(Verified::Right);
    }
    configure(host, endpoint, namespace)?;
    Ok(Verified::Mended)
}

/// Changes bandwidth and policies.
pub(crate) fn modify(host: &Host, old: &Endpoint, new: &Endpoint, namespace: &Namespace) -> Result<(), VSwitchError> {
    let failed = |action| VSwitchError::kernel(action, of(new));
    let (before, after) = (shaped(host, old), shaped(host, new));
    if before != after {
        let mut socket = namespace.run(Socket::route)?.map_err(failed("reach"))?;
        let link = route::link(&mut socket, new.interface.as_str()).map_err(failed("look for"))?;
        let index = link.ok_or(VSwitchError::EndpointNotFound(new.id))?.index;
        let message = match after {
            Some(rate) => route::new_token_bucket(index, rate),
            None => route::delete_token_bucket(index),
        };
        socket.exchange_all(&mut [message]).map_err(failed("limit"))?;
    }
    if policy::host_table(old) != policy::host_table(new) {
        write_policies(new, namespace, true)?;
    }
    Ok(())
}

/// Removes what the endpoint has in the namespace beside the adapter, which goes with its port.
pub(crate) fn release(endpoint: &Endpoint, namespace: &Namespace) -> Result<(), VSwitchError> {
    if policy::host_table(endpoint).is_none() {
        return Ok(());
    }
    let failed = |action| VSwitchError::kernel(action, of(endpoint));
    let mut socket = namespace.run(Socket::netfilter)?.map_err(failed("reach the policies of"))?;
    let mut transaction = Transaction::new();
    transaction.remove_table(Family::Inet, &policy::host_table_name(endpoint));
    transaction.commit(&mut socket).map_err(failed("remove the policies of"))
}

fn write_policies(endpoint: &Endpoint, namespace: &Namespace, may_be_there: bool) -> Result<(), VSwitchError> {
    let table = policy::host_table(endpoint);
    if table.is_none() && !may_be_there {
        return Ok(());
    }
    let failed = |action| VSwitchError::kernel(action, of(endpoint));
    let mut socket = namespace.run(Socket::netfilter)?.map_err(failed("reach the policies of"))?;
    let mut transaction = Transaction::new();
    match table {
        Some(table) => transaction.replace_table(&table),
        None => transaction.remove_table(Family::Inet, &policy::host_table_name(endpoint)),
    }
    transaction.commit(&mut socket).map_err(failed("write the policies of"))
}

fn shaped(host: &Host, endpoint: &Endpoint) -> Option<u64> {
    endpoint.maximum_outgoing_bandwidth.filter(|_| host.capabilities.shaper == Shaper::TokenBucket)
}

/// Default routes and the others.
fn routes_of(endpoint: &Endpoint) -> Vec<Route> {
    let default = |gateway: &std::net::IpAddr| {
        let any = if gateway.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        Some(Route { destination: Prefix::new(any, 0).ok()?, next_hop: Some(*gateway), metric: None })
    };
    endpoint.gateways.iter().filter_map(default).chain(endpoint.routes.iter().copied()).collect()
}

fn of(endpoint: &Endpoint) -> String {
    format!("the adapter {} of endpoint {}", endpoint.interface, endpoint.id)
}
