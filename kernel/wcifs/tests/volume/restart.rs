//! What a process that is killed leaves is what the next one finds.

use crate::fixture::{Fixture, Mode, names};
use std::fs;

in_every_mode!(the_work_directory_is_emptied, nothing_is_needed_that_is_not_on_disk);

fn the_work_directory_is_emptied(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("f", "1")]);
    volume.unmount();
    fs::create_dir_all(volume.work().join("1/2")).unwrap();
    fs::write(volume.work().join("1/2/half"), "half").unwrap();
    fs::write(volume.work().join("3"), "half").unwrap();
    volume.mount();
    assert_eq!(names(&volume.work()), [""; 0]);
    assert_eq!(volume.read("f"), "1");
}

fn nothing_is_needed_that_is_not_on_disk(mode: Mode) {
    let mut volume = Fixture::over(mode, &[("Dir/a", "1"), ("Dir/b", "2"), ("Other/c", "3")]);
    volume.write("dir/A", "changed");
    fs::remove_file(volume.at("dir/b")).unwrap();
    fs::rename(volume.at("other"), volume.at("Third")).unwrap();
    volume.remount();
    assert_eq!(volume.names(""), ["Dir", "Third"]);
    assert_eq!(volume.read("dir/a"), "changed");
    assert_eq!(volume.names("dir"), ["a"]);
    assert_eq!(volume.read("third/c"), "3");
}
