//! `docker`: system.
