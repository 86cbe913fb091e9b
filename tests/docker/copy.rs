//! `docker`: copy.
