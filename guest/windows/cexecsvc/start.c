//! CExecSvc.exe: starts one program in the silo for the agent and stays with it until it ends.
//! It exists because a Windows command line, 32-bit exit codes, NT pipes, tokens, jobs and console events can be had
//! from the Windows side only. Imports kernel32 and ntdll only, which every process loads anyway.
#include "../nt/linux_calls.h"
#include "console_events.h"
#include "device_server.h"
#include "environment.h"
#include "job.h"
#include "pipes.h"
#include "processes.h"
#include "profile.h"
#include "protocol.h"
#include "service_control.h"
#include "shell.h"
#include "token.h"
#include "volumes.h"

enum { MAX_PATH_VARIABLE_UNITS = 32767 };

static const NTSTATUS connection_lost_exit = (NTSTATUS)0xC000013A;

typedef BOOL(WINAPI *create_process_as_user)(HANDLE, LPCWSTR, LPWSTR, LPSECURITY_ATTRIBUTES, LPSECURITY_ATTRIBUTES,
                                             BOOL, DWORD, LPVOID, LPCWSTR, LPSTARTUPINFOW, LPPROCESS_INFORMATION);

// CreateProcess looks for programs in its caller's directory and Path, so the caller takes the program's.
static void enter_container(const struct start_request *request, WCHAR *environment) {
    WCHAR *path = HeapAlloc(GetProcessHeap(), 0, MAX_PATH_VARIABLE_UNITS * sizeof(WCHAR));
    if (path && environment_get(environment, L"Path", path, MAX_PATH_VARIABLE_UNITS))
        SetEnvironmentVariableW(L"PATH", path);
    HeapFree(GetProcessHeap(), 0, path);
    const WCHAR *directory = request->working_directory[0] ? request->working_directory : L"C:\\";
    if (SetCurrentDirectoryW(directory)) return;
    ULONG error = GetLastError();
    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || error == ERROR_INVALID_NAME)
        error = ERROR_DIRECTORY;
    protocol_fail(error, STAGE_WORKING_DIRECTORY);
}

// Wine gives a new process the affinity its server noted when the parent started, so the server has to hear of it too.
static void use_all_processors(void) {
    SYSTEM_INFO system;
    linux_use_all_processors();
    GetSystemInfo(&system);
    SetProcessAffinityMask(GetCurrentProcess(), system.dwActiveProcessorMask);
}

// A list with the one attribute that puts the new process into the job before it runs.
static LPPROC_THREAD_ATTRIBUTE_LIST job_attribute(HANDLE *job) {
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = HeapAlloc(GetProcessHeap(), 0, size);
    if (!list || !InitializeProcThreadAttributeList(list, 1, 0, &size) ||
        !UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, job, sizeof *job, NULL, NULL))
        protocol_fail(GetLastError(), STAGE_CREATE_PROCESS);
    return list;
}

static PROCESS_INFORMATION create_program(const struct start_request *request, WCHAR *environment, HANDLE *job) {
    enum { FLAGS = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT };
    PROCESS_INFORMATION process;
    STARTUPINFOEXW startup = {.StartupInfo.cb = sizeof startup, .lpAttributeList = job_attribute(job)};
    const WCHAR *application = request->application[0] ? request->application : NULL;
    BOOL relayed = !(request->flags & START_CONSOLE), started;
    if (relayed) {
        ULONG error = pipes_create(&startup.StartupInfo, request->has_stdio ? request->stdio : NULL);
        if (error) protocol_fail(error, STAGE_CREATE_PROCESS);
    }
    if (request->flags & START_RESTRICTED) {
        HANDLE token;
        ULONG error = token_create_restricted(&token);
        create_process_as_user create = (create_process_as_user)(void *)GetProcAddress(
            GetModuleHandleW(L"kernelbase.dll"), "CreateProcessAsUserW");
        if (!error && !create) error = ERROR_PROC_NOT_FOUND;
        if (error) protocol_fail(error, STAGE_TOKEN);
        started = create(token, application, request->command_line, NULL, NULL, TRUE, FLAGS, environment, NULL,
                         &startup.StartupInfo, &process);
        NtClose(token);
    } else {
        started = CreateProcessW(application, request->command_line, NULL, NULL, TRUE, FLAGS, environment, NULL,
                                 &startup.StartupInfo, &process);
    }
    if (!started) protocol_fail(GetLastError(), STAGE_CREATE_PROCESS);
    protocol_send_started(process.dwProcessId);
    if (relayed) {
        BOOL shell = shell_reads_commands(request->command_line);
        pipes_start(&startup.StartupInfo, shell ? INPUT_BY_LINES : INPUT_AS_IT_COMES);
    }
    NtClose(process.hThread);
    return process;
}

