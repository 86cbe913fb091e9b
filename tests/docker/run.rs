//! `docker`: run.
