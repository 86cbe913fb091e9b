// sh: runs the tree of a script. Commands of this program and built-in ones run in the shell itself, the parts of a pipe and
// all others as processes. Background commands, functions and file name patterns are left out.
#include "shell.h"
#include <ctype.h>
#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <windows.h>

// Streams that a redirection may name.
enum { STREAMS = 3 };
enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, SYNTAX = 2 };

// How many loops `break` or `continue` is on its way out of, and whether the script is to end.
static int leaving;
static bool going_on, ending, stop_at_failure;

static int run(struct node *node);

// Starts a program with the shell's own streams; `program` NULL: to be looked for.
static HANDLE start(const char *program, char **arguments) {
    char *line = NULL;
    for (char **argument = arguments; *argument; argument++) append_argument(&line, *argument);
    STARTUPINFOA information = {.cb = sizeof information, .dwFlags = STARTF_USESTDHANDLES};
    information.hStdInput = (HANDLE)_get_osfhandle(0);
    information.hStdOutput = (HANDLE)_get_osfhandle(1);
    information.hStdError = (HANDLE)_get_osfhandle(2);
    HANDLE streams[STREAMS] = {information.hStdInput, information.hStdOutput, information.hStdError};
    for (int i = 0; i < STREAMS; i++) SetHandleInformation(streams[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    PROCESS_INFORMATION process;
    fflush(stdout);
    BOOL started = CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &information, &process);
    DWORD error = GetLastError();
    free(line);
    SetLastError(error);
    if (!started) return NULL;
    CloseHandle(process.hThread);
    return process.hProcess;
}

static int wait_for(HANDLE process) {
    DWORD code = NOT_EXECUTABLE;
    WaitForSingleObject(process, INFINITE);
    GetExitCodeProcess(process, &code);
    CloseHandle(process);
    return (int)code;
}

static int run_program(char **arguments) {
    HANDLE process = start(NULL, arguments);
    if (process) return wait_for(process);
    if (GetLastError() != ERROR_FILE_NOT_FOUND && GetLastError() != ERROR_PATH_NOT_FOUND) {
        fail("sh", "%s: error %lu", arguments[0], GetLastError());
        return NOT_EXECUTABLE;
    }
    fail("sh", "%s: not found", arguments[0]);
    return NOT_FOUND;
}

static const char *own_program(void) {
    static char path[MAX_PATH];
    if (!*path) GetModuleFileNameA(NULL, path, sizeof path);
    return path;
}

// Another shell that runs a part of the script.
static HANDLE start_shell(const char *script, size_t length) {
    char *text = copy_text(script, length);
    HANDLE process = start(own_program(), (char *[]){"sh", "-c", text, NULL});
    free(text);
    return process;
}

// A pipe whose ends are not inherited by themselves.
static void open_pipe(int ends[2]) {
    if (_pipe(ends, 64 << 10, _O_BINARY | _O_NOINHERIT)) exit(fail("sh", "no pipe: %s", strerror(errno)));
}

// Puts `file` in the place of `stream` and returns what was there.
static int replace_stream(int stream, int file) {
    fflush(stdout);
    fflush(stderr);
    int saved = _dup(stream);
    SetHandleInformation((HANDLE)_get_osfhandle(saved), HANDLE_FLAG_INHERIT, 0);
    _dup2(file, stream);
    return saved;
}

static void restore_stream(int stream, int saved) {
    fflush(stdout);
    fflush(stderr);
    _dup2(saved, stream);
    _close(saved);
}

char *output_of(const char *script, size_t length) {
    int ends[2];
    open_pipe(ends);
    int saved = replace_stream(1, ends[1]);
    HANDLE process = start_shell(script, length);
    restore_stream(1, saved);
    _close(ends[1]);
    struct text text = {0};
    char bytes[4096];
    for (int count; (count = _read(ends[0], bytes, sizeof bytes)) > 0;) text_add(&text, bytes, (size_t)count);
    _close(ends[0]);
    if (process) wait_for(process);
    while (text.length && strchr("\r\n", text.bytes[text.length - 1])) text.length--;
    return text_finish(&text);
}

static int open_target(struct redirection *redirection) {
    char *target = expand_one(redirection->target);
    if (redirection->how == SAME_AS) return isdigit((unsigned char)*target) ? _dup(*target - '0') : -1;
    static const int flags[] = {_O_RDONLY, _O_WRONLY | _O_CREAT | _O_TRUNC, _O_WRONLY | _O_CREAT | _O_APPEND};
    int file = _open(native_path(target), flags[redirection->how] | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
    if (file < 0) fail("sh", "can't open %s: %s", target, strerror(errno));
    return file;
}

// Runs `inner` with a node's redirections.
static int redirected(struct node *node, struct redirection *next, int (*inner)(struct node *)) {
    if (!next) return inner(node);
    int file = open_target(next);
    if (file < 0 || next->stream >= STREAMS) return 1;
    int saved = replace_stream(next->stream, file);
    _close(file);
    int code = redirected(node, next->next, inner);
    restore_stream(next->stream, saved);
    return code;
}

static bool is_assignment(const char *word) {
    size_t length = 0;
    while (isalnum((unsigned char)word[length]) || word[length] == '_') length++;
    return length && !isdigit((unsigned char)*word) && word[length] == '=';
}

static void assign(const char *word) {
    const char *value = strchr(word, '=') + 1;
    char *name = copy_text(word, (size_t)(value - word));
    struct text line = {0};
    char *expanded = expand_one(value);
    text_add(&line, name, strlen(name));
    text_add(&line, expanded, strlen(expanded));
    _putenv(text_finish(&line));
}

static int change_directory(const char *path) {
    return path && !_chdir(path) ? 0 : fail("cd", "can't cd to %s", path ? path : "nothing");
}

// Built-in commands. Whether `name` is one; its exit code is in `code`.
static bool run_built_in(char **arguments, size_t count, int *code) {
    const char *name = arguments[0];
    *code = 0;
    if (!strcmp(name, ":")) return true;
    if (!strcmp(name, "cd")) return *code = change_directory(count > 1 ? arguments[1] : getenv("USERPROFILE")), true;
    if (!strcmp(name, "break") || !strcmp(name, "continue")) return leaving = 1, going_on = *name == 'c', true;
    if (!strcmp(name, "set")) return stop_at_failure |= count > 1 && !strcmp(arguments[1], "-e"), true;
    if (!strcmp(name, "exec") && count > 1) return *code = run_program(arguments + 1), ending = true, true;
    if (!strcmp(name, "exit")) return *code = count > 1 ? atoi(arguments[1]) : last_status, ending = true, true;
    if (!strcmp(name, "export")) {
        for (size_t i = 1; i < count; i++)
            if (strchr(arguments[i], '=')) _putenv(arguments[i]);
        return true;
    }
    return false;
}

static int run_words(struct node *node) {
    size_t first = 0;
    for (; first < node->word_count && is_assignment(node->words[first]); first++) assign(node->words[first]);
    struct fields fields = {0};
    for (size_t i = first; i < node->word_count; i++) expand(node->words[i], true, &fields);
    if (!fields.count) return 0;
    int code;
    if (run_built_in(fields.items, fields.count, &code)) return code;
    command_function *function = strpbrk(fields.items[0], "/\\") ? NULL : command_named(fields.items[0]);
    if (function == command_sh) return wait_for(start(own_program(), fields.items));
    if (!function) return run_program(fields.items);
    code = function((int)fields.count, fields.items);
    fflush(stdout);
    return code;
}

// Another shell runs the left side, this one the right.
static int run_pipe(struct node *node) {
    int ends[2];
    open_pipe(ends);
    int saved = replace_stream(1, ends[1]);
    HANDLE left = start_shell(node->left->source, node->left->length);
    restore_stream(1, saved);
    _close(ends[1]);
    saved = replace_stream(0, ends[0]);
    _close(ends[0]);
    int code = run(node->right);
    restore_stream(0, saved);
    if (left) wait_for(left);
    return code;
}

// Whether the loop is over. A `break` or `continue` that was on its way has arrived.
static bool loop_ends(void) {
    bool over = ending || (leaving && !going_on);
    leaving = 0;
    return over;
}

static int run_loop(struct node *node) {
    int code = 0;
    while (!run(node->left) == (node->kind == WHILE) && !ending) {
        code = run(node->right);
        if (loop_ends()) break;
    }
    return code;
}

static int run_for(struct node *node) {
    struct fields fields = {0};
    int code = 0;
    for (size_t i = 1; i < node->word_count; i++) expand(node->words[i], true, &fields);
    for (size_t i = 0; i < fields.count; i++) {
        struct text line = {0};
        text_add(&line, node->words[0], strlen(node->words[0]));
        text_add_char(&line, '=');
        text_add(&line, fields.items[i], strlen(fields.items[i]));
        _putenv(text_finish(&line));
        code = run(node->left);
        if (loop_ends()) break;
    }
    return code;
}

static int run_plain(struct node *node) {
    switch (node->kind) {
        case SIMPLE: return run_words(node);
        case PIPE: return run_pipe(node);
        case GROUP: return run(node->left);
        case SUBSHELL: return wait_for(start_shell(node->words[0], strlen(node->words[0])));
        case WHILE: case UNTIL: return run_loop(node);
        case FOR: return run_for(node);
        case IF: return !run(node->left) ? run(node->right) : node->other ? run(node->other) : 0;
        default: return 0;
    }
}

static int run(struct node *node) {
    if (node->kind == SEQUENCE || node->kind == AND || node->kind == OR) {
        int left = run(node->left);
        bool goes_on = node->kind == SEQUENCE ? !(stop_at_failure && left) : !left == (node->kind == AND);
        return leaving || ending || !goes_on ? left : run(node->right);
    }
    int code = redirected(node, node->redirections, run_plain);
    if (node->negated) code = !code;
    return last_status = code;
}

static int run_script(const char *script) {
    enum trouble trouble;
    struct node *tree = parse(script, &trouble);
    if (trouble) return fail("sh", "syntax error%s", trouble == INCOMPLETE ? ": unexpected end" : ""), SYNTAX;
    return tree ? run(tree) : 0;
}

// Reads commands from standard input. Byte by byte: what follows a command belongs to it, if it reads.
static int run_input(void) {
    struct text script = {0};
    bool interactive = _isatty(0);
    for (bool more = true; more && !ending;) {
        if (interactive && !script.length) fputs("$ ", stderr);
        char byte = 0;
        while ((more = _read(0, &byte, 1) == 1) && byte != '\n') text_add_char(&script, byte);
        text_add_char(&script, '\n');
        enum trouble trouble;
        text_add_char(&script, 0);
        script.length--;
        parse(script.bytes, &trouble);
        if (trouble == INCOMPLETE && more) continue;
        last_status = run_script(script.bytes);
        // The tree points into the script, so each gets a new one.
        script = (struct text){0};
    }
    return last_status;
}

static char *read_script(const char *path) {
    int file = _open(path, _O_RDONLY | _O_BINARY);
    if (file < 0) return NULL;
    struct text text = {0};
    char bytes[4096];
    for (int count; (count = _read(file, bytes, sizeof bytes)) > 0;) text_add(&text, bytes, (size_t)count);
    _close(file);
    return text_finish(&text);
}

// The rest of the command line behind -c, if it has no quotes around it: that is how the shell form of a Dockerfile comes on Windows.
static const char *bare_script(void) {
    const char *rest = strstr(GetCommandLineA(), " -c ");
    return rest && rest[4] != '"' ? rest + 4 : NULL;
}

int command_sh(int argc, char **argv) {
    int next = 1;
    bool command = false;
    for (; next < argc && argv[next][0] == '-' && argv[next][1]; next++) {
        command |= strchr(argv[next], 'c') != NULL;
        stop_at_failure |= strchr(argv[next], 'e') != NULL;
    }
    if (next == argc) return run_input();
    const char *script = command ? argv[next] : read_script(argv[next]);
    if (!script) return fail("sh", "can't open '%s'", argv[next]), NOT_FOUND;
    if (command && argc > next + 1 && bare_script()) script = bare_script(), argc = next + 1;
    // With -c the name comes after the script, else it is the script's.
    int first = next + command;
    positional = (struct fields){.items = argv + first, .count = (size_t)(argc - first)};
    return run_script(script);
}
