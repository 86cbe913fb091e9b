//! The service control manager on demand.
#include "service_control.h"

enum {
    // As Wine's RPC library makes its pipes, or it could not add its own instances to ours.
    PACKET_BYTES = 0x16d0,
    // How long a second client waits for services.exe to be there, in milliseconds.
    BUSY_MILLISECONDS = 30000,
    START_MILLISECONDS = 60000,
    MESSAGE_BYTES = 64 << 10,
};

static const WCHAR pipe_name[] = L"\\\\.\\pipe\\svcctl";
static const WCHAR started_event_name[] = L"__wine_SvcctlStarted";

static HANDLE client;            // the instance of the pipe that the first client is connected to
static OVERLAPPED connecting;

// One direction of the first client's connection.
struct carrier {
    HANDLE from, to;
};

HANDLE service_control_listen(void) {
    client = CreateNamedPipeW(pipe_name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                              PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, PIPE_UNLIMITED_INSTANCES, PACKET_BYTES,
                              PACKET_BYTES, BUSY_MILLISECONDS, NULL);
    if (client == INVALID_HANDLE_VALUE) return NULL;
    connecting.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!connecting.hEvent) return NULL;
    if (!ConnectNamedPipe(client, &connecting) && GetLastError() == ERROR_PIPE_CONNECTED) SetEvent(connecting.hEvent);
    return connecting.hEvent;
}

// Starts services.exe and waits until it listens.
static BOOL start_services(WCHAR *environment) {
    WCHAR line[] = L"C:\\Windows\\system32\\services.exe";
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    HANDLE waits[2];
    HANDLE started = CreateEventW(NULL, TRUE, FALSE, started_event_name);
    if (!started) return FALSE;
    BOOL running = CreateProcessW(line, line, NULL, NULL, FALSE, CREATE_UNICODE_ENVIRONMENT | DETACHED_PROCESS,
                                  environment, L"C:\\", &startup, &process);
    if (running) {
        waits[0] = started;
        waits[1] = process.hProcess;
        running = WaitForMultipleObjects(2, waits, FALSE, START_MILLISECONDS) == WAIT_OBJECT_0;
        NtClose(process.hThread);
        NtClose(process.hProcess);
    }
    NtClose(started);
    return running;
}

static BOOL transfer(BOOL writes, HANDLE pipe, char *buffer, DWORD size, DWORD *done, HANDLE event) {
    OVERLAPPED overlapped = {.hEvent = event};
    BOOL good = writes ? WriteFile(pipe, buffer, size, NULL, &overlapped)
                       : ReadFile(pipe, buffer, size, NULL, &overlapped);
    if (!good && GetLastError() != ERROR_IO_PENDING && GetLastError() != ERROR_MORE_DATA) return FALSE;
    return GetOverlappedResult(pipe, &overlapped, done, TRUE) || GetLastError() == ERROR_MORE_DATA;
}

static DWORD WINAPI carry(void *argument) {
    struct carrier *carrier = argument;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    char *buffer = HeapAlloc(GetProcessHeap(), 0, MESSAGE_BYTES);
    DWORD got, put;
    if (event && buffer)
        while (transfer(FALSE, carrier->from, buffer, MESSAGE_BYTES, &got, event) &&
               transfer(TRUE, carrier->to, buffer, got, &put, event)) {}
    // Either end gone ends both: the other carrier's wait fails then.
    DisconnectNamedPipe(client);
    HeapFree(GetProcessHeap(), 0, buffer);
    if (event) NtClose(event);
    return 0;
}

static DWORD WINAPI serve_first_client(void *environment) {
    static struct carrier requests, replies;
    DWORD mode = PIPE_READMODE_MESSAGE;
    if (start_services(environment)) {
        HANDLE services = CreateFileW(pipe_name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                      FILE_FLAG_OVERLAPPED, NULL);
        if (services != INVALID_HANDLE_VALUE && SetNamedPipeHandleState(services, &mode, NULL, NULL)) {
            requests = (struct carrier){client, services};
            replies = (struct carrier){services, client};
            HANDLE thread = CreateThread(NULL, 0, carry, &replies, 0, NULL);
            if (thread) {
                carry(&requests);
                NtClose(services);
                WaitForSingleObject(thread, INFINITE);
                NtClose(thread);
            }
        }
    }
    NtClose(client);
    return 0;
}

void service_control_start(WCHAR *environment) {
    HANDLE thread = CreateThread(NULL, 0, serve_first_client, environment, 0, NULL);
    if (thread) NtClose(thread);
    else NtClose(client);
}
