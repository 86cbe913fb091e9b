//! ctrl.exe FILE [SECONDS] [stay]: prints every console control event it gets. After close, logoff and shutdown it
//! writes the event's name into FILE and ends with 0; Ctrl-C and Ctrl-Break are only printed. Without any event it
//! ends with 9 after SECONDS (60). With "stay" it does not end itself: the system has to.
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

int main(int count, char **words) {
    if (count < 2) return 2;
    file_name = words[1];
    stays = count > 3 && !strcmp(words[3], "stay");
    finished = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(handle_event, TRUE);
    say("ready, console %s\n", GetConsoleCP() ? "yes" : "no");
    DWORD seconds = count > 2 ? (DWORD)atoi(words[2]) : 60;
    return WaitForSingleObject(finished, seconds * 1000) == WAIT_OBJECT_0 ? 0 : 9;
}
