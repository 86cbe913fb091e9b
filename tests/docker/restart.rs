//! `docker`: restart.
