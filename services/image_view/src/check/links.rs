//! Where symbolic links and junctions of the whole image lead.

use crate::entry::Kind;
use crate::finding::Findings;
use crate::link::{Last, Lost, Target, walk};
use crate::name::FILES;
use crate::rule::Rule;
use crate::tree::NodeId;
use crate::view::ImageView;

/// Most links that Windows follows on the way to one file.
const MAX_LINKS: usize = 63;
/// First directories of absolute paths of Unix.
const UNIX: [&str; 10] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/var", "/home", "/tmp"];

/// Checks all links of the volume.
pub fn check(view: &ImageView, findings: &mut Findings) {
    let Some(volume) = view.tree.find([FILES]) else { return };
    for id in view.tree.walk(volume) {
        if let Some((_, entry)) = view.file(id)
            && let Kind::Symlink(target) | Kind::Junction(target) = &entry.kind
        {
            one(view, id, target, matches!(entry.kind, Kind::Junction(_)), findings);
        }
    }
}

fn one(view: &ImageView, id: NodeId, target: &str, is_junction: bool, findings: &mut Findings) {
    let object = view.tree.shown(id);
    let slashes = target.replace('\\', "/");
    if UNIX.iter().any(|top| slashes == *top || slashes.starts_with(&format!("{top}/"))) {
        return findings.add(Rule::LinkOfUnix, object, format!("leads to {slashes}"));
    }
    let parsed = Target::of(target);
    if parsed == Target::Elsewhere {
        return findings.add(Rule::LinkLeaves, object, format!("leads to {target}"));
    }
    if let Target::Relative(parts) = &parsed {
        if is_junction {
            return findings.add(
                Rule::LinkLeaves,
                object,
                format!("a junction cannot be relative, and leads to {target}"),
            );
        }
        // From the directory of the link, counted from the root of the volume.
        let mut depth = view.tree.path(id).len().saturating_sub(2);
        for part in parts {
            depth = match (part.as_str(), depth) {
                ("..", 0) => return findings.add(Rule::LinkLeaves, object, format!("{target} leads above C:\\")),
                ("..", depth) => depth - 1,
                (_, depth) => depth + 1,
            };
        }
    }
    let path: Vec<String> = view.tree.path(id).into_iter().map(str::to_owned).collect();
    match walk(view, &path, Last::Followed, MAX_LINKS) {
        Ok(_) => {}
        Err(Lost::TooManyLinks) => findings.add(Rule::LinkLoop, object, format!("{target} leads in a circle")),
        // A link to a link that leaves was told there.
        Err(Lost::Nowhere) => findings.add(Rule::LinkNowhere, object, format!("{target} is not in the image")),
    }
}
