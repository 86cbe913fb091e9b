//! `docker`: limits.
