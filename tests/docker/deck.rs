//! `docker`: deck.
