//! Values as reg.exe prints them, and as JSON.

use casement_hive::Value;
use casement_hive::value::{self, DWORD, EXPAND_STRING, LINK, MULTI_STRING, STRING};
use serde_json::{Value as Json, json};

const DWORD_BIG_ENDIAN: u32 = 5;
const QWORD: u32 = 11;

/// The name of a type: `REG_SZ`; a number for one that Windows has no name for.
pub fn type_name(kind: u32) -> String {
    value::type_name(kind).map_or_else(|| format!("{kind:#x}"), str::to_owned)
}

/// The data in one line, as `reg query` shows it.
pub fn data_text(value: &Value) -> String {
    match decoded(value) {
        Decoded::Text(text) => printable(&text),
        Decoded::Texts(texts) => texts.iter().map(|text| printable(text)).collect::<Vec<_>>().join("\\0"),
        Decoded::Number(number) => format!("{number:#x}"),
        Decoded::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
    }
}

/// The data as JSON: texts, a list of texts, a number, or hexadecimal digits.
pub fn data_json(value: &Value) -> Json {
    match decoded(value) {
        Decoded::Text(text) => json!(text),
        Decoded::Texts(texts) => json!(texts),
        Decoded::Number(number) => json!(number),
        Decoded::Bytes(bytes) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

enum Decoded<'a> {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    Bytes(&'a [u8]),
}

fn decoded(value: &Value) -> Decoded<'_> {
    let data = value.data();
    match value.kind() {
        STRING | EXPAND_STRING | LINK if data.len().is_multiple_of(2) => {
            let units = value.units();
            let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
            Decoded::Text(String::from_utf16_lossy(&units[..end]))
        }
        MULTI_STRING if data.len().is_multiple_of(2) => {
            let units = value.units();
            let mut texts: Vec<String> = units.split(|unit| *unit == 0).map(String::from_utf16_lossy).collect();
            while texts.last().is_some_and(String::is_empty) {
                texts.pop();
            }
            Decoded::Texts(texts)
        }
        DWORD if data.len() == 4 => {
            Decoded::Number(data.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        }
        DWORD_BIG_ENDIAN if data.len() == 4 => {
            Decoded::Number(data.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        }
        QWORD if data.len() == 8 => {
            Decoded::Number(data.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        }
        _ => Decoded::Bytes(data),
    }
}

/// Nothing in a value moves a cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_printed_as_reg_does() {
        for (value, text) in [
            (Value::string("C:\\Windows"), "C:\\Windows"),
            (Value::expand_string("%PATH%"), "%PATH%"),
            (Value::dword(255), "0xff"),
            (Value::raw(QWORD, vec![1, 0, 0, 0, 1, 0, 0, 0]), "0x100000001"),
            (Value::raw(DWORD_BIG_ENDIAN, vec![0, 0, 1, 0]), "0x100"),
            (Value::binary(vec![0xde, 0xad]), "DEAD"),
            (Value::multi_string(&["a", "b"]), "a\\0b"),
            (Value::none(), ""),
            (Value::raw(DWORD, vec![1, 2]), "0102"),
            (Value::string("a\u{1b}[2J"), "a\u{fffd}[2J"),
        ] {
            assert_eq!(data_text(&value), text);
        }
        assert_eq!(type_name(11), "REG_QWORD");
        assert_eq!(type_name(0x1234), "0x1234");
        assert_eq!(data_json(&Value::multi_string(&["a", ""])), json!(["a"]));
    }
}
