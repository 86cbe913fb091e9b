//! Security descriptors as text ("Security Descriptor String Format", Microsoft Learn; [MS-DTYP] 2.5.1), which people read and old
//! layers have in `MSWINDOWS.sd`. Names that only a domain gives a meaning are not known.

mod parse;
mod text;

pub(crate) use parse::parse;
pub use text::text;

/// Control bits ([MS-DTYP] 2.4.6).
const DACL_PRESENT: u16 = 0x0004;
const SACL_PRESENT: u16 = 0x0010;
const SELF_RELATIVE: u16 = 0x8000;
/// Bits of the flags of a list, for the DACL; those of the SACL are twice as much. In the order in which Windows writes them.
const LIST_FLAGS: [(&str, u16); 3] = [("P", 0x1000), ("AR", 0x0100), ("AI", 0x0400)];
/// In place of a list: all is allowed.
const NO_LIST: &str = "NO_ACCESS_CONTROL";

/// What stands in an entry besides rights and account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Plain,
    /// Up to two GUIDs.
    Objects,
    /// A condition or a claim, in a grammar of its own.
    Condition,
    /// The rights are those of an integrity label.
    Label,
}

/// Types of entries.
const ACE_TYPES: [(&str, u8, Body); 14] = [
    ("A", 0x0, Body::Plain),
    ("D", 0x1, Body::Plain),
    ("AU", 0x2, Body::Plain),
    ("AL", 0x3, Body::Plain),
    ("OA", 0x5, Body::Objects),
    ("OD", 0x6, Body::Objects),
    ("OU", 0x7, Body::Objects),
    ("XA", 0x9, Body::Condition),
    ("XD", 0xa, Body::Condition),
    ("XU", 0xd, Body::Condition),
    ("ML", 0x11, Body::Label),
    ("RA", 0x12, Body::Condition),
    ("SP", 0x13, Body::Plain),
    ("TL", 0x14, Body::Plain),
];
const ACE_FLAGS: [(&str, u8); 7] =
    [("OI", 0x1), ("CI", 0x2), ("NP", 0x4), ("IO", 0x8), ("ID", 0x10), ("SA", 0x40), ("FA", 0x80)];
/// Masks that have a name of their own; of two names for one mask the first is written.
const WHOLE_RIGHTS: [(&str, u32); 8] = [
    ("FA", 0x1f_01ff),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00a0),
    ("KA", 0xf_003f),
    ("KR", 0x2_0019),
    ("KW", 0x2_0006),
    ("KX", 0x2_0019),
];
/// Single rights.
const RIGHTS: [(&str, u32); 17] = [
    ("GA", 0x1000_0000),
    ("GR", 0x8000_0000),
    ("GW", 0x4000_0000),
    ("GX", 0x2000_0000),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("SD", 0x1_0000),
    ("RC", 0x2_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
];
/// The rights of integrity labels.
const LABEL_RIGHTS: [(&str, u32); 3] = [("NW", 0x1), ("NR", 0x2), ("NX", 0x4)];
/// Abbreviations of identifiers that are the same everywhere ("SID Strings", Microsoft Learn).
const SIDS: [(&str, &str); 33] = [
    ("AC", "S-1-15-2-1"),
    ("AN", "S-1-5-7"),
    ("AO", "S-1-5-32-548"),
    ("AU", "S-1-5-11"),
    ("BA", "S-1-5-32-544"),
    ("BG", "S-1-5-32-546"),
    ("BO", "S-1-5-32-551"),
    ("BU", "S-1-5-32-545"),
    ("CG", "S-1-3-1"),
    ("CO", "S-1-3-0"),
    ("ED", "S-1-5-9"),
    ("HI", "S-1-16-12288"),
    ("IU", "S-1-5-4"),
    ("LS", "S-1-5-19"),
    ("LW", "S-1-16-4096"),
    ("ME", "S-1-16-8192"),
    ("MP", "S-1-16-8448"),
    ("NO", "S-1-5-32-556"),
    ("NS", "S-1-5-20"),
    ("NU", "S-1-5-2"),
    ("OW", "S-1-3-4"),
    ("PO", "S-1-5-32-550"),
    ("PS", "S-1-5-10"),
    ("PU", "S-1-5-32-547"),
    ("RC", "S-1-5-12"),
    ("RD", "S-1-5-32-555"),
    ("RE", "S-1-5-32-552"),
    ("RU", "S-1-5-32-554"),
    ("SI", "S-1-16-16384"),
    ("SO", "S-1-5-32-549"),
    ("SU", "S-1-5-6"),
    ("SY", "S-1-5-18"),
    ("WD", "S-1-1-0"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security;

    #[test]
    fn texts_and_descriptors_become_one_another() {
        for text in [
            "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(D;;GW;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)",
            "D:(A;;FA;;;WD)S:(ML;;NWNX;;;LW)(AU;SAFA;FA;;;WD)",
            "O:S-1-5-93-2D:P(A;OICIID;0x1301bf;;;S-1-5-93-2)S:(ML;;NW;;;ME)",
            "O:S-1-5-18",
            "D:NO_ACCESS_CONTROL",
            "D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;AU)(OD;;CCDC;;ab721a53-1e2f-11d0-9819-00aa0040529b;RU)",
            "O:BAG:SYD:(A;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)",
            "",
        ] {
            let descriptor = parse(text).unwrap();
            assert!(security::is_valid(&descriptor), "{text}");
            // The account of the system has two letters.
            assert_eq!(super::text(&descriptor).unwrap(), text.replace("O:S-1-5-18", "O:SY"), "{text}");
        }
        for descriptor in [security::of_files(), security::of_directories()] {
            assert_eq!(parse(&text(&descriptor).unwrap()).unwrap(), descriptor);
        }
    }

    #[test]
    fn every_name_is_there_once() {
        let once = |names: Vec<&str>| names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len();
        assert!(once(SIDS.iter().flat_map(|(letters, sid)| [*letters, *sid]).collect()));
        assert!(once(WHOLE_RIGHTS.iter().chain(&RIGHTS).chain(&LABEL_RIGHTS).map(|(name, _)| *name).collect()));
    }
}
