//! The messages between the agent and CExecSvc.exe, the Windows-side launcher.
//!
//! Each message is a little-endian u32 type, a u32 payload length and the payload; strings are a u32 length in
//! bytes and UTF-16LE. `guest/windows/README.md` has the table.

use casement_schema::process::ProcessParameters;

const START: u32 = 1;
const CONSOLE_EVENT: u32 = 2;
const TERMINATE: u32 = 3;
const STARTED: u32 = 16;
const FAILED: u32 = 17;
const EXITED: u32 = 18;

/// Longest payload of a report from the launcher, in bytes.
const MAX_REPORT: usize = 64;
const HEADER: usize = 8;

const FLAG_CONSOLE: u32 = 1;
const FLAG_RESTRICTED: u32 = 2;
const FLAG_ALL_PROCESSORS: u32 = 4;
const FLAG_SERVICES: u32 = 8;

/// A console control event, numbered as in SetConsoleCtrlHandler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ConsoleEvent {
    CtrlC = 0,
    CtrlBreak = 1,
    CtrlClose = 2,
    LogOff = 5,
    Shutdown = 6,
}

/// What the launcher tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The program runs; its Windows process id.
    Started(u32),
    /// The program could not be started: a Win32 error code.
    Failed(u32),
    /// The program ended with this code.
    Exited(u32),
}

fn message(kind: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend(kind.to_le_bytes());
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes
}

fn put_string(payload: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    payload.extend((units.len() as u32 * 2).to_le_bytes());
    payload.extend(units.iter().flat_map(|u| u.to_le_bytes()));
}

/// What else a launcher does beside starting its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Nothing.
    None,
    /// It starts Windows services when a program first asks for them: the silo's first launcher has this duty.
    Services,
}

/// The request to start a program.
pub fn start(parameters: &ProcessParameters, duty: Duty) -> Vec<u8> {
    let mut flags = FLAG_ALL_PROCESSORS;
    if duty == Duty::Services {
        flags |= FLAG_SERVICES;
    }
    if parameters.emulate_console {
        flags |= FLAG_CONSOLE;
    }
    // On Windows, ContainerUser is a plain user: what the image's default of nanoserver is for.
    if parameters.restricted_token || parameters.user.eq_ignore_ascii_case("ContainerUser") {
        flags |= FLAG_RESTRICTED;
    }
    let mut environment = String::new();
    for (name, value) in &parameters.environment {
        environment.push_str(name);
        environment.push('=');
        environment.push_str(value);
        environment.push('\0');
    }
    let mut payload = flags.to_le_bytes().to_vec();
    for text in [
        &parameters.application_name,
        &parameters.command_line,
        &parameters.working_directory,
        &parameters.user,
        &environment,
    ] {
        put_string(&mut payload, text);
    }
    message(START, &payload)
}

/// The request to tell every process of the program's job of an event.
pub fn console_event(event: ConsoleEvent) -> Vec<u8> {
    message(CONSOLE_EVENT, &(event as u32).to_le_bytes())
}

/// The request to end every process of the program's job.
pub fn terminate(exit_code: u32) -> Vec<u8> {
    message(TERMINATE, &exit_code.to_le_bytes())
}

/// Takes whole reports off the front of `bytes`. An error means that this is no launcher's stream.
pub fn take_reports(bytes: &mut Vec<u8>) -> Result<Vec<Report>, ()> {
    let mut reports = Vec::new();
    while bytes.len() >= HEADER {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let kind = word(0).ok_or(())?;
        let length = word(4).ok_or(())? as usize;
        if length > MAX_REPORT {
            return Err(());
        }
        if bytes.len() < HEADER + length {
            break;
        }
        let value = if length >= 4 { word(HEADER).ok_or(())? } else { return Err(()) };
        reports.push(match kind {
            STARTED => Report::Started(value),
            FAILED => Report::Failed(value),
            EXITED => Report::Exited(value),
            _ => return Err(()),
        });
        bytes.drain(..HEADER + length);
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_arrive_in_pieces() {
        let mut all = message(STARTED, &44u32.to_le_bytes());
        all.extend(message(EXITED, &0xC000_0005u32.to_le_bytes()));
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        for byte in all {
            buffer.push(byte);
            seen.extend(take_reports(&mut buffer).unwrap());
        }
        assert_eq!(seen, [Report::Started(44), Report::Exited(0xC000_0005)]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_hostile_stream_is_refused() {
        for bytes in
            [message(99, &[0; 4]), message(STARTED, &[]), [STARTED.to_le_bytes(), u32::MAX.to_le_bytes()].concat()]
        {
            assert!(take_reports(&mut bytes.clone()).is_err());
        }
    }
}