// On a console CExecSvc gets every Ctrl-C meant for the program. A handler, unlike SetConsoleCtrlHandler(NULL), is not
// inherited by the program.
static BOOL WINAPI ignore_console_event(DWORD event) {
    (void)event;
    return TRUE;
}

// What obey_control needs.
struct running_program {
    HANDLE job;
    ULONG process_id;
};

// Obeys the agent while the program runs. A lost connection means that nobody owns the program any more.
static DWORD WINAPI obey_control(void *argument) {
    const struct running_program *program = argument;
    struct control_message message;
    linux_release_stack();
    while (protocol_read_control(&message)) {
        if (message.type == MESSAGE_CONSOLE_EVENT)
            console_events_send(program->job, program->process_id, message.value);
        else if (message.type == MESSAGE_LIST_PROCESSES)
            processes_report();
        else
            TerminateJobObject(program->job, message.value);
    }
    TerminateJobObject(program->job, (UINT)connection_lost_exit);
    return 0;
}

// Waits for the program's end. Meanwhile starts the services when somebody asks for them, and tells of the volumes. Either
// handle may be NULL.
static void wait_for_end(HANDLE process, HANDLE services_wanted, HANDLE volumes_asked, WCHAR *environment) {
    for (;;) {
        HANDLE waits[3] = {process};
        DWORD count = 1;
        if (services_wanted) waits[count++] = services_wanted;
        if (volumes_asked) waits[count++] = volumes_asked;
        DWORD woken = WaitForMultipleObjects(count, waits, FALSE, INFINITE);
        if (woken == WAIT_OBJECT_0 || woken >= WAIT_OBJECT_0 + count) return;
        if (waits[woken] == volumes_asked) {
            if (!device_server_answer(process)) volumes_asked = NULL;
        } else {
            service_control_start(environment);
            services_wanted = NULL;
        }
    }
}

void NTAPI start(void *peb) {
    struct start_request request;
    DWORD exit_code = 0;
    (void)peb;
    linux_release_stack();
    linux_close_on_exec(CONTROL_DESCRIPTOR);
    if (!protocol_read_start(&request)) protocol_fail(ERROR_INVALID_DATA, STAGE_PROTOCOL);
    if (request.flags & START_CONSOLE) SetConsoleCtrlHandler(ignore_console_event, TRUE);
    if (request.flags & START_ALL_PROCESSORS) use_all_processors();
    WCHAR *environment = environment_build(request.user, request.environment);
    if (!environment) protocol_fail(ERROR_NOT_ENOUGH_MEMORY, STAGE_CREATE_PROCESS);
    profile_make_directories(request.user);
    enter_container(&request, environment);
    HANDLE job = job_create();
    if (!job) protocol_fail(GetLastError(), STAGE_CREATE_PROCESS);
    HANDLE services_wanted = request.flags & START_SERVICES ? service_control_listen() : NULL;
    HANDLE volumes_asked = request.flags & START_SERVICES ? volumes_open() : NULL;
    PROCESS_INFORMATION process = create_program(&request, environment, &job);

    struct running_program program = {job, process.dwProcessId};
    HANDLE control = CreateThread(NULL, 0, obey_control, &program, 0, NULL);
    if (!control) TerminateJobObject(job, (UINT)connection_lost_exit);
    wait_for_end(process.hProcess, services_wanted, volumes_asked, environment);
    GetExitCodeProcess(process.hProcess, &exit_code);
    if (!(request.flags & START_CONSOLE)) pipes_drain();
    protocol_send_exited(exit_code);
    NtTerminateProcess(CURRENT_PROCESS, 0);
}
