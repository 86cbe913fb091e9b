//! The control protocol between the agent and CExecSvc, on file descriptor 3: little-endian messages of
//! u32 type, u32 payload length, payload. Strings are a u32 byte length and UTF-16LE without terminator.
#ifndef CASEMENT_CEXECSVC_PROTOCOL_H
#define CASEMENT_CEXECSVC_PROTOCOL_H

#include "../nt/text.h"

enum { CONTROL_DESCRIPTOR = 3, STDIO_DESCRIPTORS = 3 };

enum message_type {
    MESSAGE_START = 1,
    MESSAGE_CONSOLE_EVENT = 2,
    MESSAGE_TERMINATE = 3,
    MESSAGE_LIST_PROCESSES = 4,  // its value is not used
    MESSAGE_STARTED = 16,
    MESSAGE_FAILED = 17,
    MESSAGE_EXITED = 18,
    MESSAGE_PROCESSES = 19,
};

enum start_flag {
    START_CONSOLE = 1,         // fds 0-2 are a pseudo terminal, which the program inherits
    START_RESTRICTED = 2,      // run without administrator rights
    START_ALL_PROCESSORS = 4,  // undo the processor affinity the agent set for a quick start
    START_SERVICES = 8,        // start services.exe when the first program asks for it; for a silo's first program
};

enum failed_stage {
    STAGE_WORKING_DIRECTORY = 1,
    STAGE_CREATE_PROCESS = 2,
    STAGE_TOKEN = 3,
    STAGE_PROTOCOL = 4,
};

struct start_request {
    ULONG flags;
    BOOL has_stdio;                // three descriptors came along with START, to be used in place of 0 to 2
    int stdio[STDIO_DESCRIPTORS];
    WCHAR *application;  // empty: the first word of the command line
    WCHAR *command_line;
    WCHAR *working_directory;
    WCHAR *user;
    WCHAR *environment;  // NAME=value, each terminated, and one more terminator at the end
};

struct control_message {
    ULONG type;
    ULONG value;  // the event or the exit code
};

// Waits for START; a CExecSvc may be started long before it, to stand by for a quick start. The texts live until the process ends. Returns FALSE when the peer does not keep to the protocol.
BOOL protocol_read_start(struct start_request *request);

// Waits for the next message of a running program. Returns FALSE at the end of the connection, or on nonsense.
BOOL protocol_read_control(struct control_message *message);

void protocol_send_started(ULONG process_id);
void protocol_send_exited(ULONG exit_code);

// Sends a list of processes (processes.c).
void protocol_send_processes(const void *records, ULONG size);

// Reports the failure and ends CExecSvc.
__attribute__((noreturn)) void protocol_fail(ULONG win32_error, enum failed_stage stage);

#endif
