// Commands that read and change files: cat, ls, touch, mkdir, rm, head, tail, wc, grep, tee.
#include "unix.h"
#include <ctype.h>
#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utime.h>
#include <windows.h>

// Whether the first argument has option letters in it, such as -la; moves past it.
static bool next_options(int *argc, char ***argv, const char **letters) {
    if (*argc < 2 || (*argv)[1][0] != '-' || !(*argv)[1][1]) return false;
    *letters = (*argv)[1] + 1;
    (*argc)--, (*argv)++;
    return true;
}

static int open_to_read(const char *command, const char *path) {
    int file = strcmp(path, "-") ? _open(native_path(path), _O_RDONLY | _O_BINARY) : 0;
    if (file < 0) fail(command, "can't open '%s': %s", path, strerror(errno));
    return file;
}

// Unbuffered, so that what comes is passed on at once.
static int pass_on(int from) {
    char bytes[16 << 10];
    for (int count; (count = _read(from, bytes, sizeof bytes)) > 0;)
        for (int done = 0, written; done < count; done += written)
            if ((written = _write(1, bytes + done, (unsigned)(count - done))) <= 0) return 1;
    return 0;
}

int command_cat(int argc, char **argv) {
    int code = 0;
    fflush(stdout);
    if (argc == 1) return pass_on(0);
    for (int i = 1; i < argc; i++) {
        int file = open_to_read("cat", argv[i]);
        if (file < 0 || pass_on(file)) code = 1;
        if (file > 0) _close(file);
    }
    return code;
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int list_directory(const char *path, bool slash, bool hidden) {
    char pattern[MAX_PATH], **names = NULL;
    size_t count = 0;
    snprintf(pattern, sizeof pattern, "%s/*", path);
    WIN32_FIND_DATAA found;
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) return GetLastError() == ERROR_FILE_NOT_FOUND ? 0 : 1;
    do {
        if (found.cFileName[0] == '.' && !hidden) continue;
        bool directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
        char name[MAX_PATH + 1];
        snprintf(name, sizeof name, "%s%s", found.cFileName, slash && directory ? "/" : "");
        names = take_more(names, (count + 1) * sizeof *names);
        names[count++] = copy_text(name, strlen(name));
    } while (FindNextFileA(search, &found));
    FindClose(search);
    if (count) qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) puts(names[i]);
    return 0;
}

int command_ls(int argc, char **argv) {
    bool slash = false, hidden = false;
    for (const char *letters; next_options(&argc, &argv, &letters);) {
        slash |= strchr(letters, 'p') || strchr(letters, 'F');
        hidden |= strchr(letters, 'a') != NULL;
    }
    char *here[] = {"ls", "."};
    if (argc == 1) argc = 2, argv = here;
    int code = 0;
    for (int i = 1; i < argc; i++) {
        DWORD attributes = GetFileAttributesA(argv[i]);
        if (attributes == INVALID_FILE_ATTRIBUTES) code = fail("ls", "%s: No such file or directory", argv[i]);
        else if (!(attributes & FILE_ATTRIBUTE_DIRECTORY)) puts(argv[i]);
        else if (list_directory(argv[i], slash, hidden)) code = fail("ls", "%s: Permission denied", argv[i]);
    }
    return code;
}

int command_touch(int argc, char **argv) {
    int code = 0;
    for (int i = 1; i < argc; i++) {
        int file = _open(native_path(argv[i]), _O_WRONLY | _O_CREAT | _O_BINARY, _S_IREAD | _S_IWRITE);
        if (file < 0) code = fail("touch", "%s: %s", argv[i], strerror(errno));
        else _futime(file, NULL), _close(file);
    }
    return code;
}

static int make_directory(const char *path, bool parents) {
    if (!_mkdir(path)) return 0;
    if (!parents) return fail("mkdir", "can't create directory '%s': %s", path, strerror(errno));
    char *partial = copy_text(path, strlen(path));
    for (char *at = partial + 1; *at; at++)
        if (*at == '/' || *at == '\\') {
            char separator = *at;
            *at = 0;
            _mkdir(partial);
            *at = separator;
        }
    _mkdir(partial);
    free(partial);
    DWORD attributes = GetFileAttributesA(path);
    if (attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY) return 0;
    return fail("mkdir", "can't create directory '%s'", path);
}

int command_mkdir(int argc, char **argv) {
    bool parents = false;
    for (const char *letters; next_options(&argc, &argv, &letters);) parents |= strchr(letters, 'p') != NULL;
    int code = 0;
    for (int i = 1; i < argc; i++) code |= make_directory(argv[i], parents);
    return code;
}

