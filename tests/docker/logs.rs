//! `docker`: logs.
