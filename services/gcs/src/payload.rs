//! Payloads of the bridge, with the member names of `internal/gcs/prot` of microsoft/hcsshim.
//!
//! Members that hold their zero value may be absent when read and are always written, except where Microsoft's
//! agents refuse an unknown or empty member.

use std::ops::{Deref, DerefMut};

use casement_schema::guest::GuestDefinedCapabilities;
use casement_schema::modify::GuestModifySettingRequest;
use casement_schema::process::{ProcessParameters, SignalProcessOptions};
use casement_schema::properties::{ExitType, OsType, Properties, PropertyQuery};
use casement_schema::{Guid, HResult, Version};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Protocol version that is spoken here and by Windows since 1809.
pub const PROTOCOL_VERSION: u32 = 4;
/// No limit of [`WaitForProcess::timeout_in_ms`].
pub const INFINITE: u32 = u32::MAX;

/// A document inside a JSON string.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnyInString<T>(pub T);

impl<T> Deref for AnyInString<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for AnyInString<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Serialize> Serialize for AnyInString<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serde_json::to_string(&self.0).map_err(S::Error::custom)?)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for AnyInString<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AnyInString<T>, D::Error> {
        let text = String::deserialize(from)?;
        casement_schema::from_json(text.as_bytes()).map(AnyInString).map_err(D::Error::custom)
    }
}

/// What every request holds, and all that Start, ShutdownGraceful, ShutdownForced, DumpStacks and
/// DeleteContainerState hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RequestBase {
    /// Compute system that the request is for; the null GUID is the virtual machine itself.
    pub container_id: String,
    /// Joins the traces of both sides.
    pub activity_id: Guid,
}

impl RequestBase {
    /// A request to a compute system.
    pub fn new(container_id: impl Into<String>) -> RequestBase {
        RequestBase { container_id: container_id.into(), activity_id: Guid::NULL }
    }
}

/// What every response holds, and all that many hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResponseBase {
    /// 0, or why the request failed.
    pub result: HResult,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error_message: String,
    /// As in the request.
    pub activity_id: Guid,
    /// How the failure came about, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_records: Vec<ErrorRecord>,
}

impl ResponseBase {
    /// Success.
    pub fn success() -> ResponseBase {
        ResponseBase::default()
    }

    /// A failure; an empty message is filled with the text of the HRESULT.
    pub fn failure(result: impl Into<HResult>, message: impl Into<String>) -> ResponseBase {
        let result = result.into();
        let mut error_message: String = message.into();
        if error_message.is_empty() {
            error_message = result.describe();
        }
        ResponseBase { result, error_message, ..ResponseBase::default() }
    }
}

/// One step of how a failure came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ErrorRecord {
    /// HRESULT of the step.
    pub result: HResult,
    /// For people.
    pub message: String,
    /// Call stack, if the agent keeps one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stack_trace: String,
    /// Module of the step.
    pub module_name: String,
    /// Source file of the step.
    pub file_name: String,
    /// Line in the source file.
    pub line: u32,
    /// Function of the step.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub function_name: String,
}

/// A response of any request.
pub trait Response: DeserializeOwned {
    /// The part that every response has.
    fn base(&self) -> &ResponseBase;
}

impl Response for ResponseBase {
    fn base(&self) -> &ResponseBase {
        self
    }
}

macro_rules! responses {
    ($($name:ident),*) => {
        $(impl Response for $name {
            fn base(&self) -> &ResponseBase {
                &self.base
            }
        })*
    };
}

responses!(
    NegotiateResponse,
    ExecuteProcessResponse,
    WaitForProcessResponse,
    GetPropertiesResponse,
    DumpStacksResponse
);

/// Request NegotiateProtocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Negotiate {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Lowest version that the requester speaks.
    pub minimum_version: u32,
    /// Highest version that the requester speaks.
    pub maximum_version: u32,
}

impl Negotiate {
    /// Asks for [`PROTOCOL_VERSION`].
    pub fn current() -> Negotiate {
        Negotiate {
            base: RequestBase::new(Guid::NULL.to_string()),
            minimum_version: PROTOCOL_VERSION,
            maximum_version: PROTOCOL_VERSION,
        }
    }

    /// Whether the range holds [`PROTOCOL_VERSION`].
    pub fn is_acceptable(&self) -> bool {
        (self.minimum_version..=self.maximum_version).contains(&PROTOCOL_VERSION)
    }
}

