//! The upper case of names in the registry and on NTFS: one UTF-16 unit to one, independent of language.
//!
//! The rule: the simple upper case mappings of the Unicode Character Database (`UnicodeData.txt`, field 12) within the
//! basic multilingual plane, of which only those are kept that lead back by the simple lower case mapping. So `ß`, `ı`
//! and `ſ` stay themselves and `ÿ` becomes `Ÿ`. It is the table that Wine gives programs (`l_intl.nls`), hence names are
//! the same here exactly when `RtlUpcaseUnicodeChar` says so there. Surrogates have no upper case, as in Windows.

#![forbid(unsafe_code)]

/// Units from `first` to `last` in steps of `stride` become upper case by adding `delta`.
struct Run {
    first: u16,
    last: u16,
    stride: u16,
    delta: i32,
}

const fn r(first: u16, last: u16, stride: u16, delta: i32) -> Run {
    Run { first, last, stride, delta }
}

#[rustfmt::skip]
const RUNS: &[Run] = &[
    r(0x0061, 0x007a, 1, -32), r(0x00e0, 0x00f6, 1, -32), r(0x00f8, 0x00fe, 1, -32), r(0x00ff, 0x00ff, 1, 121),
    r(0x0101, 0x012f, 2, -1), r(0x0133, 0x0137, 2, -1), r(0x013a, 0x0148, 2, -1), r(0x014b, 0x0177, 2, -1),
    r(0x017a, 0x017e, 2, -1), r(0x0180, 0x0180, 1, 195), r(0x0183, 0x0185, 2, -1), r(0x0188, 0x0188, 1, -1),
    r(0x018c, 0x018c, 1, -1), r(0x0192, 0x0192, 1, -1), r(0x0195, 0x0195, 1, 97), r(0x0199, 0x0199, 1, -1),
    r(0x019a, 0x019a, 1, 163), r(0x019e, 0x019e, 1, 130), r(0x01a1, 0x01a5, 2, -1), r(0x01a8, 0x01a8, 1, -1),
    r(0x01ad, 0x01ad, 1, -1), r(0x01b0, 0x01b0, 1, -1), r(0x01b4, 0x01b6, 2, -1), r(0x01b9, 0x01b9, 1, -1),
    r(0x01bd, 0x01bd, 1, -1), r(0x01bf, 0x01bf, 1, 56), r(0x01c6, 0x01c6, 1, -2), r(0x01c9, 0x01c9, 1, -2),
    r(0x01cc, 0x01cc, 1, -2), r(0x01ce, 0x01dc, 2, -1), r(0x01dd, 0x01dd, 1, -79), r(0x01df, 0x01ef, 2, -1),
    r(0x01f3, 0x01f3, 1, -2), r(0x01f5, 0x01f5, 1, -1), r(0x01f9, 0x021f, 2, -1), r(0x0223, 0x0233, 2, -1),
    r(0x023c, 0x023c, 1, -1), r(0x023f, 0x0240, 1, 10815), r(0x0242, 0x0242, 1, -1), r(0x0247, 0x024f, 2, -1),
    r(0x0250, 0x0250, 1, 10783), r(0x0251, 0x0251, 1, 10780), r(0x0252, 0x0252, 1, 10782), r(0x0253, 0x0253, 1, -210),
    r(0x0254, 0x0254, 1, -206), r(0x0256, 0x0257, 1, -205), r(0x0259, 0x0259, 1, -202), r(0x025b, 0x025b, 1, -203),
    r(0x025c, 0x025c, 1, 42319), r(0x0260, 0x0260, 1, -205), r(0x0261, 0x0261, 1, 42315), r(0x0263, 0x0263, 1, -207),
    r(0x0265, 0x0265, 1, 42280), r(0x0266, 0x0266, 1, 42308), r(0x0268, 0x0268, 1, -209), r(0x0269, 0x0269, 1, -211),
    r(0x026a, 0x026a, 1, 42308), r(0x026b, 0x026b, 1, 10743), r(0x026c, 0x026c, 1, 42305), r(0x026f, 0x026f, 1, -211),
    r(0x0271, 0x0271, 1, 10749), r(0x0272, 0x0272, 1, -213), r(0x0275, 0x0275, 1, -214), r(0x027d, 0x027d, 1, 10727),
    r(0x0280, 0x0280, 1, -218), r(0x0282, 0x0282, 1, 42307), r(0x0283, 0x0283, 1, -218), r(0x0287, 0x0287, 1, 42282),
    r(0x0288, 0x0288, 1, -218), r(0x0289, 0x0289, 1, -69), r(0x028a, 0x028b, 1, -217), r(0x028c, 0x028c, 1, -71),
    r(0x0292, 0x0292, 1, -219), r(0x029d, 0x029d, 1, 42261), r(0x029e, 0x029e, 1, 42258), r(0x0371, 0x0373, 2, -1),
    r(0x0377, 0x0377, 1, -1), r(0x037b, 0x037d, 1, 130), r(0x03ac, 0x03ac, 1, -38), r(0x03ad, 0x03af, 1, -37),
    r(0x03b1, 0x03c1, 1, -32), r(0x03c3, 0x03cb, 1, -32), r(0x03cc, 0x03cc, 1, -64), r(0x03cd, 0x03ce, 1, -63),
    r(0x03d7, 0x03d7, 1, -8), r(0x03d9, 0x03ef, 2, -1), r(0x03f2, 0x03f2, 1, 7), r(0x03f3, 0x03f3, 1, -116),
    r(0x03f8, 0x03f8, 1, -1), r(0x03fb, 0x03fb, 1, -1), r(0x0430, 0x044f, 1, -32), r(0x0450, 0x045f, 1, -80),
    r(0x0461, 0x0481, 2, -1), r(0x048b, 0x04bf, 2, -1), r(0x04c2, 0x04ce, 2, -1), r(0x04cf, 0x04cf, 1, -15),
    r(0x04d1, 0x052f, 2, -1), r(0x0561, 0x0586, 1, -48), r(0x10d0, 0x10fa, 1, 3008), r(0x10fd, 0x10ff, 1, 3008),
    r(0x13f8, 0x13fd, 1, -8), r(0x1d79, 0x1d79, 1, 35332), r(0x1d7d, 0x1d7d, 1, 3814), r(0x1d8e, 0x1d8e, 1, 35384),
    r(0x1e01, 0x1e95, 2, -1), r(0x1ea1, 0x1eff, 2, -1), r(0x1f00, 0x1f07, 1, 8), r(0x1f10, 0x1f15, 1, 8),
    r(0x1f20, 0x1f27, 1, 8), r(0x1f30, 0x1f37, 1, 8), r(0x1f40, 0x1f45, 1, 8), r(0x1f51, 0x1f57, 2, 8),
    r(0x1f60, 0x1f67, 1, 8), r(0x1f70, 0x1f71, 1, 74), r(0x1f72, 0x1f75, 1, 86), r(0x1f76, 0x1f77, 1, 100),
    r(0x1f78, 0x1f79, 1, 128), r(0x1f7a, 0x1f7b, 1, 112), r(0x1f7c, 0x1f7d, 1, 126), r(0x1f80, 0x1f87, 1, 8),
    r(0x1f90, 0x1f97, 1, 8), r(0x1fa0, 0x1fa7, 1, 8), r(0x1fb0, 0x1fb1, 1, 8), r(0x1fb3, 0x1fb3, 1, 9),
    r(0x1fc3, 0x1fc3, 1, 9), r(0x1fd0, 0x1fd1, 1, 8), r(0x1fe0, 0x1fe1, 1, 8), r(0x1fe5, 0x1fe5, 1, 7),
    r(0x1ff3, 0x1ff3, 1, 9), r(0x214e, 0x214e, 1, -28), r(0x2170, 0x217f, 1, -16), r(0x2184, 0x2184, 1, -1),
    r(0x24d0, 0x24e9, 1, -26), r(0x2c30, 0x2c5f, 1, -48), r(0x2c61, 0x2c61, 1, -1), r(0x2c65, 0x2c65, 1, -10795),
    r(0x2c66, 0x2c66, 1, -10792), r(0x2c68, 0x2c6c, 2, -1), r(0x2c73, 0x2c73, 1, -1), r(0x2c76, 0x2c76, 1, -1),
    r(0x2c81, 0x2ce3, 2, -1), r(0x2cec, 0x2cee, 2, -1), r(0x2cf3, 0x2cf3, 1, -1), r(0x2d00, 0x2d25, 1, -7264),
    r(0x2d27, 0x2d27, 1, -7264), r(0x2d2d, 0x2d2d, 1, -7264), r(0xa641, 0xa66d, 2, -1), r(0xa681, 0xa69b, 2, -1),
    r(0xa723, 0xa72f, 2, -1), r(0xa733, 0xa76f, 2, -1), r(0xa77a, 0xa77c, 2, -1), r(0xa77f, 0xa787, 2, -1),
    r(0xa78c, 0xa78c, 1, -1), r(0xa791, 0xa793, 2, -1), r(0xa794, 0xa794, 1, 48), r(0xa797, 0xa7a9, 2, -1),
    r(0xa7b5, 0xa7c3, 2, -1), r(0xa7c8, 0xa7ca, 2, -1), r(0xa7d1, 0xa7d1, 1, -1), r(0xa7d7, 0xa7d9, 2, -1),
    r(0xa7f6, 0xa7f6, 1, -1), r(0xab53, 0xab53, 1, -928), r(0xab70, 0xabbf, 1, -38864), r(0xff41, 0xff5a, 1, -32),
];

