//! ctrl.exe FILE [SECONDS] [stay|leads|follows]: prints every console control event it gets. After close, logoff and
//! shutdown it writes the event's name into FILE and ends with 0; Ctrl-C and Ctrl-Break are only printed. Without any event it
//! ends with 9 after SECONDS (60). With "stay" it does not end itself: the system has to. With "leads" and "follows" it
//! starts another of its kind first and, with "follows", ends only when that one has ended.
#include <stdlib.h>
#include <string.h>

#include "text_output.h"

static const char *file_name;
static BOOL stays;
static HANDLE finished;

static const char *event_name(DWORD event) {
    switch (event) {
    case CTRL_C_EVENT: return "CTRL_C";
    case CTRL_BREAK_EVENT: return "CTRL_BREAK";
    case CTRL_CLOSE_EVENT: return "CTRL_CLOSE";
    case CTRL_LOGOFF_EVENT: return "CTRL_LOGOFF";
    case CTRL_SHUTDOWN_EVENT: return "CTRL_SHUTDOWN";
    default: return "unknown";
    }
}

static BOOL WINAPI handle_event(DWORD event) {
    say("event %s\n", event_name(event));
    if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) return TRUE;
    FILE *file = fopen(file_name, "wb");
    if (file) {
        fputs(event_name(event), file);
        fclose(file);
    }
    if (!stays) {
        SetEvent(finished);
        Sleep(2000);  // the main thread ends the process first
    }
    return TRUE;
}

static HANDLE start_child(const char *program) {
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char line[2 * MAX_PATH];
    snprintf(line, sizeof line, "%s %s.child 600", program, file_name);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) return NULL;
    CloseHandle(process.hThread);
    return process.hProcess;
}

int main(int count, char **words) {
    if (count < 2) return 2;
    const char *conduct = count > 3 ? words[3] : "";
    BOOL follows = !strcmp(conduct, "follows");
    file_name = words[1];
    stays = follows || !strcmp(conduct, "stay");
    HANDLE child = follows || !strcmp(conduct, "leads") ? start_child(words[0]) : NULL;
    finished = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(handle_event, TRUE);
    say("ready, console %s\n", GetConsoleCP() ? "yes" : "no");
    DWORD seconds = count > 2 ? (DWORD)atoi(words[2]) : 60;
    return WaitForSingleObject(child && follows ? child : finished, seconds * 1000) == WAIT_OBJECT_0 ? 0 : 9;
}