/// Response to NegotiateProtocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NegotiateResponse {
    #[serde(flatten)]
    pub base: ResponseBase,
    /// Version that is spoken from now on.
    pub version: u32,
    /// What the agent can do.
    pub capabilities: Capabilities,
}

/// What an agent can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Capabilities {
    /// Wants a Create for the virtual machine itself.
    pub send_host_create_message: bool,
    /// Wants a Start for the virtual machine itself.
    pub send_host_start_message: bool,
    /// Takes Hyper-V socket settings with the first Create.
    #[serde(rename = "HvSocketConfigOnStartup")]
    pub hv_socket_config_on_startup: bool,
    /// Sends LifecycleNotification.
    pub send_lifecycle_notifications: bool,
    /// Takes ModifyServiceSettings.
    pub modify_service_settings_supported: bool,
    /// Versions of documents that the agent reads.
    pub supported_schema_versions: Vec<Version>,
    /// Operating system in the guest.
    pub runtime_os_type: OsType,
    /// Further abilities.
    pub guest_defined_capabilities: GuestDefinedCapabilities,
}

/// Request Create. `C` is the configuration: `Value`, `HostedSystem`, `ComputeSystem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(bound(deserialize = "C: DeserializeOwned", serialize = "C: Serialize"))]
pub struct Create<C = Value> {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Document of the compute system.
    pub container_config: AnyInString<C>,
}

/// Request ExecuteProcess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecuteProcess {
    #[serde(flatten)]
    pub base: RequestBase,
    /// What to run and where its streams go.
    pub settings: ExecuteProcessSettings,
}

impl ExecuteProcess {
    /// A process whose streams are descriptors that travel with the message.
    pub fn new(container_id: impl Into<String>, parameters: ProcessParameters) -> ExecuteProcess {
        ExecuteProcess {
            base: RequestBase::new(container_id),
            settings: ExecuteProcessSettings {
                process_parameters: AnyInString(parameters),
                ..ExecuteProcessSettings::default()
            },
        }
    }
}

/// What to run and where its streams go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecuteProcessSettings {
    /// What to run.
    pub process_parameters: AnyInString<ProcessParameters>,
    /// Streams over Hyper-V sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdio_relay_settings: Option<StdioRelaySettings>,
    /// Streams over vsock ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vsock_stdio_relay_settings: Option<VsockStdioRelaySettings>,
}

/// Hyper-V socket services of a process's streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StdioRelaySettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_in: Option<Guid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_out: Option<Guid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_err: Option<Guid>,
}

/// Vsock ports of a process's streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VsockStdioRelaySettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_in: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_out: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_err: Option<u32>,
}

/// Response to ExecuteProcess.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecuteProcessResponse {
    #[serde(flatten)]
    pub base: ResponseBase,
    /// Names the process in later requests.
    pub process_id: u32,
}

/// Request WaitForProcess.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WaitForProcess {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Process to wait for.
    pub process_id: u32,
    /// Milliseconds; [`INFINITE`] waits forever.
    pub timeout_in_ms: u32,
}

/// Response to WaitForProcess.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WaitForProcessResponse {
    #[serde(flatten)]
    pub base: ResponseBase,
    /// All 32 bits.
    pub exit_code: u32,
}

/// Request SignalProcess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SignalProcess {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Process to signal.
    pub process_id: u32,
    /// The signal; the process is ended when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<SignalProcessOptions>,
}

/// Request ResizeConsole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResizeConsole {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Process with the console.
    pub process_id: u32,
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// Request GetProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetProperties {
    #[serde(flatten)]
    pub base: RequestBase,
    /// Which properties.
    pub query: AnyInString<PropertyQuery>,
}

/// Response to GetProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetPropertiesResponse {
    #[serde(flatten)]
    pub base: ResponseBase,
    /// The properties.
    pub properties: AnyInString<Properties>,
}

/// Request ModifySettings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifySettings {
    #[serde(flatten)]
    pub base: RequestBase,
    /// The change.
    pub request: GuestModifySettingRequest,
}

/// Response to DumpStacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DumpStacksResponse {
    #[serde(flatten)]
    pub base: ResponseBase,
    /// Text of the stacks.
    pub guest_stacks: String,
}

/// A container's notification: it has ended, or its state changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Notification {
    #[serde(flatten)]
    pub base: RequestBase,
    /// How the compute system ended.
    #[serde(rename = "Type")]
    pub kind: ExitType,
    /// Operation that the notification ends.
    pub operation: String,
    /// 0, or why it failed.
    pub result: HResult,
    /// Depends on `kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_info: Option<Value>,
}
