//! Firmware and boot of a virtual machine.

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// Firmware and boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Chipset {
    #[serde(skip_serializing_if = "is_default")]
    pub uefi: Option<Uefi>,
    #[serde(skip_serializing_if = "is_default")]
    pub is_num_lock_disabled: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub base_board_serial_number: String,
    #[serde(skip_serializing_if = "is_default")]
    pub chassis_serial_number: String,
    #[serde(skip_serializing_if = "is_default")]
    pub chassis_asset_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub use_utc: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub linux_kernel_direct: Option<LinuxKernelDirect>,
    #[serde(skip_serializing_if = "is_default")]
    pub firmware_file: Option<FirmwareFile>,
}

/// UEFI boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Uefi {
    #[serde(skip_serializing_if = "is_default")]
    pub enable_debugger: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub apply_secure_boot_template: String,
    #[serde(skip_serializing_if = "is_default")]
    pub secure_boot_template_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub boot_this: Option<UefiBootEntry>,
    #[serde(skip_serializing_if = "is_default")]
    pub console: String,
}

/// What UEFI boots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UefiBootEntry {
    #[serde(skip_serializing_if = "is_default")]
    pub device_type: Option<UefiBootDevice>,
    #[serde(skip_serializing_if = "is_default")]
    pub device_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub disk_number: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub optional_data: String,
    #[serde(skip_serializing_if = "is_default")]
    pub vmb_fs_root_path: String,
}

/// Device that UEFI boots from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UefiBootDevice {
    #[default]
    ScsiDrive,
    VmbFs,
    Network,
    File,
}

/// Direct boot of a Linux kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LinuxKernelDirect {
    #[serde(skip_serializing_if = "is_default")]
    pub kernel_file_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub init_rd_path: String,
    #[serde(skip_serializing_if = "is_default")]
    pub kernel_cmd_line: String,
}

/// A firmware to boot in place of UEFI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FirmwareFile {
    /// Opaque bytes, base64.
    #[serde(skip_serializing_if = "is_default")]
    pub parameters: String,
}
