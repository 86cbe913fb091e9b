//! Groups of the host by name. The programs are static, so that no service but the file is asked.

use std::fs;

use rustix::fs::Gid;

use crate::error::{Error, Result};

/// The file of groups (group(5)).
const FILE: &str = "/etc/group";

/// The id of a group, which may also be given as a number.
///
/// # Errors
/// [`Error::InvalidParameter`] when the host has no such group.
pub(super) fn id(group: &str) -> Result<Gid> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let text = fs::read_to_string(FILE).map_err(|error| Error::io(format!("cannot read {FILE}"), error))?;
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (name == group).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    found.map(Gid::from_raw).ok_or_else(|| {
        Error::InvalidParameter(format!("group: \"{group}\" is not in {FILE} (`groupadd {group}` makes it)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_names_or_numbers() {
        assert_eq!(id("root").unwrap().as_raw(), 0);
        assert_eq!(id("4711").unwrap().as_raw(), 4711);
        assert!(id("no such group").unwrap_err().to_string().contains("is not in /etc/group"));
    }
}
