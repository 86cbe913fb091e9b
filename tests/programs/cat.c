//! cat.exe [slow]: copies standard input to standard output with ReadFile and WriteFile until the end.
//! It prints to standard error how many bytes it copied and the kind of its standard input.
#include <stdio.h>
#include <windows.h>

int main(void) {
    static char buffer[1 << 16];
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD got, put, mode = PIPE_READMODE_BYTE | PIPE_WAIT;
    unsigned long long total = 0;
    BOOL is_nt_pipe = SetNamedPipeHandleState(input, &mode, NULL, NULL);
    while (ReadFile(input, buffer, sizeof buffer, &got, NULL) && got) {
        for (DWORD done = 0; done < got; done += put)
            if (!WriteFile(output, buffer + done, got - done, &put, NULL)) {
                fprintf(stderr, "write failed: %lu\n", GetLastError());
                return 3;
            }
        total += got;
    }
    fprintf(stderr, "%llu bytes, input type %lu, NT pipe %d\n", total, GetFileType(input), is_nt_pipe);
    return 0;
}
