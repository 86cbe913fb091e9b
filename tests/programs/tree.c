//! tree.exe DEPTH SECONDS [hold]: starts itself DEPTH times below itself; the deepest sleeps. The others wait for their
//! child, or, with "hold", leave at once, so that the child outlives them holding their standard handles.
#include <stdlib.h>
#include <string.h>

#include "text_output.h"

int main(int count, char **words) {
    int depth = count > 1 ? atoi(words[1]) : 0;
    const char *seconds = count > 2 ? words[2] : "1";
    BOOL hold = count > 3 && !strcmp(words[3], "hold");
    say("depth %d pid %lu\n", depth, GetCurrentProcessId());
    if (!depth) {
        Sleep((DWORD)atoi(seconds) * 1000);
        say("deepest done\n");
        return 0;
    }
    char program[MAX_PATH], line[MAX_PATH + 64];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(line, sizeof line, "\"%s\" %d %s%s", program, depth - 1, seconds, hold ? " hold" : "");
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child)) return 3;
    if (!hold) WaitForSingleObject(child.hProcess, INFINITE);
    return 0;
}
