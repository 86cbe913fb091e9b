//! Prints to standard output without a C run-time library in between, so that what is printed is printed at once.
#ifndef CASEMENT_TEXT_OUTPUT_H
#define CASEMENT_TEXT_OUTPUT_H

#include <stdarg.h>
#include <stdio.h>
#include <windows.h>

__attribute__((format(gnu_printf, 1, 2))) static inline void say(const char *format, ...) {
    char line[4096];
    DWORD written;
    va_list arguments;
    va_start(arguments, format);
    int length = __mingw_vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof line) length = sizeof line - 1;
    if (length > 0) WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)length, &written, NULL);
}

// Prints UTF-16 text as UTF-8.
static inline void say_wide(const char *before, const wchar_t *text, const char *after) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *narrow = HeapAlloc(GetProcessHeap(), 0, (SIZE_T)size + 1);
    DWORD written;
    if (!narrow) return;
    WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, size, NULL, NULL);
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), before, (DWORD)lstrlenA(before), &written, NULL);
    if (size > 1) WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), narrow, (DWORD)size - 1, &written, NULL);
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), after, (DWORD)lstrlenA(after), &written, NULL);
    HeapFree(GetProcessHeap(), 0, narrow);
}

#endif
