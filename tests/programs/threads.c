//! threads.exe LIMIT: starts threads that sleep until the system refuses one or there are LIMIT, prints how many it got,
//! and ends with 0 when it was refused, with 1 when it was not.
#include <stdlib.h>

#include "text_output.h"

static DWORD WINAPI rest(void *unused) {
    (void)unused;
    Sleep(INFINITE);
    return 0;
}

int main(int count, char **words) {
    int limit = count > 1 ? atoi(words[1]) : 100000, got = 0;
    BOOL refused = FALSE;
    while (got < limit && !refused) {
        HANDLE thread = CreateThread(NULL, 65536, rest, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        if (thread) {
            CloseHandle(thread);
            got++;
        } else {
            refused = TRUE;
        }
    }
    say("%d threads, %s\n", got, refused ? "refused" : "not refused");
    ExitProcess(refused ? 0 : 1);
}
