//! `docker`: inspect_and_list.
