//! `docker`: access.
