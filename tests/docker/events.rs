//! `docker`: events.
