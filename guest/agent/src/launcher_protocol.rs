//! The messages between the agent and CExecSvc.exe, the Windows-side launcher.
//!
//! Each message is a little-endian u32 type, a u32 payload length and the payload; strings are a u32 length in
//! bytes and UTF-16LE. `guest/windows/README.md` has the table.

use casement_schema::process::ProcessParameters;
use casement_schema::properties::ProcessDetails;

const START: u32 = 1;
const CONSOLE_EVENT: u32 = 2;
const TERMINATE: u32 = 3;
const LIST_PROCESSES: u32 = 4;
const STARTED: u32 = 16;
const FAILED: u32 = 17;
const EXITED: u32 = 18;
const PROCESSES: u32 = 19;

/// Longest payload of a report from the launcher, in bytes.
const MAX_REPORT: usize = 64;
/// Longest list of processes, in bytes: more than a job may have tasks.
const MAX_PROCESSES: usize = 4 << 20;
/// Bytes of a process in the list before its name.
const RECORD: usize = 48;
/// Units of 100 ns between the beginnings of Windows' time (1601) and of Unix'.
const EPOCH_1601: i64 = 116_444_736_000_000_000;
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
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// The program runs; its Windows process id.
    Started(u32),
    /// The program could not be started: a Win32 error code.
    Failed(u32),
    /// The program ended with this code.
    Exited(u32),
    /// All processes of the silo.
    Processes(Vec<ProcessDetails>),
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

/// The request to tell of all processes of the silo.
pub fn list_processes() -> Vec<u8> {
    message(LIST_PROCESSES, &[0; 4])
}

/// Takes whole reports off the front of `bytes`. An error means that this is no launcher's stream.
pub fn take_reports(bytes: &mut Vec<u8>) -> Result<Vec<Report>, ()> {
    let mut reports = Vec::new();
    while bytes.len() >= HEADER {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let kind = word(0).ok_or(())?;
        let length = word(4).ok_or(())? as usize;
        if length > (if kind == PROCESSES { MAX_PROCESSES } else { MAX_REPORT }) {
            return Err(());
        }
        if bytes.len() < HEADER + length {
            break;
        }
        if kind == PROCESSES {
            reports.push(Report::Processes(processes(&bytes[HEADER..HEADER + length]).ok_or(())?));
            bytes.drain(..HEADER + length);
            continue;
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

/// The processes of a list: for each u32 id, u32 bytes of its name, five u64 (time of creation, user time, kernel time,
/// committed bytes, bytes in memory), and the name in UTF-16LE. `None` for a list that is none.
fn processes(mut list: &[u8]) -> Option<Vec<ProcessDetails>> {
    let mut processes = Vec::new();
    while !list.is_empty() {
        let word = |at: usize| Some(u32::from_le_bytes(list.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(list.get(at..at + 8)?.try_into().ok()?));
        let name_bytes = word(4)? as usize;
        let name = list.get(RECORD..RECORD.checked_add(name_bytes)?)?;
        let units: Vec<u16> = name.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        let private = long(32)?;
        // Process 0 is no process: it stands for the time in which there is nothing to do.
        if word(0)? != 0 {
            processes.push(ProcessDetails {
                process_id: word(0)?,
                image_name: String::from_utf16_lossy(&units),
                create_timestamp: timestamp(long(8)?),
                user_time_100ns: long(16)?,
                kernel_time_100ns: long(24)?,
                memory_commit_bytes: private,
                memory_working_set_private_bytes: private,
                memory_working_set_shared_bytes: long(40)?.saturating_sub(private),
            });
        }
        list = &list[RECORD + name_bytes..];
    }
    Some(processes)
}

/// A time of Windows as RFC 3339, in UTC; empty when it is none.
fn timestamp(units: u64) -> String {
    let since_1970 = i64::try_from(units).ok().and_then(|units| units.checked_sub(EPOCH_1601));
    let nanoseconds = since_1970.map(|units| i128::from(units) * 100);
    nanoseconds.and_then(|n| jiff::Timestamp::from_nanosecond(n).ok()).map(|t| t.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u32, name: &str) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = [id.to_le_bytes(), (name.len() as u32).to_le_bytes()].concat();
        for number in [EPOCH_1601 as u64, 20, 30, 4096, 8192] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(name);
        bytes
    }

    #[test]
    fn a_list_of_processes_is_read() {
        let list = [record(0, ""), record(32, "cmd.exe")].concat();
        let mut bytes = message(PROCESSES, &list);
        let reports = take_reports(&mut bytes).unwrap();
        let [Report::Processes(processes)] = &reports[..] else { panic!("{reports:?}") };
        let [process] = &processes[..] else { panic!("{processes:?}") };
        assert_eq!((process.process_id, process.image_name.as_str()), (32, "cmd.exe"));
        assert_eq!((process.user_time_100ns, process.kernel_time_100ns), (20, 30));
        assert_eq!((process.memory_working_set_private_bytes, process.memory_working_set_shared_bytes), (4096, 4096));
        assert_eq!(process.create_timestamp, "1970-01-01T00:00:00Z");
        let mut cut = record(32, "cmd.exe");
        cut.pop();
        assert_eq!(processes_of(&cut), None);
        cut[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(processes_of(&cut), None);
    }

    fn processes_of(list: &[u8]) -> Option<Vec<ProcessDetails>> {
        processes(list)
    }

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
