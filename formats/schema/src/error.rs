//! HRESULTs of the compute service and their names and texts.
//!
//! Sources: winerror.h of the Windows SDK (`ERROR_VMCOMPUTE_*` 0xC0370xxx, `HCS_E_*` 0x80370xxx), Microsoft, "HCS
//! error codes", and [MS-ERREF] for the layout of an HRESULT and the Win32 codes.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An HRESULT. JSON holds it as a signed number, people read it as `0xc037010e`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HResult(pub u32);

/// `HRESULT_FROM_WIN32` sets severity and facility 7.
const FACILITY_WIN32: u32 = 0x8007_0000;

impl HResult {
    /// Success.
    pub const OK: HResult = HResult(0);
    /// Unspecified failure.
    pub const FAIL: HResult = HResult(0x8000_4005);
    /// Not implemented.
    pub const NOT_IMPLEMENTED: HResult = HResult(0x8000_4001);
    /// Catastrophic failure, for what must not happen.
    pub const UNEXPECTED: HResult = HResult(0x8000_ffff);

    /// The HRESULT of a Win32 error code (`HRESULT_FROM_WIN32`): 0 stays 0, an HRESULT stays itself.
    pub const fn from_win32(code: u32) -> HResult {
        if code == 0 || code & 0x8000_0000 != 0 { HResult(code) } else { HResult(code & 0xffff | FACILITY_WIN32) }
    }

    /// The Win32 code in an HRESULT of facility 7.
    pub const fn win32(self) -> Option<u32> {
        if self.0 & 0xffff_0000 == FACILITY_WIN32 { Some(self.0 & 0xffff) } else { None }
    }

    /// The number as JSON documents hold it.
    pub const fn as_i32(self) -> i32 {
        self.0 as i32
    }

    /// Severity bit not set.
    pub const fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }

    /// The error of the compute service that this is, in either form.
    pub fn hcs_error(self) -> Option<HcsError> {
        HcsError::ALL
            .iter()
            .copied()
            .find(|error| error.vmcompute_code() == Some(self) || error.hcs_code() == Some(self))
    }

    /// The text that Windows has for the code, without the code.
    pub fn message(self) -> Option<&'static str> {
        if let Some(error) = self.hcs_error() {
            return Some(error.message());
        }
        if let Some(error) = crate::hcn::HcnError::from_hresult(self) {
            return Some(error.message());
        }
        if let Some(error) = self.win32().and_then(Win32Error::from_code) {
            return Some(error.message());
        }
        match self {
            HResult::OK => Some("The operation completed successfully."),
            HResult::FAIL => Some("Unspecified error"),
            HResult::NOT_IMPLEMENTED => Some("Not implemented"),
            HResult::UNEXPECTED => Some("Catastrophic failure"),
            _ => None,
        }
    }

    /// Text and code as Windows clients print them: `The parameter is incorrect. (0x57)`. Win32 errors show their
    /// Win32 code, others the whole HRESULT.
    pub fn describe(self) -> String {
        let code = self.win32().unwrap_or(self.0);
        match self.message() {
            Some(message) => format!("{message} ({code:#x})"),
            None => format!("HRESULT: {self}"),
        }
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for HResult {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i32(self.as_i32())
    }
}

impl<'de> Deserialize<'de> for HResult {
    /// Takes the signed and the unsigned form.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<HResult, D::Error> {
        crate::json::signed_or_unsigned_dword(from).map(HResult).map_err(D::Error::custom)
    }
}

impl From<HcsError> for HResult {
    fn from(error: HcsError) -> HResult {
        error.hresult()
    }
}

impl From<Win32Error> for HResult {
    fn from(error: Win32Error) -> HResult {
        HResult::from_win32(error.code())
    }
}

/// Codes from here on exist only as `HCS_E_*`.
const FIRST_HCS_ONLY: u32 = 0x114;

