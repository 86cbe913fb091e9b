//! Where links lead.

use crate::entry::Kind;
use crate::name::{FILES, fold};
use crate::tree::{NodeId, TOP};
use crate::view::ImageView;
use std::collections::VecDeque;

/// Whether a link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It is.
    Followed,
    /// It is what was looked for.
    Kept,
}

/// Why a path leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// A name is not there, or a link leaves the volume.
    Nowhere,
    /// Links go in a circle.
    TooManyLinks,
}

/// Where a target of a link begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// In the directory of the link: these components.
    Relative(Vec<String>),
    /// At the root of volume C:.
    Volume(Vec<String>),
    /// On another volume or machine.
    Elsewhere,
}

impl Target {
    /// Reads the target of a link, with either slash.
    pub fn of(text: &str) -> Self {
        let text = text.replace('/', "\\");
        let plain = [r"\\?\", r"\??\"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
        let device = plain.is_some();
        let plain = plain.unwrap_or(&text);
        let parts =
            |rest: &str| rest.split('\\').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        match plain.as_bytes() {
            [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() => {
                match letter.eq_ignore_ascii_case(&b'c') && matches!(rest.first(), None | Some(b'\\')) {
                    true => Self::Volume(parts(&plain[2..])),
                    false => Self::Elsewhere,
                }
            }
            _ if device || plain.starts_with(r"\\") => Self::Elsewhere,
            [b'\\', ..] => Self::Volume(parts(plain)),
            _ => Self::Relative(parts(plain)),
        }
    }
}

/// Walks from the top of the layers along `components`.
pub fn walk(view: &ImageView, components: &[String], last: Last, most: usize) -> Result<NodeId, Lost> {
    let mut ahead: VecDeque<String> = components.iter().cloned().collect();
    let mut at = TOP;
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            // Nothing is above the root of the volume.
            if view.tree.path(at).len() > 1 {
                at = view.tree.node(at).parent;
            }
            continue;
        }
        let child = *view.tree.node(at).children.get(&fold(&part)).ok_or(Lost::Nowhere)?;
        let target = match view.file(child).map(|(_, entry)| &entry.kind) {
            Some(Kind::Symlink(target) | Kind::Junction(target)) if last == Last::Followed || !ahead.is_empty() => {
                target
            }
            _ => {
                at = child;
                continue;
            }
        };
        links += 1;
        if links > most {
            return Err(Lost::TooManyLinks);
        }
        let parts = match Target::of(target) {
            Target::Elsewhere => return Err(Lost::Nowhere),
            Target::Relative(parts) => parts,
            Target::Volume(parts) => {
                at = view.tree.find([FILES]).ok_or(Lost::Nowhere)?;
                parts
            }
        };
        for part in parts.into_iter().rev() {
            ahead.push_front(part);
        }
    }
    Ok(at)
}

/// The text of a Linux link for a link at `components` (from the root of the volume): relative, so that it stays in the directory
/// that stands for the volume. `None` for one that leads elsewhere.
pub fn linux_text(components: &[&str], target: &str) -> Option<String> {
    let depth = components.len().checked_sub(1)?;
    let parts = match Target::of(target) {
        Target::Elsewhere => return None,
        Target::Volume(parts) => {
            let mut below: Vec<String> = Vec::new();
            for part in parts {
                match part.as_str() {
                    ".." => drop(below.pop()),
                    _ => below.push(part),
                }
            }
            std::iter::repeat_n("..".to_owned(), depth).chain(below).collect::<Vec<_>>()
        }
        Target::Relative(parts) => {
            let mut above = depth;
            for part in &parts {
                above = match part.as_str() {
                    ".." => above.checked_sub(1)?,
                    _ => above + 1,
                };
            }
            parts
        }
    };
    if parts.iter().any(|part| part.contains('\0')) {
        return None;
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart() {
        let parts = |text: &str| text.split('\\').map(str::to_owned).collect::<Vec<_>>();
        for (text, target) in [
            ("C:\\a\\b", Target::Volume(parts("a\\b"))),
            ("\\??\\c:/a", Target::Volume(parts("a"))),
            ("\\a", Target::Volume(parts("a"))),
            ("..\\.\\a", Target::Relative(parts("..\\a"))),
            ("D:\\a", Target::Elsewhere),
            ("C:a", Target::Elsewhere),
            ("\\\\server\\share", Target::Elsewhere),
            ("\\\\?\\Volume{1}\\", Target::Elsewhere),
        ] {
            assert_eq!(Target::of(text), target, "{text}");
        }
    }

    #[test]
    fn links_for_linux_stay_in_their_directory() {
        for (at, target, text) in [
            (&["a", "b", "link"][..], "C:\\x", Some("../../x")),
            (&["link"], "C:\\", Some(".")),
            (&["a", "link"], "..\\x", Some("../x")),
            (&["a", "link"], "..\\..\\etc\\passwd", None),
            (&["a", "link"], "C:\\..\\..\\etc", Some("../etc")),
            (&["a", "link"], "x\\..\\..\\..\\etc", None),
            (&["a", "link"], "\\\\server\\x", None),
        ] {
            assert_eq!(linux_text(at, target).as_deref(), text, "{target}");
        }
    }
}
