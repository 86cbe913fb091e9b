//! Numbered scenarios with packets, each in network namespaces of its own.

mod world;

mod n010_connections;
mod n020_spoofing;
mod n030_host;
mod n040_ports;