macro_rules! hcs_errors {
    ($($variant:ident = $low:literal, $name:literal, $forms:ident, $message:literal;)*) => {
        /// An error of the compute service, by the low word that its two HRESULT forms share.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HcsError {
            $(#[doc = $message] $variant,)*
        }

        impl HcsError {
            /// Every error.
            pub const ALL: &[HcsError] = &[$(HcsError::$variant),*];

            /// Name without `ERROR_VMCOMPUTE_` or `HCS_E_`.
            pub const fn name(self) -> &'static str {
                match self { $(HcsError::$variant => $name,)* }
            }

            /// Microsoft's text.
            pub const fn message(self) -> &'static str {
                match self { $(HcsError::$variant => $message,)* }
            }

            const fn low(self) -> u32 {
                match self { $(HcsError::$variant => $low,)* }
            }

            const fn forms(self) -> Forms {
                match self { $(HcsError::$variant => Forms::$forms,)* }
            }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Forms {
    Both,
    VmcomputeOnly,
    HcsOnly,
}

hcs_errors! {
    TerminatedDuringStart = 0x100, "TERMINATED_DURING_START", Both, "The virtual machine or container exited unexpectedly while starting.";
    ImageMismatch = 0x101, "IMAGE_MISMATCH", Both, "The container operating system does not match the host operating system.";
    HypervNotInstalled = 0x102, "HYPERV_NOT_INSTALLED", Both, "The virtual machine could not be started because a required feature is not installed.";
    VmcomputeOperationPending = 0x103, "OPERATION_PENDING", VmcomputeOnly, "The call to start an asynchronous operation succeeded and the operation is performed in the background.";
    TooManyNotifications = 0x104, "TOO_MANY_NOTIFICATIONS", VmcomputeOnly, "The supported number of notification callbacks has been exceeded.";
    InvalidState = 0x105, "INVALID_STATE", Both, "The requested virtual machine or container operation is not valid in the current state.";
    UnexpectedExit = 0x106, "UNEXPECTED_EXIT", Both, "The virtual machine or container exited unexpectedly.";
    Terminated = 0x107, "TERMINATED", Both, "The virtual machine or container was forcefully exited.";
    ConnectFailed = 0x108, "CONNECT_FAILED", Both, "A connection could not be established with the container or virtual machine.";
    ConnectionTimeout = 0x109, "CONNECTION_TIMEOUT", Both, "The operation timed out because a response was not received from the virtual machine or container.";
    ConnectionClosed = 0x10a, "CONNECTION_CLOSED", Both, "The connection with the virtual machine or container was closed.";
    UnknownMessage = 0x10b, "UNKNOWN_MESSAGE", Both, "An unknown internal message was received by the virtual machine or container.";
    UnsupportedProtocolVersion = 0x10c, "UNSUPPORTED_PROTOCOL_VERSION", Both, "The virtual machine or container does not support an available version of the communication protocol with the host.";
    InvalidJson = 0x10d, "INVALID_JSON", Both, "The virtual machine or container JSON document is invalid.";
    SystemNotFound = 0x10e, "SYSTEM_NOT_FOUND", Both, "A virtual machine or container with the specified identifier does not exist.";
    SystemAlreadyExists = 0x10f, "SYSTEM_ALREADY_EXISTS", Both, "A virtual machine or container with the specified identifier already exists.";
    SystemAlreadyStopped = 0x110, "SYSTEM_ALREADY_STOPPED", Both, "The virtual machine or container with the specified identifier is not running.";
    ProtocolError = 0x111, "PROTOCOL_ERROR", Both, "A communication protocol error has occurred between the virtual machine or container and the host.";
    InvalidLayer = 0x112, "INVALID_LAYER", Both, "The container image contains a layer with an unrecognized format.";
    WindowsInsiderRequired = 0x113, "WINDOWS_INSIDER_REQUIRED", Both, "To use this container image, you must join the Windows Insider Program. Please see https://go.microsoft.com/fwlink/?linkid=850659 for more information.";
    ServiceNotAvailable = 0x114, "SERVICE_NOT_AVAILABLE", HcsOnly, "The operation could not be started because a required feature is not installed.";
    OperationNotStarted = 0x115, "OPERATION_NOT_STARTED", HcsOnly, "The operation has not started.";
    OperationAlreadyStarted = 0x116, "OPERATION_ALREADY_STARTED", HcsOnly, "The operation is already running.";
    OperationPending = 0x117, "OPERATION_PENDING", HcsOnly, "The operation is still running.";
    OperationTimeout = 0x118, "OPERATION_TIMEOUT", HcsOnly, "The operation did not complete in time.";
    OperationSystemCallbackAlreadySet = 0x119, "OPERATION_SYSTEM_CALLBACK_ALREADY_SET", HcsOnly, "An event callback has already been registered on this handle.";
    OperationResultAllocationFailed = 0x11a, "OPERATION_RESULT_ALLOCATION_FAILED", HcsOnly, "Not enough memory available to return the result of the operation.";
    AccessDenied = 0x11b, "ACCESS_DENIED", HcsOnly, "Insufficient privileges. Only administrators or users that are members of the Hyper-V Administrators user group are permitted to access virtual machines or containers.";
    GuestCriticalError = 0x11c, "GUEST_CRITICAL_ERROR", HcsOnly, "The virtual machine or container reported a critical error and was stopped or restarted.";
    ProcessInfoNotAvailable = 0x11d, "PROCESS_INFO_NOT_AVAILABLE", HcsOnly, "The process information is not available.";
    ServiceDisconnect = 0x11e, "SERVICE_DISCONNECT", HcsOnly, "The host compute system service has disconnected unexpectedly.";
    ProcessAlreadyStopped = 0x11f, "PROCESS_ALREADY_STOPPED", HcsOnly, "The process has already exited.";
}

impl HcsError {
    /// `ERROR_VMCOMPUTE_*`, the form of vmcompute.dll that hcsshim compares with.
    pub fn vmcompute_code(self) -> Option<HResult> {
        (self.forms() != Forms::HcsOnly).then(|| HResult(0xc037_0000 | self.low()))
    }

    /// `HCS_E_*`, the form of computecore.dll.
    pub fn hcs_code(self) -> Option<HResult> {
        (self.forms() != Forms::VmcomputeOnly).then(|| HResult(0x8037_0000 | self.low()))
    }

    /// The form that clients recognise: 0xC0370xxx where it exists.
    pub const fn hresult(self) -> HResult {
        if self.low() < FIRST_HCS_ONLY { HResult(0xc037_0000 | self.low()) } else { HResult(0x8037_0000 | self.low()) }
    }
}

impl fmt::Display for HcsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.hresult())
    }
}

