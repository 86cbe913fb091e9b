// What the small Unix commands share. Each is a function with the arguments of main() that returns its exit code.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef int command_function(int argc, char **argv);

// The command of this name (without directories, without .exe), or NULL.
command_function *command_named(const char *name);

// The last part of a path, without .exe; in a buffer that the next call reuses.
const char *base_name(const char *path);

// A path as Windows programs open it: /dev/null is NUL, all else stays, as `/x` is on the current drive.
const char *native_path(const char *path);

// Memory, or the end of the program.
void *take(size_t size);
void *take_more(void *memory, size_t size);
char *copy_text(const char *text, size_t length);

// Prints `NAME: ` and the message on standard error and returns 1.
int fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Appends one argument to a Windows command line, quoted so that CommandLineToArgvW gives it back.
void append_argument(char **line, const char *argument);

// Text that grows.
struct text {
    char *bytes;
    size_t length, room;
};
void text_add(struct text *text, const char *bytes, size_t length);
void text_add_char(struct text *text, char character);
char *text_finish(struct text *text);

command_function command_cat, command_ls, command_touch, command_mkdir, command_rm, command_head, command_tail, command_wc,
    command_grep, command_tee;
command_function command_sleep, command_top, command_ps, command_kill, command_date, command_uname, command_env, command_pwd,
    command_true, command_false, command_yes, command_seq, command_hello, command_wait;
command_function command_echo, command_printf, command_test, command_sh;
