//! Numbered scenarios with packets, each in network namespaces of its own.

mod world;

mod n010_connections;
mod n020_spoofing;
mod n030_host;
mod n040_ports;
mod n050_policies;
mod n060_ipv6;
mod n070_repair;
mod n080_crash;
mod n090_traces;
