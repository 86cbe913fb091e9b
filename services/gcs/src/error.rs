//! Failures of the bridge, each with the HRESULT that it means to a client of the compute service.

use casement_schema::{DocumentError, HResult, HcsError, Win32Error};

use crate::frame::FrameError;
use crate::message::MessageType;

/// A failure of the bridge or of the other side's work.
#[derive(Debug, thiserror::Error)]
pub enum GcsError {
    /// The other side answered with an error.
    #[error("{message}")]
    Remote {
        /// What the other side reported.
        hresult: HResult,
        /// Its message, or the text of the HRESULT when it sent none.
        message: String,
    },
    /// The other side sent what is no frame.
    #[error("malformed bridge message: {0}")]
    Frame(#[from] FrameError),
    /// A payload does not have the form of its message.
    #[error("payload of {message_type} is invalid: {source}")]
    Payload {
        /// Message that the payload belongs to.
        message_type: MessageType,
        /// What the JSON parser says.
        source: DocumentError,
    },
    /// A message that does not belong here, such as a response to no request.
    #[error("unexpected bridge message {message_type} with id {id}")]
    Unexpected {
        /// Type as it came.
        message_type: MessageType,
        /// Id as it came.
        id: u64,
    },
    /// More descriptors than one message may carry.
    #[error("{0} descriptors given; a message carries at most {max}", max = crate::descriptors::MAX_DESCRIPTORS)]
    TooManyDescriptors(usize),
    /// The other side does not read what was sent.
    #[error("output queue is full ({0} bytes); the other side does not read")]
    QueueFull(usize),
    /// Too many messages came in that nobody asked for.
    #[error("more than {0} messages wait to be taken")]
    TooManyPending(usize),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The socket failed.
    #[error("bridge socket: {0}")]
    Io(#[from] std::io::Error),
}

impl GcsError {
    /// The HRESULT that a client of the compute service sees for this failure.
    pub fn hresult(&self) -> HResult {
        match self {
            GcsError::Remote { hresult, .. } => *hresult,
            GcsError::Frame(_) | GcsError::TooManyDescriptors(_) | GcsError::TooManyPending(_) => {
                HcsError::ProtocolError.hresult()
            }
            GcsError::Payload { .. } => HcsError::InvalidJson.hresult(),
            GcsError::Unexpected { .. } => HcsError::UnknownMessage.hresult(),
            GcsError::Timeout | GcsError::QueueFull(_) => HcsError::ConnectionTimeout.hresult(),
            GcsError::Closed => HcsError::ConnectionClosed.hresult(),
            GcsError::Io(_) => HcsError::ConnectFailed.hresult(),
        }
    }

    /// Whether this says that a compute system or process does not exist any more.
    pub fn is_gone(&self) -> bool {
        let hresult = self.hresult();
        hresult.win32() == Some(Win32Error::ElementNotFound.code())
            || matches!(
                hresult.hcs_error(),
                Some(HcsError::SystemNotFound | HcsError::SystemAlreadyStopped | HcsError::ProcessAlreadyStopped)
            )
    }
}
