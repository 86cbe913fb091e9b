//! Mounts of a process, as its `mountinfo` has them (proc_pid_mountinfo(5)).

/// What the kernel calls the file system of a volume.
pub const FILE_SYSTEM: &str = "fuse.wcifs";

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub struct MountPoint<'a> {
    /// The directory on which it is, from the root of the process.
    pub place: String,
    /// Options of this mount, with commas between.
    pub options: &'a str,
    /// Kind of file system, such as [`FILE_SYSTEM`].
    pub file_system: &'a str,
}

/// The mounts of a `mountinfo`, later ones on top of earlier ones. Lines that say something else are left out.
pub fn mount_points(table: &str) -> impl DoubleEndedIterator<Item = MountPoint<'_>> {
    table.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (place, options) = (unescaped(fields.next()?)?, fields.next()?);
        Some(MountPoint { place, options, file_system: source.split(' ').next()? })
    })
}

/// Blanks and backslashes are three octal digits after a backslash.
fn unescaped(field: &str) -> Option<String> {
    let mut text = Vec::new();
    let mut escaped = field.bytes();
    while let Some(byte) = escaped.next() {
        text.push(match byte {
            b'\\' => {
                let digits = [escaped.next()?, escaped.next()?, escaped.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_blanks_in_their_names() {
        let table = "1 2 0:3 / /an\\040image\\134040 ro,nosuid shared:1 - fuse.wcifs C: rw\n1 2 0:3 / /bad\\0 rw - tmpfs tmpfs rw\nx\n";
        let mount = MountPoint { place: "/an image\\040".into(), options: "ro,nosuid", file_system: FILE_SYSTEM };
        assert_eq!(mount_points(table).collect::<Vec<_>>(), [mount]);
    }
}
