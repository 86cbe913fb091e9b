//! console.exe [wait]: prints the size of its console as "size ROWSxCOLUMNS", or the error that it has none. With "wait" it
//! then reads lines and prints them in brackets, until one is "quit".
#include <string.h>

#include "text_output.h"

int main(int count, char **words) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    if (GetConsoleScreenBufferInfo(output, &info))
        say("size %dx%d\n", info.srWindow.Bottom - info.srWindow.Top + 1, info.srWindow.Right - info.srWindow.Left + 1);
    else
        say("no console: error %lu\n", GetLastError());
    if (count < 2 || strcmp(words[1], "wait")) return 0;
    char line[256];
    DWORD length;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), line, sizeof line - 1, &length, NULL) && length) {
        while (length && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
        line[length] = 0;
        say("[%s]\n", line);
        if (!strcmp(line, "quit")) return 3;
    }
    return 4;
}
