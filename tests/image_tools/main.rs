//! `casement image`: looking into images of a store without a daemon.

mod base_images;
mod command;
mod mount;
mod scan;
