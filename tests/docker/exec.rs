//! `docker`: exec.
