//! spin.exe SECONDS [THREADS]: burns processor time on THREADS (1) threads and prints the CPU time it got, in ms.
#include <stdlib.h>

#include "text_output.h"

static ULONGLONG end_tick;

static DWORD WINAPI burn(void *unused) {
    volatile unsigned long long work = 0;
    (void)unused;
    while (GetTickCount64() < end_tick)
        for (int i = 0; i < 100000; i++) work += (unsigned)i;
    return 0;
}

int main(int count, char **words) {
    enum { MAX_THREADS = 64 };
    HANDLE threads[MAX_THREADS];
    int wanted = count > 2 ? atoi(words[2]) : 1;
    FILETIME created, ended, kernel, user;
    if (wanted < 1 || wanted > MAX_THREADS) return 2;
    end_tick = GetTickCount64() + (ULONGLONG)(count > 1 ? atoi(words[1]) : 1) * 1000;
    for (int i = 0; i < wanted; i++) threads[i] = CreateThread(NULL, 0, burn, NULL, 0, NULL);
    WaitForMultipleObjects((DWORD)wanted, threads, TRUE, INFINITE);
    GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
    ULONGLONG ticks = ((ULONGLONG)kernel.dwHighDateTime << 32 | kernel.dwLowDateTime) +
                      ((ULONGLONG)user.dwHighDateTime << 32 | user.dwLowDateTime);
    say("%llu ms of processor time\n", ticks / 10000);
    return 0;
}
