//! `docker`: volumes.
