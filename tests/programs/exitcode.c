//! exitcode.exe CODE: ends with the 32-bit exit code, decimal or 0x-hexadecimal.
#include <stdlib.h>
#include <windows.h>

int main(int count, char **words) {
    ExitProcess(count > 1 ? (UINT)strtoul(words[1], NULL, 0) : 0);
}
