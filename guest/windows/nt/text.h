//! Small operations on UTF-16 text for programs without a C run-time library.
#ifndef CASEMENT_TEXT_H
#define CASEMENT_TEXT_H

#include "native.h"

// The number of UTF-16 units before the terminator.
static inline size_t text_length(const WCHAR *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

// A counted view of terminated text. Text beyond the 32,767 units a UNICODE_STRING can hold is cut.
static inline UNICODE_STRING text_view(const WCHAR *text) {
    size_t length = text_length(text);
    if (length > 0x7ffe) length = 0x7ffe;
    UNICODE_STRING view = {(USHORT)(length * sizeof(WCHAR)), (USHORT)((length + 1) * sizeof(WCHAR)), (WCHAR *)text};
    return view;
}

// Appends `more` at `end` and returns the new end; the caller has made sure of the room.
static inline WCHAR *text_append(WCHAR *end, const WCHAR *more) {
    while (*more) *end++ = *more++;
    *end = 0;
    return end;
}

// Appends ASCII text, likewise.
static inline WCHAR *text_append_ascii(WCHAR *end, const char *more) {
    while (*more) *end++ = (unsigned char)*more++;
    *end = 0;
    return end;
}

// Appends a decimal number, likewise (at most 10 units).
static inline WCHAR *text_append_number(WCHAR *end, ULONG number) {
    WCHAR digits[10];
    int count = 0;
    do digits[count++] = (WCHAR)(L'0' + number % 10);
    while (number /= 10);
    while (count) *end++ = digits[--count];
    *end = 0;
    return end;
}

// Appends a number as four lower-case hexadecimal digits, likewise.
static inline WCHAR *text_append_hex4(WCHAR *end, ULONG number) {
    for (int shift = 12; shift >= 0; shift -= 4) *end++ = L"0123456789abcdef"[number >> shift & 15];
    *end = 0;
    return end;
}

#endif
