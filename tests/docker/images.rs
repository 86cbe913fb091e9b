//! `docker`: images.
