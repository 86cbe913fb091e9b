//! JSON as Go's `encoding/json` reads it, which clients of Docker count on: the names of a structure's members are found without
//! regard to case, a `null` member is as good as absent, and a `null` among values is the zero value. The keys of maps (labels,
//! ports, options) are the user's and stay as they are.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Error, Value};

/// Reads a `T`.
///
/// # Errors
/// When the value has another shape.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(Document(value))
}

/// A value of a document. Structures with `flatten` are read as maps by serde, hence with regard to case: read their parts one by one.
#[derive(Clone, Copy)]
struct Document<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, Error> for Document<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// What a `null` is read as when a type of this name is wanted.
macro_rules! zero_for_null {
    ($document:lifetime: $($method:ident: $visit:ident($zero:expr);)*) => {
        $(fn $method<V: Visitor<$document>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.0.is_null() { visitor.$visit($zero) } else { self.0.$method(visitor) }
        })*
    };
}

impl<'de> Deserializer<'de> for Document<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Document))),
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), Document(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = match self.0 {
            Value::Object(members) => members,
            Value::Null => return visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, Self)>())),
            other => return other.deserialize_struct(name, fields, visitor),
        };
        // The exact name goes before others.
        let find = |field: &&'static str| {
            let other = || members.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, value)| value);
            let value = members.get(*field).or_else(other).filter(|value| !value.is_null())?;
            Some((*field, Document(value)))
        };
        visitor.visit_map(MapDeserializer::new(fields.iter().filter_map(find)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, Self)>())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<Self>())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    zero_for_null! { 'de:
        deserialize_bool: visit_bool(false);
        deserialize_i64: visit_i64(0);
        deserialize_u64: visit_u64(0);
        deserialize_u16: visit_u64(0);
        deserialize_str: visit_str("");
        deserialize_string: visit_str("");
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Outer {
        name: String,
        labels: BTreeMap<String, String>,
        ports: BTreeMap<String, Option<Vec<Inner>>>,
        items: Vec<Inner>,
        size: Option<(u16, u16)>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Inner {
        #[serde(rename = "CPUCount")]
        count: i64,
        on: bool,
    }

    fn outer(value: Value) -> Outer {
        read(&value).unwrap()
    }

    #[test]
    fn names_of_members_have_no_case_at_any_depth_and_keys_of_maps_do() {
        let read = outer(json!({
            "nAME": "a",
            "LABELS": { "Name": "x", "name": "y" },
            "ports": { "80/TCP": [{ "cpucount": 2, "ON": true }] },
            "items": [{ "CPUcount": 1 }],
            "unknown": 1,
            "size": [3, 4],
        }));
        assert_eq!(read.name, "a");
        assert_eq!(read.labels, BTreeMap::from([("Name", "x"), ("name", "y")].map(|(k, v)| (k.into(), v.into()))));
        assert_eq!(read.ports["80/TCP"].as_deref(), Some(&[Inner { count: 2, on: true }][..]));
        assert_eq!((read.items, read.size), (vec![Inner { count: 1, on: false }], Some((3, 4))));
    }

    #[test]
    fn the_exact_name_goes_before_another_and_none_is_read_twice() {
        let read = outer(json!({ "NAME": "other", "Name": "exact", "name": "third" }));
        assert_eq!(read.name, "exact");
        assert_eq!(outer(json!({ "NAME": "one", "name": "two" })).name, "one");
    }

    #[test]
    fn null_is_absent_or_the_zero_value() {
        let read = outer(json!({
            "Name": null,
            "Labels": { "a": null },
            "Ports": { "80/tcp": null },
            "Items": [null, { "CPUCount": null, "On": null }],
            "Size": null,
        }));
        let labels = BTreeMap::from([("a".to_owned(), String::new())]);
        let ports = BTreeMap::from([("80/tcp".to_owned(), None)]);
        let items = vec![Inner::default(), Inner::default()];
        assert_eq!(read, Outer { labels, ports, items, ..Outer::default() });
        assert_eq!(outer(Value::Null), Outer::default());
    }

    #[test]
    fn another_shape_is_refused() {
        for value in [json!({ "name": 1 }), json!({ "items": {} }), json!([1]), json!({ "labels": { "a": 1 } })] {
            assert!(read::<Outer>(&value).is_err(), "{value}");
        }
    }
}
