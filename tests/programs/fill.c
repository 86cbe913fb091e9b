//! fill.exe DIRECTORY: writes a file in DIRECTORY until the disk is full. Prints "total MB", "free MB" (as GetDiskFreeSpaceEx says
//! before), "wrote MB" and "error NUMBER", one a line.
#include "text_output.h"

enum { BLOCK = 1 << 20 };

int main(int count, char **words) {
    static char block[BLOCK];
    ULARGE_INTEGER available, total, unused;
    char path[MAX_PATH];
    if (count != 2) return 2;
    if (!GetDiskFreeSpaceExA(words[1], &available, &total, &unused)) return 1;
    say("total %llu\nfree %llu\n", total.QuadPart >> 20, available.QuadPart >> 20);
    snprintf(path, sizeof path, "%s\\filled.bin", words[1]);
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) return 1;
    for (int i = 0; i < BLOCK; i++) block[i] = (char)(i * 31);
    unsigned long long bytes = 0;
    DWORD written = 0, error = 0;
    for (;;) {
        if (!WriteFile(file, block, BLOCK, &written, NULL)) {
            error = GetLastError();
            break;
        }
        bytes += written;
        if (bytes >> 30) break;
    }
    CloseHandle(file);
    say("wrote %llu\nerror %lu\n", bytes >> 20, error);
    return 0;
}
