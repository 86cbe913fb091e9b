//! `docker`: lifecycle.
