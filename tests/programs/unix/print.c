// echo, printf and test: what scripts print and ask.
#include "unix.h"
#include <stdlib.h>
#include <string.h>
#include <windows.h>

// Prints what follows a backslash and returns the place behind it.
static const char *print_escape(const char *at) {
    switch (*at) {
        case 'n': putchar('\n'); break;
        case 'r': putchar('\r'); break;
        case 't': putchar('\t'); break;
        case 'a': putchar('\a'); break;
        case '\\': putchar('\\'); break;
        case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
            int value = 0;
            for (int digits = 0; digits < 4 && *at >= '0' && *at <= '7'; digits++) value = value * 8 + *at++ - '0';
            putchar(value);
            return at;
        }
        case 0: putchar('\\'); return at;
        default: putchar('\\'), putchar(*at);
    }
    return at + 1;
}

static void print_escaped(const char *text) {
    while (*text)
        if (*text == '\\') text = print_escape(text + 1);
        else putchar(*text++);
}

int command_echo(int argc, char **argv) {
    bool newline = true, escapes = false;
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1] && !argv[i][1 + strspn(argv[i] + 1, "neE")]; i++) {
        if (strchr(argv[i], 'n')) newline = false;
        if (strchr(argv[i], 'e')) escapes = true;
    }
    for (int first = i; i < argc; i++) {
        if (i > first) putchar(' ');
        if (escapes) print_escaped(argv[i]);
        else fputs(argv[i], stdout);
    }
    if (newline) putchar('\n');
    fflush(stdout);
    return 0;
}

// %s %d %x %c %% and escapes; the format is used again while arguments are left.
int command_printf(int argc, char **argv) {
    if (argc < 2) return fail("printf", "a format is missing");
    int next = 2;
    do {
        int before = next;
        for (const char *at = argv[1]; *at;) {
            if (*at == '\\') {
                at = print_escape(at + 1);
            } else if (*at == '%' && at[1] == '%') {
                putchar('%');
                at += 2;
            } else if (*at == '%') {
                char format[16];
                size_t length = 1 + strspn(at + 1, "-+ 0123456789.");
                char kind = at[length];
                if (!kind || length > sizeof format - 4) return fail("printf", "%s: invalid format", argv[1]);
                memcpy(format, at, length);
                at += length + 1;
                const char *value = next < argc ? argv[next++] : kind == 's' || kind == 'c' || kind == 'b' ? "" : "0";
                strcpy(format + length, (char[]){kind == 'b' ? 's' : kind, 0});
                if (kind == 'b') print_escaped(value);
                else if (kind == 's') printf(format, value);
                else if (kind == 'c') putchar(*value);
                else if (strchr("dixXou", kind)) printf(format, (int)strtol(value, NULL, 0));
                else return fail("printf", "%%%c: invalid format", kind);
            } else {
                putchar(*at++);
            }
        }
        if (next == before) break;
    } while (next < argc);
    fflush(stdout);
    return 0;
}

static bool file_is(char kind, const char *path) {
    WIN32_FILE_ATTRIBUTE_DATA data;
    if (!GetFileAttributesExA(native_path(path), GetFileExInfoStandard, &data)) return false;
    bool directory = data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    switch (kind) {
        case 'd': return directory;
        case 'f': return !directory;
        case 's': return data.nFileSizeLow || data.nFileSizeHigh;
        default: return true;
    }
}

static int compare(const char *left, const char *operator, const char *right) {
    if (!strcmp(operator, "=") || !strcmp(operator, "==")) return !strcmp(left, right);
    if (!strcmp(operator, "!=")) return strcmp(left, right) != 0;
    long a = strtol(left, NULL, 10), b = strtol(right, NULL, 10);
    static const char names[6][4] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
    const bool results[6] = {a == b, a != b, a < b, a <= b, a > b, a >= b};
    for (int i = 0; i < 6; i++)
        if (!strcmp(operator, names[i])) return results[i];
    return -1;
}

int command_test(int argc, char **argv) {
    if (!strcmp(base_name(argv[0]), "[")) {
        if (strcmp(argv[argc - 1], "]")) return fail("[", "missing ]"), 2;
        argc--;
    }
    bool wanted = true;
    if (argc > 1 && !strcmp(argv[1], "!")) wanted = false, argc--, argv++;
    int result = -1;
    if (argc == 1) result = false;
    else if (argc == 2) result = argv[1][0] != 0;
    else if (argc == 4) result = compare(argv[1], argv[2], argv[3]);
    else if (argc == 3 && argv[1][0] == '-' && argv[1][1] && !argv[1][2])
        switch (argv[1][1]) {
            case 'z': result = !argv[2][0]; break;
            case 'n': result = argv[2][0] != 0; break;
            case 'e': case 'f': case 'd': case 's': case 'r': case 'w': case 'x': result = file_is(argv[1][1], argv[2]); break;
        }
    if (result < 0) return fail("test", "cannot understand its arguments"), 2;
    return result != wanted;
}
