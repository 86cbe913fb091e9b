//! What Wine writes is read and written again without a loss; what no one should write is refused.

use super::*;

const TIMES: KeyTimes = KeyTimes::Same(1_700_000_000);

const SAMPLE: &str = r#"WINE REGISTRY Version 2
;; All keys relative to REGISTRY\\Machine

#arch=win64

[Software\\Classes\\.chm] 1750836081
#time=1dbe5a1c0000000
@="chm.file"
"Quote\"d"="a\\b \"c\" \x20ac\x20acf\t\0\0017"

[Software\\Wine] 1750836081
#time=1dbe5a1c0000000
#class="Klass"
"Bytes"=hex:01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,16,\
  17,18,19
"Empty"=""
"Expand"=str(2):"%SystemRoot%\\x"
"Multi"=str(7):"a\0b\0"
"None"=hex(0):
"Number"=dword:0000002a
"Odd"=hex(1):41
"Quad"=hex(b):01,00,00,00,00,00,00,00

[System\\CurrentControlSet] 1750836081
#time=1dbe5a1c0000000
#link
"SymbolicLinkValue"=hex(6):5c,00
"#;

#[test]
fn every_form_of_a_value_is_read() {
    let registry = Registry::parse(SAMPLE.as_bytes()).unwrap();
    let value = |name| registry.value("software\\WINE", name).unwrap();
    assert_eq!(value("number").as_dword(), Some(42));
    assert_eq!(value("EXPAND").as_string().as_deref(), Some("%SystemRoot%\\x"));
    assert_eq!(value("Bytes").data().len(), 25);
    assert_eq!(value("Multi"), &Value::multi_string(&["a", "b"]));
    assert_eq!((value("Odd").kind(), value("Odd").data()), (1, &b"A"[..]));
    assert_eq!((value("Quad").kind(), value("Quad").data().len()), (11, 8));
    assert_eq!(value("Empty"), &Value::string(""));
    assert_eq!(registry.value("Software\\Classes\\.CHM", "").unwrap().as_string().as_deref(), Some("chm.file"));
    let quoted = registry.value("Software\\Classes\\.chm", "Quote\"d").unwrap();
    assert_eq!(quoted, &Value::string("a\\b \"c\" €€f\t\0\u{1}7"));
    let link = registry.key("System\\CurrentControlSet").unwrap();
    assert!(link.flags.is_link());
    assert_eq!(link.time, NtTime(0x01db_e5a1_c000_0000));
    assert_eq!(registry.key("Software\\Wine").unwrap().class, Some(Name::from("Klass")));
}

/// All that is not a time.
fn values(registry: &Registry) -> String {
    registry.to_text(KeyTimes::Same(0))
}

#[test]
fn the_text_with_the_times_of_keys_is_the_one_that_was_read() {
    let registry = Registry::parse(SAMPLE.as_bytes()).unwrap();
    assert_eq!(registry.to_text(KeyTimes::Own), SAMPLE);
}

#[test]
fn a_key_that_its_subkeys_make_has_the_time_of_the_first() {
    let text = SAMPLE.replacen("1dbe5a1c0000000", "1dbe5a1c0000777", 1);
    let mut registry = Registry::parse(text.as_bytes()).unwrap();
    let first = NtTime(0x01db_e5a1_c000_0777);
    assert_eq!(registry.key("Software").map(|key| key.time), Some(first));
    assert_eq!(registry.key("").map(|key| key.time), Some(first));
    // With another time it is written.
    registry.create("Software").time = NtTime(1);
    let text = registry.to_text(KeyTimes::Own);
    assert!(text.contains("[Software] 0\n#time=000000001\n"), "{text}");
    assert_eq!(Registry::parse(text.as_bytes()).as_ref(), Ok(&registry));
}

#[test]
fn the_root_has_values_too() {
    let text = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n\n[] 5\n#time=19db1ded8397080\n@=\"x\"\n";
    let registry = Registry::parse(text.as_bytes()).unwrap();
    assert_eq!(registry.value("", ""), Some(&Value::string("x")));
    assert_eq!(registry.to_text(KeyTimes::Own), text);
}

