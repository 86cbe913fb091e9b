//! Real mounts, used as programs use them: with all that the kernel can do, and with each of it forced off.
//! Needs root and /dev/fuse.

/// Makes a test of each function, once for each way to mount.
macro_rules! in_every_mode {
    ($($name:ident),+ $(,)?) => {
        mod everything {
            $(#[test] fn $name() { super::$name($crate::fixture::Mode::EVERYTHING) })+
        }
        mod no_passthrough {
            $(#[test] fn $name() { super::$name($crate::fixture::Mode::NO_PASSTHROUGH) })+
        }
        mod no_epochs {
            $(#[test] fn $name() { super::$name($crate::fixture::Mode::NO_EPOCHS) })+
        }
    };
}

mod attacks;
mod case;
mod copy_up;
mod crash;
mod exerciser;
mod fixture;
mod forgetting;
mod links;
mod mapping;
mod metadata;
mod model;
mod open_files;
mod posix;
mod rename;
mod restart;
mod stale_names;
mod tombstones;