static int remove_path(const char *path, bool recursive, bool force) {
    DWORD attributes = GetFileAttributesA(path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return force ? 0 : fail("rm", "can't remove '%s': No such file or directory", path);
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return DeleteFileA(path) ? 0 : fail("rm", "can't remove '%s': error %lu", path, GetLastError());
    if (!recursive) return fail("rm", "'%s' is a directory", path);
    char inner[MAX_PATH];
    snprintf(inner, sizeof inner, "%s/*", path);
    WIN32_FIND_DATAA found;
    HANDLE search = FindFirstFileA(inner, &found);
    int code = 0;
    if (search != INVALID_HANDLE_VALUE) {
        do {
            if (!strcmp(found.cFileName, ".") || !strcmp(found.cFileName, "..")) continue;
            snprintf(inner, sizeof inner, "%s/%s", path, found.cFileName);
            code |= remove_path(inner, true, force);
        } while (FindNextFileA(search, &found));
        FindClose(search);
    }
    return RemoveDirectoryA(path) ? code : fail("rm", "can't remove '%s': error %lu", path, GetLastError());
}

int command_rm(int argc, char **argv) {
    bool recursive = false, force = false;
    for (const char *letters; next_options(&argc, &argv, &letters);) {
        recursive |= strchr(letters, 'r') || strchr(letters, 'R');
        force |= strchr(letters, 'f') != NULL;
    }
    int code = 0;
    for (int i = 1; i < argc; i++) code |= remove_path(argv[i], recursive, force);
    return code;
}

// `-n 5`, `-n5` and `-5`; `letter` (n or c) says in which unit.
static long count_option(int *argc, char ***argv, char *letter, bool *follow) {
    long count = 10;
    *letter = 'n';
    for (const char *letters; next_options(argc, argv, &letters);) {
        if (*letters == 'f' || *letters == 'F') {
            *follow = true;
            letters++;
        }
        if (*letters == 'n' || *letters == 'c') {
            *letter = *letters++;
            if (!*letters && *argc > 1) letters = (*argv)[1], (*argc)--, (*argv)++;
        }
        if (isdigit((unsigned char)*letters)) count = strtol(letters, NULL, 10);
    }
    return count;
}

int command_head(int argc, char **argv) {
    char letter;
    bool follow = false;
    long left = count_option(&argc, &argv, &letter, &follow);
    int file = argc > 1 ? open_to_read("head", argv[1]) : 0;
    if (file < 0) return 1;
    for (char byte; left > 0 && _read(file, &byte, 1) == 1;) {
        putchar(byte);
        if (letter == 'c' || byte == '\n') left--;
    }
    return 0;
}

int command_tail(int argc, char **argv) {
    char letter;
    bool follow = false;
    long wanted = count_option(&argc, &argv, &letter, &follow);
    int file = argc > 1 ? open_to_read("tail", argv[1]) : 0;
    if (file < 0) return 1;
    struct text text = {0};
    char bytes[4096];
    for (int count; (count = _read(file, bytes, sizeof bytes)) > 0;) text_add(&text, bytes, (size_t)count);
    size_t from = text.length;
    while (from > 0 && wanted >= 0) {
        if (letter == 'c' ? wanted-- == 0 : text.bytes[from - 1] == '\n' && from != text.length && --wanted == 0) break;
        from--;
    }
    if (wanted == 0 && letter == 'n' && from == 0) from = text.length;
    fwrite(text.bytes + from, 1, text.length - from, stdout);
    for (fflush(stdout); follow; Sleep(200)) pass_on(file);
    return 0;
}

int command_wc(int argc, char **argv) {
    bool lines = false, words = false, all_bytes = false;
    for (const char *letters; next_options(&argc, &argv, &letters);) {
        lines |= strchr(letters, 'l') != NULL;
        words |= strchr(letters, 'w') != NULL;
        all_bytes |= strchr(letters, 'c') != NULL;
    }
    if (!lines && !words && !all_bytes) lines = words = all_bytes = true;
    int file = argc > 1 ? open_to_read("wc", argv[1]) : 0;
    if (file < 0) return 1;
    long counts[3] = {0};
    char bytes[4096];
    bool inside = false;
    for (int count; (count = _read(file, bytes, sizeof bytes)) > 0;)
        for (int i = 0; i < count; i++) {
            bool space = isspace((unsigned char)bytes[i]);
            counts[0] += bytes[i] == '\n';
            counts[1] += !space && !inside;
            counts[2]++;
            inside = !space;
        }
    const char *separator = "";
    const bool shown[3] = {lines, words, all_bytes};
    for (int i = 0; i < 3; i++)
        if (shown[i]) printf("%s%ld", separator, counts[i]), separator = " ";
    if (argc > 1) printf(" %s", argv[1]);
    putchar('\n');
    return 0;
}

static bool holds(const char *line, const char *text, bool any_case) {
    size_t length = strlen(text);
    for (; *line || !length; line++) {
        if (any_case ? !_strnicmp(line, text, length) : !strncmp(line, text, length)) return true;
        if (!*line) break;
    }
    return false;
}

// Fixed texts only: no pattern is needed here.
int command_grep(int argc, char **argv) {
    bool any_case = false, quiet = false, invert = false;
    for (const char *letters; next_options(&argc, &argv, &letters);) {
        any_case |= strchr(letters, 'i') != NULL;
        quiet |= strchr(letters, 'q') != NULL;
        invert |= strchr(letters, 'v') != NULL;
    }
    if (argc < 2) return fail("grep", "a text to look for is missing"), 2;
    int file = argc > 2 ? open_to_read("grep", argv[2]) : 0;
    if (file < 0) return 2;
    int code = 1;
    for (bool more = true; more;) {
        struct text line = {0};
        char byte;
        while ((more = _read(file, &byte, 1) == 1) && byte != '\n') text_add_char(&line, byte);
        bool empty = !line.length && !more;
        char *text = text_finish(&line);
        if (!empty && holds(text, argv[1], any_case) != invert) {
            code = 0;
            if (!quiet) puts(text);
        }
        free(text);
    }
    return code;
}

int command_tee(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(native_path(argv[1]), "wb") : NULL;
    if (argc > 1 && !file) return fail("tee", "%s: %s", argv[1], strerror(errno));
    char bytes[4096];
    for (int count; (count = _read(0, bytes, sizeof bytes)) > 0;) {
        fwrite(bytes, 1, (size_t)count, stdout);
        fflush(stdout);
        if (file) fwrite(bytes, 1, (size_t)count, file);
    }
    if (file) fclose(file);
    return 0;
}
