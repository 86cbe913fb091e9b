//! Wine's cmd reads what its input pipe holds, executes the first line, and loses the rest: it seeks back, as it may in a
//! file. Given one line at a time it loses nothing.
#include "shell.h"

static WCHAR lower(WCHAR unit) {
    return unit >= L'A' && unit <= L'Z' ? (WCHAR)(unit + (L'a' - L'A')) : unit;
}

// Whether the `length` units at `text` are `word` (lower case), whatever their case.
static BOOL is_word(const WCHAR *text, size_t length, const char *word) {
    size_t at = 0;
    while (at < length && word[at] && lower(text[at]) == (unsigned char)word[at]) at++;
    return at == length && !word[at];
}

BOOL shell_reads_commands(const WCHAR *command_line) {
    BOOL quoted = *command_line == L'"';
    const WCHAR *name = command_line += quoted, *end = command_line;
    for (; *end && *end != (quoted ? L'"' : L' '); end++)
        if (*end == L'\\' || *end == L'/') name = end + 1;
    size_t length = (size_t)(end - name);
    if (!is_word(name, length, "cmd") && !is_word(name, length, "cmd.exe")) return FALSE;
    for (; *end; end++)
        if (*end == L'/' && (lower(end[1]) == L'c' || lower(end[1]) == L'k')) return FALSE;
    return TRUE;
}
