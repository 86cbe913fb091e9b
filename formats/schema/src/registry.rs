//! Registry changes of a container or a virtual machine (Microsoft: `RegistryChanges`).

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Changes applied before the first process starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RegistryChanges {
    /// Values to write; their keys are created.
    #[serde(skip_serializing_if = "is_default")]
    pub add_values: Vec<RegistryValue>,
    /// Keys to delete with all below them.
    #[serde(skip_serializing_if = "is_default")]
    pub delete_keys: Vec<RegistryKey>,
}

/// A registry key below one of the machine's hives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RegistryKey {
    /// Hive; `System` when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub hive: Option<RegistryHive>,
    /// Path below the hive, separated by backslashes.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Not written to the hive file.
    #[serde(skip_serializing_if = "is_default")]
    pub volatile: bool,
}

/// A value to write, with its data in the field that its type names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RegistryValue {
    /// Key to write to.
    #[serde(skip_serializing_if = "is_default")]
    pub key: Option<RegistryKey>,
    /// Name of the value; empty is the key's default value.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Type of the data.
    #[serde(rename = "Type", skip_serializing_if = "is_default")]
    pub kind: Option<RegistryValueType>,
    /// Data of the string types.
    #[serde(skip_serializing_if = "is_default")]
    pub string_value: String,
    /// Data of `Binary` and `CustomType`, base64.
    #[serde(skip_serializing_if = "is_default")]
    pub binary_value: String,
    /// Data of `DWord`; Go clients send it signed.
    #[serde(
        rename = "DWordValue",
        deserialize_with = "crate::json::signed_or_unsigned_dword",
        skip_serializing_if = "is_default"
    )]
    pub dword_value: u32,
    /// Data of `QWord`; Go clients send it signed.
    #[serde(
        rename = "QWordValue",
        deserialize_with = "crate::json::signed_or_unsigned_qword",
        skip_serializing_if = "is_default"
    )]
    pub qword_value: u64,
    /// Number of the type for `CustomType`.
    #[serde(deserialize_with = "crate::json::signed_or_unsigned_dword", skip_serializing_if = "is_default")]
    pub custom_type: u32,
}

/// The hives of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegistryHive {
    #[default]
    System,
    Software,
    Security,
    Sam,
}

/// Type of registry data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegistryValueType {
    /// REG_NONE
    #[default]
    None,
    /// REG_SZ
    String,
    /// REG_EXPAND_SZ
    ExpandedString,
    /// REG_MULTI_SZ
    MultiString,
    /// REG_BINARY
    Binary,
    /// REG_DWORD
    DWord,
    /// REG_QWORD
    QWord,
    /// Numbered by `CustomType`.
    CustomType,
}
