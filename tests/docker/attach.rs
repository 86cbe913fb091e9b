//! `docker`: attach.
