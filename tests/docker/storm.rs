//! `docker`: storm.
