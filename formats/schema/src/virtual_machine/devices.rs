//! Devices of a virtual machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::display::{EnhancedModeVideo, VideoMonitor};
use super::network_adapter::NetworkAdapter;
use super::pci::{FlexibleIoDevice, VirtualPciDevice};
use super::plan9::Plan9;
use super::pmem::VirtualPMemController;
use super::scsi::Scsi;
use super::shared_memory::SharedMemoryConfiguration;
use super::smb::VirtualSmb;
use crate::hv_socket::HvSocket2;
use crate::json::is_default;

/// All devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Devices {
    /// By number, from "0".
    #[serde(skip_serializing_if = "is_default")]
    pub com_ports: BTreeMap<String, ComPort>,
    /// By controller, a GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub scsi: BTreeMap<String, Scsi>,
    #[serde(rename = "VirtualPMem", skip_serializing_if = "is_default")]
    pub virtual_pmem: Option<VirtualPMemController>,
    /// By GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub network_adapters: BTreeMap<String, NetworkAdapter>,
    #[serde(skip_serializing_if = "is_default")]
    pub video_monitor: Option<VideoMonitor>,
    #[serde(skip_serializing_if = "is_default")]
    pub keyboard: Option<Keyboard>,
    #[serde(skip_serializing_if = "is_default")]
    pub mouse: Option<Mouse>,
    #[serde(skip_serializing_if = "is_default")]
    pub hv_socket: Option<HvSocket2>,
    #[serde(skip_serializing_if = "is_default")]
    pub enhanced_mode_video: Option<EnhancedModeVideo>,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_crash_reporting: Option<GuestCrashReporting>,
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_smb: Option<VirtualSmb>,
    #[serde(skip_serializing_if = "is_default")]
    pub plan9: Option<Plan9>,
    #[serde(skip_serializing_if = "is_default")]
    pub battery: Option<Battery>,
    /// By GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub flexible_iov: BTreeMap<String, FlexibleIoDevice>,
    #[serde(skip_serializing_if = "is_default")]
    pub shared_memory: Option<SharedMemoryConfiguration>,
    /// By GUID.
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_pci: BTreeMap<String, VirtualPciDevice>,
}

/// A serial port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ComPort {
    #[serde(skip_serializing_if = "is_default")]
    pub named_pipe: String,
    #[serde(skip_serializing_if = "is_default")]
    pub optimize_for_debugger: bool,
}

/// A keyboard, without settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Keyboard {}

/// A mouse, without settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mouse {}

/// A battery, without settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Battery {}

/// `GuestCrashReporting` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GuestCrashReporting {
    #[serde(skip_serializing_if = "is_default")]
    pub windows_crash_settings: Option<WindowsCrashReporting>,
}

/// `WindowsCrashReporting` of the HCS v2 schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WindowsCrashReporting {
    #[serde(skip_serializing_if = "is_default")]
    pub dump_file_name: String,
    /// In bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub max_dump_size: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub dump_type: String,
}