macro_rules! win32_errors {
    ($($variant:ident = $code:literal, $message:literal;)*) => {
        /// A Win32 error that container operations meet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Win32Error {
            $(#[doc = $message] $variant = $code,)*
        }

        impl Win32Error {
            /// Every error of the table.
            pub const ALL: &[Win32Error] = &[$(Win32Error::$variant),*];

            /// The error with this code, if the table has it.
            pub const fn from_code(code: u32) -> Option<Win32Error> {
                match code { $($code => Some(Win32Error::$variant),)* _ => None }
            }

            /// The text that `FormatMessage` gives.
            pub const fn message(self) -> &'static str {
                match self { $(Win32Error::$variant => $message,)* }
            }
        }
    };
}

win32_errors! {
    FileNotFound = 2, "The system cannot find the file specified.";
    PathNotFound = 3, "The system cannot find the path specified.";
    AccessDenied = 5, "Access is denied.";
    InvalidHandle = 6, "The handle is invalid.";
    NotEnoughMemory = 8, "Not enough memory resources are available to process this command.";
    InvalidData = 13, "The data is invalid.";
    NotReady = 21, "The device is not ready.";
    SharingViolation = 32, "The process cannot access the file because it is being used by another process.";
    NotSupported = 50, "The request is not supported.";
    FileExists = 80, "The file exists.";
    InvalidParameter = 87, "The parameter is incorrect.";
    BrokenPipe = 109, "The pipe has been ended.";
    DiskFull = 112, "There is not enough space on the disk.";
    InvalidName = 123, "The filename, directory name, or volume label syntax is incorrect.";
    ProcNotFound = 127, "The specified procedure could not be found.";
    AlreadyExists = 183, "Cannot create a file when that file already exists.";
    BadExeFormat = 193, "%1 is not a valid Win32 application.";
    FilenameTooLong = 206, "The filename or extension is too long.";
    ExeMachineTypeMismatch = 216, "This version of %1 is not compatible with the version of Windows you're running. Check your computer's system information and then contact the software publisher.";
    WaitTimeout = 258, "The wait operation timed out.";
    InvalidDirectory = 267, "The directory name is invalid.";
    ElevationRequired = 740, "The requested operation requires elevation.";
    DeviceNotConnected = 1167, "The device is not connected.";
    ElementNotFound = 1168, "Element not found.";
    Cancelled = 1223, "The operation was canceled by the user.";
    NoSuchUser = 1317, "The specified account does not exist.";
    LogonFailure = 1326, "The user name or password is incorrect.";
    NoSystemResources = 1450, "Insufficient system resources exist to complete the requested service.";
    Timeout = 1460, "This operation returned because the timeout period expired.";
}

impl Win32Error {
    /// The Win32 code.
    pub const fn code(self) -> u32 {
        self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_not_found_has_the_form_that_clients_recognise() {
        let code = HResult::from(HcsError::SystemNotFound);
        assert_eq!(code.to_string(), "0xc037010e");
        assert_eq!(serde_json::to_string(&code).unwrap(), "-1070137074");
        assert_eq!(HResult(0x8037_010e).hcs_error(), Some(HcsError::SystemNotFound));
        assert_eq!(code.hcs_error(), Some(HcsError::SystemNotFound));
    }

    #[test]
    fn every_error_is_found_again_by_each_of_its_codes() {
        for &error in HcsError::ALL {
            for code in [error.vmcompute_code(), error.hcs_code()].into_iter().flatten() {
                assert_eq!(code.hcs_error(), Some(error), "{code}");
            }
            assert_eq!(error.hresult().hcs_error(), Some(error));
        }
        assert_eq!(HResult(0x8037_0103).hcs_error(), None);
        assert_eq!(HResult(0xc037_011f).hcs_error(), None);
    }

    #[test]
    fn win32_codes_become_hresults_and_back() {
        assert_eq!(HResult::from_win32(2), HResult(0x8007_0002));
        assert_eq!(HResult::from_win32(0), HResult::OK);
        assert_eq!(HResult::from_win32(0x8007_0002), HResult(0x8007_0002));
        assert_eq!(HResult(0x8007_0490).win32(), Some(1168));
        assert_eq!(HResult(0x8007_0002).describe(), "The system cannot find the file specified. (0x2)");
        assert_eq!(HResult(0x8000_0001).describe(), "HRESULT: 0x80000001");
    }

    #[test]
    fn json_takes_the_signed_and_the_unsigned_form() {
        let signed: HResult = serde_json::from_str("-1070137074").unwrap();
        let unsigned: HResult = serde_json::from_str("3224830222").unwrap();
        assert_eq!(signed, unsigned);
        assert!(serde_json::from_str::<HResult>("4294967296").is_err());
        assert!(serde_json::from_str::<HResult>("-2147483649").is_err());
    }
}
