//! Which rule a name breaks.

use crate::name::TOPS;
use crate::rule::Rule;
use casement_nt::path::is_file_name;

/// Longest name in UTF-16 units (NTFS).
const MAX_UNITS: usize = 255;
/// Characters that no name on NTFS has.
const FORBIDDEN: [char; 8] = ['"', '*', ':', '<', '>', '?', '\\', '|'];

/// The rule that an entry of this name breaks, for names that were refused; `why` is the reader's word.
pub fn rule_of_refused(name: &str, why: &str) -> Rule {
    if why.contains("whiteout") {
        return Rule::WhiteoutPlace;
    }
    if why.contains("link or stream outside") {
        return Rule::HardLinkPlace;
    }
    if why.contains("UTF-8") {
        return Rule::NameEncoding;
    }
    let mut parts = name.trim_end_matches('/').split('/');
    let top = parts.clone().find(|part| *part != ".").unwrap_or_default();
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let escapes = name.starts_with(['/', '\\']) || drive || parts.any(|part| part == "..");
    if escapes {
        Rule::NameEscapes
    } else if !name.contains('\\') && !TOPS.contains(&top) {
        Rule::TopLevel
    } else {
        Rule::NameRefused
    }
}

/// The rule that a name breaks that NTFS has and Windows' programs have not, and why.
pub fn rule_of_component(name: &str) -> Option<(Rule, &'static str)> {
    if is_file_name(name) {
        return None;
    }
    if name.contains(FORBIDDEN) || name.chars().any(|c| c < ' ') || name.encode_utf16().count() > MAX_UNITS {
        return Some((Rule::NameRefused, "no file of NTFS can have this name"));
    }
    let why = match name.ends_with(['.', ' ']) {
        true => "ends in a dot or blank",
        false => "is the name of a device",
    };
    Some((Rule::NameOfDevice, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_names_are_told_apart() {
        for (name, why, rule) in [
            ("etc/passwd", "", Rule::TopLevel),
            ("files/x", "", Rule::TopLevel),
            ("/Files/x", "", Rule::NameEscapes),
            ("Files/../../x", "", Rule::NameEscapes),
            ("C:/x", "", Rule::NameEscapes),
            ("\\\\?\\C:\\x", "", Rule::NameEscapes),
            ("Files/a?b", "", Rule::NameRefused),
            ("Files\\a", "", Rule::NameRefused),
            ("Hives/.wh.x", "is a whiteout outside of Files", Rule::WhiteoutPlace),
        ] {
            assert_eq!(rule_of_refused(name, why), rule, "{name}");
        }
    }

    #[test]
    fn names_of_devices_are_found() {
        assert_eq!(rule_of_component("a.txt"), None);
        for name in ["aux.txt", "NUL", "dot.", "blank "] {
            assert_eq!(rule_of_component(name).map(|(rule, _)| rule), Some(Rule::NameOfDevice), "{name}");
        }
    }
}
