//! alloc.exe MEGABYTES [EXITCODE] [hold SECONDS]: takes and touches memory one megabyte at a time, prints how much it got
//! each 16 MB, and ends with EXITCODE (0), or with 1 as soon as memory is refused.
#include <stdlib.h>
#include <string.h>

#include "text_output.h"

int main(int count, char **words) {
    int megabytes = count > 1 ? atoi(words[1]) : 64;
    for (int i = 1; i <= megabytes; i++) {
        char *block = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (!block) {
            say("refused after %d MB: error %lu\n", i - 1, GetLastError());
            return 1;
        }
        for (int page = 0; page < 1 << 20; page += 4096) block[page] = (char)i;
        if (i % 16 == 0 || i == megabytes) say("%d MB\n", i);
    }
    if (count > 4 && !strcmp(words[3], "hold")) Sleep((DWORD)atoi(words[4]) * 1000);
    return count > 2 ? (int)strtoul(words[2], NULL, 0) : 0;
}