#[test]
fn the_canonical_text_reads_back_the_same_and_stays() {
    let registry = Registry::parse(SAMPLE.as_bytes()).unwrap();
    let text = registry.to_text(TIMES);
    let again = Registry::parse(text.as_bytes()).unwrap();
    assert_eq!(again.to_text(TIMES), text);
    assert_eq!(again.key("Software\\Wine").unwrap().time, NtTime::from_unix(1_700_000_000));
    assert_eq!(values(&again), values(&registry));
    for part in ["#class=\"Klass\"", "#link", "str(7):\"a\\0b\\0\"", "[Software\\\\Wine] 1700000000", "16,\\\n  17"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn keys_and_values_change_without_regard_to_case() {
    let mut registry = Registry::parse(SAMPLE.as_bytes()).unwrap();
    registry.set("SOFTWARE\\wine", "NUMBER", Value::dword(1));
    assert_eq!(registry.value("Software\\Wine", "Number").unwrap().as_dword(), Some(1));
    assert!(registry.remove_value("software\\wine", "number"));
    assert!(!registry.remove_value("software\\wine", "number"));
    registry.set("Software\\WineX", "a", Value::string("b"));
    assert_eq!(registry.remove_key("software\\wine"), 1);
    let names: Vec<String> = registry.key("Software").unwrap().subkeys().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["Classes", "WineX"]);
    assert_eq!(registry.remove_key("Software"), 4);
}

#[test]
fn a_key_with_only_subkeys_is_made_by_them() {
    let mut registry = Registry::new("\\\\Machine");
    registry.create("A");
    registry.create("A\\B");
    registry.create("A B");
    let text = registry.to_text(TIMES);
    assert!(!text.contains("[A]") && text.contains("[A\\\\B]") && text.contains("[A B]"), "{text}");
}

#[test]
fn what_is_no_registry_is_refused() {
    assert_eq!(Registry::parse(b""), Err(RegistryError::NotARegistry));
    assert_eq!(Registry::parse(b"REGEDIT4\n"), Err(RegistryError::NotARegistry));
    for bad in [
        "\"a\"=\"b\"",
        "[a",
        "[a\\\\\\\\b]",
        "[a]\n\"x",
        "[a]\n\"x\"",
        "[a]\n\"x\"=\"y",
        "[a]\n\"x\"=dword:zz",
        "[a]\n\"x\"=hex:zz",
        "[a]\n\"x\"=hex(:00",
        "[a]\n\"x\"=str(4):\"a\"",
        "[a]\n\"x\"=\"y\" z",
        "[a]\nx",
        "[a\\\\]",
    ] {
        let text = format!("WINE REGISTRY Version 2\n{bad}\n");
        assert!(Registry::parse(text.as_bytes()).is_err(), "{bad}");
    }
    let deep = format!("WINE REGISTRY Version 2\n[a{}]\n", "\\\\a".repeat(600));
    assert!(Registry::parse(deep.as_bytes()).is_err());
}

#[test]
fn damaged_text_never_panics() {
    let bytes = SAMPLE.as_bytes();
    for at in 0..bytes.len() {
        let _ = Registry::parse(&bytes[..at]);
        for flip in [0x01, 0x20, 0x80] {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= flip;
            if let Ok(registry) = Registry::parse(&flipped) {
                assert_eq!(Registry::parse(registry.to_text(KeyTimes::Own).as_bytes()).as_ref(), Ok(&registry));
            }
        }
    }
}

#[test]
fn registries_by_chance_are_read_as_they_were_written() {
    for seed in 0..500 {
        let registry = chance::registry(&mut fastrand::Rng::with_seed(seed));
        let text = registry.to_text(KeyTimes::Own);
        assert!(text.is_ascii());
        assert_eq!(Registry::parse(text.as_bytes()).as_ref(), Ok(&registry), "seed {seed}");
    }
}

#[test]
fn the_terminators_that_wine_adds_to_class_names_are_none_of_theirs() {
    let text = "WINE REGISTRY Version 2\n[a]\n#class=\"x\\0\\0\"\n[b]\n#class=\"\\0\"\n";
    let registry = Registry::parse(text.as_bytes()).unwrap();
    assert_eq!(registry.key("a").unwrap().class, Some(Name::from("x")));
    assert_eq!(registry.key("b").unwrap().class, None);
}
