// Small Unix commands in one program, for images that the test suites of Docker's clients run: `sh`, `sleep`, `cat` and so on.
// Which one it is, the name says under which it is started: copies named sh.exe, sleep.exe, ... or `unix sh -c ...`.
// Text ends in \n, paths have / and no drive, as those suites compare what they read byte by byte.
#include "unix.h"
#include <ctype.h>
#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    command_function *function;
} commands[] = {
    {"[", command_test}, {"cat", command_cat}, {"date", command_date}, {"echo", command_echo}, {"env", command_env},
    {"false", command_false}, {"grep", command_grep}, {"head", command_head}, {"hello", command_hello},
    {"kill", command_kill}, {"ls", command_ls}, {"mkdir", command_mkdir}, {"printenv", command_env},
    {"printf", command_printf}, {"ps", command_ps}, {"pwd", command_pwd}, {"rm", command_rm}, {"run_uhttpd", command_wait},
    {"seq", command_seq}, {"sh", command_sh}, {"sleep", command_sleep}, {"tail", command_tail}, {"tee", command_tee},
    {"test", command_test}, {"top", command_top}, {"touch", command_touch}, {"true", command_true},
    {"uname", command_uname}, {"wc", command_wc}, {"yes", command_yes},
};

command_function *command_named(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(name, commands[i].name)) return commands[i].function;
    return NULL;
}

const char *base_name(const char *path) {
    static char name[64];
    for (const char *at = path; *at; at++)
        if (*at == '/' || *at == '\\') path = at + 1;
    size_t length = strlen(path);
    if (length > 4 && !_stricmp(path + length - 4, ".exe")) length -= 4;
    if (length >= sizeof name) length = sizeof name - 1;
    for (size_t i = 0; i < length; i++) name[i] = (char)tolower((unsigned char)path[i]);
    name[length] = 0;
    return name;
}

const char *native_path(const char *path) {
    return strcmp(path, "/dev/null") ? path : "NUL";
}

void *take(size_t size) {
    return take_more(NULL, size);
}

void *take_more(void *memory, size_t size) {
    memory = realloc(memory, size ? size : 1);
    if (memory) return memory;
    fputs("out of memory\n", stderr);
    exit(125);
}

char *copy_text(const char *text, size_t length) {
    char *copy = take(length + 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void text_add(struct text *text, const char *bytes, size_t length) {
    if (text->room - text->length < length) {
        text->room = (text->length + length) * 2 + 32;
        text->bytes = take_more(text->bytes, text->room);
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

void text_add_char(struct text *text, char character) {
    text_add(text, &character, 1);
}

char *text_finish(struct text *text) {
    text_add_char(text, 0);
    return text->bytes;
}

int fail(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    fflush(stderr);
    va_end(arguments);
    return 1;
}

void append_argument(char **line, const char *argument) {
    struct text text = {0};
    if (*line) {
        text_add(&text, *line, strlen(*line));
        text_add_char(&text, ' ');
        free(*line);
    }
    bool quote = !*argument || strpbrk(argument, " \t\n\"");
    if (quote) text_add_char(&text, '"');
    size_t backslashes = 0;
    for (const char *at = argument; *at; at++) {
        if (*at == '"')
            for (size_t i = 0; i <= backslashes; i++) text_add_char(&text, '\\');
        backslashes = *at == '\\' ? backslashes + 1 : 0;
        text_add_char(&text, *at);
    }
    if (quote) {
        while (backslashes--) text_add_char(&text, '\\');
        text_add_char(&text, '"');
    }
    *line = text_finish(&text);
}

int main(int argc, char **argv) {
    for (int stream = 0; stream < 3; stream++) _setmode(stream, _O_BINARY);
    command_function *function = command_named(base_name(argv[0]));
    if (!function && argc > 1) {
        argc--, argv++;
        function = command_named(base_name(argv[0]));
    }
    if (!function) return fail("unix", "%s is none of its commands", argv[0]), 127;
    int code = function(argc, argv);
    fflush(stdout);
    return code;
}
