//! `docker`: networks.
