//! Additional device namespace of a container; names are lower case as in Microsoft's container definition.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Extensions of a container's device namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerDefinitionDevice {
    #[serde(skip_serializing_if = "is_default")]
    pub device_extension: Vec<DeviceExtension>,
}

/// One extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceExtension {
    #[serde(skip_serializing_if = "is_default")]
    pub device_category: Option<DeviceCategory>,
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: Option<DeviceExtensionNamespace>,
}

/// A named group of interface classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceCategory {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub interface_class: Vec<InterfaceClass>,
}

/// One device interface class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceClass {
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub identifier: String,
    #[serde(skip_serializing_if = "is_default")]
    pub recurse: bool,
}

/// What an extension adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceExtensionNamespace {
    #[serde(skip_serializing_if = "is_default")]
    pub ob: Option<ObjectNamespace>,
    #[serde(skip_serializing_if = "is_default")]
    pub device: Option<DeviceNamespace>,
}

/// Devices that an extension adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceNamespace {
    #[serde(skip_serializing_if = "is_default")]
    pub requires_driverstore: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub device_category: Vec<DeviceCategory>,
    #[serde(skip_serializing_if = "is_default")]
    pub device_instance: Vec<DeviceInstance>,
}

/// One device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceInstance {
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub location_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub interface_class: Vec<InterfaceClass>,
}

/// Objects that an extension adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectNamespace {
    #[serde(skip_serializing_if = "is_default")]
    pub shadow: String,
    #[serde(skip_serializing_if = "is_default")]
    pub symlink: Vec<ObjectSymlink>,
    #[serde(skip_serializing_if = "is_default")]
    pub objdir: Vec<ObjectDirectory>,
}

/// A directory of the object namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectDirectory {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub clonesd: String,
    #[serde(skip_serializing_if = "is_default")]
    pub shadow: String,
    #[serde(skip_serializing_if = "is_default")]
    pub symlink: Vec<ObjectSymlink>,
    #[serde(skip_serializing_if = "is_default")]
    pub objdir: Vec<ObjectDirectory>,
}

/// A symbolic link of the object namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectSymlink {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub scope: String,
    #[serde(skip_serializing_if = "is_default")]
    pub pathtoclone: String,
    #[serde(skip_serializing_if = "is_default")]
    pub access_mask: i32,
}