/// The upper case of one UTF-16 unit.
pub fn upcase(unit: u16) -> u16 {
    if unit < 0x80 {
        return if (0x61..=0x7a).contains(&unit) { unit - 0x20 } else { unit };
    }
    let after = RUNS.partition_point(|run| run.first <= unit);
    let Some(run) = after.checked_sub(1).and_then(|at| RUNS.get(at)) else { return unit };
    if unit > run.last || !(unit - run.first).is_multiple_of(run.stride) {
        return unit;
    }
    // Every run stays within the plane, which a test holds.
    (i32::from(unit) + run.delta) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(c: char) -> u16 {
        u16::try_from(u32::from(c)).unwrap()
    }

    #[test]
    fn runs_are_in_order_do_not_overlap_and_stay_in_the_plane() {
        for pair in RUNS.windows(2) {
            assert!(pair[0].last < pair[1].first, "{:04x} {:04x}", pair[0].last, pair[1].first);
        }
        for run in RUNS {
            assert_eq!((run.last - run.first) % run.stride, 0, "{:04x}", run.first);
            for end in [run.first, run.last] {
                assert!((0..0x1_0000).contains(&(i32::from(end) + run.delta)), "{end:04x}");
            }
        }
    }

    #[test]
    fn folds_as_windows_does() {
        for (c, up) in [('a', 'A'), ('é', 'É'), ('ÿ', 'Ÿ'), ('я', 'Я'), ('ω', 'Ω'), ('ᾀ', 'ᾈ'), ('ａ', 'Ａ')]
        {
            assert_eq!(upcase(unit(c)), unit(up), "{c}");
        }
        // Not one to one, or not there and back.
        for c in ['ß', 'ı', 'İ', 'ſ', 'ẞ', 'ﬁ', 'µ', 'A', '1', '_', 'K'] {
            assert_eq!(upcase(unit(c)), unit(c), "{c}");
        }
        assert_eq!(upcase(0xd801), 0xd801);
    }

    #[test]
    fn follows_the_simple_mappings_of_unicode_where_they_lead_back() {
        for u in 0..=u16::MAX {
            let up = upcase(u);
            assert_eq!(upcase(up), up, "{u:04x}");
            if up != u {
                let (small, capital) = (char::from_u32(u.into()).unwrap(), char::from_u32(up.into()).unwrap());
                assert!(capital.to_lowercase().eq([small]), "{small} {capital}");
            }
        }
    }
}
