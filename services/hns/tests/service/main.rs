//! The service on a real switch, in namespaces that go with the test: what it plans, and its name servers as endpoints, neighbours and
//! strangers see them.

mod names;
mod planning;
mod world;
