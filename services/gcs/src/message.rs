//! Message types of the bridge, and messages with their descriptors.

use std::fmt;
use std::os::fd::OwnedFd;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::GcsError;
use crate::frame::{self, Frame};

/// Type of a message: kind (4 bits), category (8), message (12) and version (8) from the highest bit on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(u32);

/// Who speaks, and what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// Wants a response with the same id.
    Request,
    /// Answers a request.
    Response,
    /// Wants nothing.
    Notification,
    /// No kind that is known.
    Unknown(u8),
}

const KIND_SHIFT: u32 = 28;
const KIND_MASK: u32 = 0xf << KIND_SHIFT;
const REQUEST: u32 = 1;
const RESPONSE: u32 = 2;
const NOTIFICATION: u32 = 3;

macro_rules! message_types {
    ($($name:ident = $raw:literal, $text:literal, $doc:literal;)*) => {
        impl MessageType {
            $(#[doc = $doc] pub const $name: MessageType = MessageType($raw);)*

            /// Name of the operation, whatever the kind of the message is.
            pub const fn name(self) -> Option<&'static str> {
                $(if self.0 & !KIND_MASK == $raw & !KIND_MASK { return Some($text); })*
                None
            }
        }
    };
}

message_types! {
    CREATE = 0x1010_0101, "Create", "Make a compute system.";
    START = 0x1010_0201, "Start", "Start a compute system.";
    SHUTDOWN_GRACEFUL = 0x1010_0301, "ShutdownGraceful", "Ask a compute system to end.";
    SHUTDOWN_FORCED = 0x1010_0401, "ShutdownForced", "End a compute system.";
    EXECUTE_PROCESS = 0x1010_0501, "ExecuteProcess", "Start a process.";
    WAIT_FOR_PROCESS = 0x1010_0601, "WaitForProcess", "Answer when a process has ended.";
    SIGNAL_PROCESS = 0x1010_0701, "SignalProcess", "Signal or end a process.";
    RESIZE_CONSOLE = 0x1010_0801, "ResizeConsole", "Change the size of a process's console.";
    GET_PROPERTIES = 0x1010_0901, "GetProperties", "Report properties.";
    MODIFY_SETTINGS = 0x1010_0a01, "ModifySettings", "Change a resource.";
    NEGOTIATE = 0x1010_0b01, "NegotiateProtocol", "Agree on a protocol version; the first request.";
    DUMP_STACKS = 0x1010_0c01, "DumpStacks", "Report the stacks of the agent.";
    DELETE_CONTAINER_STATE = 0x1010_0d01, "DeleteContainerState", "Forget a compute system that ended.";
    UPDATE_CONTAINER = 0x1010_0e01, "UpdateContainer", "Change the limits of a container.";
    LIFECYCLE_NOTIFICATION = 0x1010_0f01, "LifecycleNotification", "Tell of a change of state.";
    MODIFY_SERVICE_SETTINGS = 0x1020_0101, "ModifyServiceSettings", "Change settings of the agent itself.";
}

impl MessageType {
    /// Notification of a container: its end, and whatever else the agent tells without being asked.
    pub const NOTIFICATION: MessageType = MessageType(0x3010_0101);

    /// The type with these bits; every value is allowed.
    pub const fn from_raw(raw: u32) -> MessageType {
        MessageType(raw)
    }

    /// The bits as the frame holds them.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Who speaks.
    pub const fn kind(self) -> MessageKind {
        match self.0 >> KIND_SHIFT {
            REQUEST => MessageKind::Request,
            RESPONSE => MessageKind::Response,
            NOTIFICATION => MessageKind::Notification,
            other => MessageKind::Unknown(other as u8),
        }
    }

    /// The response to this request.
    pub const fn response(self) -> MessageType {
        self.with_kind(RESPONSE)
    }

    /// The request that this response answers.
    pub const fn request(self) -> MessageType {
        self.with_kind(REQUEST)
    }

    const fn with_kind(self, kind: u32) -> MessageType {
        MessageType(self.0 & !KIND_MASK | kind << KIND_SHIFT)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind(), self.name()) {
            (MessageKind::Request, Some(name)) => f.write_str(name),
            (MessageKind::Response, Some(name)) => write!(f, "{name} response"),
            _ if *self == MessageType::NOTIFICATION => f.write_str("Notification"),
            _ => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A message as it came in: a frame and the descriptors that travelled with it.
#[derive(Debug)]
pub struct Message {
    /// What the payload is.
    pub message_type: MessageType,
    /// Joins a response to its request.
    pub id: u64,
    /// JSON text.
    pub payload: Vec<u8>,
    /// At most [`crate::descriptors::MAX_DESCRIPTORS`], all close-on-exec.
    pub fds: Vec<OwnedFd>,
}

impl Message {
    /// A frame with its descriptors.
    pub fn new(frame: Frame, fds: Vec<OwnedFd>) -> Message {
        Message { message_type: frame.message_type, id: frame.id, payload: frame.payload, fds }
    }

    /// Reads the payload; an empty one counts as `{}`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, GcsError> {
        let text: &[u8] = if self.payload.is_empty() { b"{}" } else { &self.payload };
        casement_schema::from_json(text).map_err(|source| GcsError::Payload { message_type: self.message_type, source })
    }
}

/// The bytes of a message.
pub(crate) fn encode<T: Serialize>(message_type: MessageType, id: u64, payload: &T) -> Result<Vec<u8>, GcsError> {
    let json = casement_schema::to_json(payload).map_err(|source| GcsError::Payload { message_type, source })?;
    Ok(frame::encode(message_type, id, json.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_type_of_its_request_with_kind_2() {
        assert_eq!(MessageType::CREATE.response().raw(), 0x2010_0101);
        assert_eq!(MessageType::CREATE.response().request(), MessageType::CREATE);
        assert_eq!(MessageType::CREATE.response().kind(), MessageKind::Response);
        assert_eq!(MessageType::NOTIFICATION.kind(), MessageKind::Notification);
        assert_eq!(MessageType::from_raw(0).kind(), MessageKind::Unknown(0));
    }

    #[test]
    fn types_name_themselves() {
        assert_eq!(MessageType::RESIZE_CONSOLE.response().to_string(), "ResizeConsole response");
        assert_eq!(MessageType::NOTIFICATION.to_string(), "Notification");
        assert_eq!(MessageType::from_raw(0x1030_0101).to_string(), "0x10300101");
    }

    #[test]
    fn a_payload_of_another_form_names_its_message() {
        let frame = Frame { message_type: MessageType::CREATE, id: 1, payload: b"[".to_vec() };
        let error = Message::new(frame, Vec::new()).parse::<serde_json::Value>().unwrap_err();
        assert!(error.to_string().starts_with("payload of Create is invalid"), "{error}");
    }
}
