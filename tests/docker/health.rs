//! `docker`: health.
