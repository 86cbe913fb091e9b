//! `docker`: top_and_stats.
