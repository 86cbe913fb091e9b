//! linux.exe VERB [ARGUMENT] ...: more raw Linux calls from a Windows program, for attacks that need more than one call.
//!   call NUMBER [ARGUMENT] ...   one call; an argument is a number, or text after "="; prints "ok VALUE" or "error ERRNO"
//!   call32 NUMBER                one call without arguments through int 0x80, the 32-bit entry
//!   cat PATH                     the bytes of a file
//!   ls PATH                      the names in a directory, one a line
//!   walk PATH                    every file below PATH, one a line: type, owner, mode, path and link target
//!   readlink PATH                where a link points
//!   connect PATH                 connects to a Unix socket; "@NAME" is an abstract one
//!   tcp PORT                     connects to 127.0.0.1
//!   run PATH                     forks and executes a Linux program; prints "status STATUS" or "error ERRNO"
//!   fork COUNT                   makes COUNT processes that sleep, or as many as can be; prints "made N error ERRNO"; sleeps
//!   orphan                       leaves a process behind that has its own session, no parent and no streams
//! Exit code 0 if the calls went through, 1 if not, 2 for wrong words.
#include <stdlib.h>
#include <string.h>

#include "linux_syscall.h"
#include "text_output.h"

enum {
    NR_WRITE = 1, NR_LSTAT = 6, NR_PAUSE = 34, NR_CONNECT = 42, NR_SETSID = 112,
    AT_CWD = -100,
    DIRECTORY_FLAG = 0200000,
    TYPE_MASK = 0170000, TYPE_DIRECTORY = 0040000, TYPE_LINK = 0120000,
    MAX_PATH_BYTES = 1024,
};

// The part of struct stat that matters (x86-64).
struct linux_stat {
    unsigned long long device, inode, links;
    unsigned mode, user, group, padding;
    unsigned long long rest[14];
};

struct directory_entry {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static int show(word result) {
    if (result >= 0) say("ok %lld\n", result);
    else say("error %lld\n", -result);
    return result < 0;
}

static int do_call(int count, char **words) {
    word arguments[6] = {0};
    for (int i = 1; i < count && i < 7; i++)
        arguments[i - 1] = words[i][0] == '=' ? (word)(words[i] + 1) : strtoll(words[i], NULL, 0);
    return show(linux_syscall(strtoll(words[0], NULL, 0), arguments[0], arguments[1], arguments[2], arguments[3],
                              arguments[4], arguments[5]));
}

static int do_call32(const char *number) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(atoi(number)), "b"(0), "c"(0), "d"(0) : "memory");
    return show(result);
}

static void put(const char *bytes, word size) {
    DWORD written;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), bytes, (DWORD)size, &written, NULL);
}

static int do_cat(const char *path) {
    static char data[65536];
    word file = CALL4(NR_OPENAT, AT_CWD, path, 0, 0), size;
    if (file < 0) return show(file);
    while ((size = CALL3(NR_READ, file, data, sizeof data)) > 0) put(data, size);
    CALL1(NR_CLOSE, file);
    return size < 0 ? show(size) : 0;
}

static void show_file(const char *path, const struct linux_stat *info) {
    static const char letters[] = "?pc?d?b?-?l?s???";
    char target[MAX_PATH_BYTES] = "";
    if ((info->mode & TYPE_MASK) == TYPE_LINK) {
        word size = CALL3(NR_READLINK, path, target, sizeof target - 1);
        target[size < 0 ? 0 : size] = 0;
    }
    say("%c %u %o %s%s%s\n", letters[info->mode >> 12 & 15], info->user, info->mode & 07777, path,
        *target ? " -> " : "", target);
}

static int list(const char *path, BOOL deep) {
    word directory = CALL4(NR_OPENAT, AT_CWD, path, DIRECTORY_FLAG, 0), size;
    if (directory < 0) return deep ? 0 : show(directory);
    char *buffer = malloc(32768), *inner = malloc(MAX_PATH_BYTES);
    while (buffer && inner && (size = CALL3(NR_GETDENTS64, directory, buffer, 32768)) > 0)
        for (word at = 0; at < size;) {
            struct directory_entry *entry = (struct directory_entry *)(buffer + at);
            struct linux_stat info;
            at += entry->length;
            if (!strcmp(entry->name, ".") || !strcmp(entry->name, "..")) continue;
            if (!deep) {
                say("%s\n", entry->name);
                continue;
            }
            snprintf(inner, MAX_PATH_BYTES, "%s/%s", strcmp(path, "/") ? path : "", entry->name);
            if (CALL2(NR_LSTAT, inner, &info) < 0) continue;
            show_file(inner, &info);
            if ((info.mode & TYPE_MASK) == TYPE_DIRECTORY) list(inner, TRUE);
        }
    free(buffer);
    free(inner);
    CALL1(NR_CLOSE, directory);
    return 0;
}

static int do_readlink(const char *path) {
    char target[MAX_PATH_BYTES];
    word size = CALL3(NR_READLINK, path, target, sizeof target - 1);
    if (size < 0) return show(size);
    target[size] = 0;
    say("%s\n", target);
    return 0;
}

static int do_connect(const char *path) {
    struct {
        unsigned short family;
        char path[108];
    } address = {.family = 1};
    size_t length = strlen(path);
    if (length >= sizeof address.path) return 2;
    memcpy(address.path, path, length);
    if (path[0] == '@') address.path[0] = 0;
    word socket = CALL3(NR_SOCKET, 1, 1, 0);
    if (socket < 0) return show(socket);
    return show(CALL3(NR_CONNECT, socket, &address, path[0] == '@' ? 2 + length : sizeof address));
}

static int do_tcp(int port) {
    unsigned char address[16] = {2, 0, (unsigned char)(port >> 8), (unsigned char)port, 127, 0, 0, 1};
    word socket = CALL3(NR_SOCKET, 2, 1, 0);
    if (socket < 0) return show(socket);
    return show(CALL3(NR_CONNECT, socket, address, sizeof address));
}

static int do_run(const char *path) {
    const char *arguments[] = {path, "--version", NULL}, *environment[] = {NULL};
    word child = CALL1(NR_FORK, 0);
    if (child < 0) return show(child);
    if (!child) {
        word error = CALL3(NR_EXECVE, path, arguments, environment);
        // Above what a program would leave with.
        CALL1(NR_EXIT_GROUP, 128 - error);
    }
    int status = -1;
    word waited = CALL4(NR_WAIT4, child, &status, 0, 0);
    if (waited < 0) return show(waited);
    if ((status & 0x7f) == 0 && status >> 8 > 128) return show(128 - (status >> 8));
    say("status %d\n", status);
    return 0;
}

static int do_fork(int count) {
    int made = 0;
    word error = 0;
    while (made < count) {
        word child = CALL1(NR_FORK, 0);
        if (!child)
            for (;;) CALL1(NR_PAUSE, 0);
        if (child < 0) {
            error = -child;
            break;
        }
        made++;
    }
    say("made %d error %lld\n", made, error);
    Sleep(INFINITE);
    return 0;
}

static int do_orphan(void) {
    word child = CALL1(NR_FORK, 0);
    if (child < 0) return show(child);
    if (!child) {
        CALL1(NR_SETSID, 0);
        if (CALL1(NR_FORK, 0)) CALL1(NR_EXIT_GROUP, 0);
        for (int descriptor = 0; descriptor < 256; descriptor++) CALL1(NR_CLOSE, descriptor);
        for (;;) CALL1(NR_PAUSE, 0);
    }
    int status;
    CALL4(NR_WAIT4, child, &status, 0, 0);
    say("left\n");
    return 0;
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "", *argument = count > 2 ? words[2] : "";
    if (!strcmp(verb, "call") && count > 2) return do_call(count - 2, words + 2);
    if (!strcmp(verb, "call32")) return do_call32(argument);
    if (!strcmp(verb, "cat")) return do_cat(argument);
    if (!strcmp(verb, "ls")) return list(argument, FALSE);
    if (!strcmp(verb, "walk")) return list(argument, TRUE);
    if (!strcmp(verb, "readlink")) return do_readlink(argument);
    if (!strcmp(verb, "connect")) return do_connect(argument);
    if (!strcmp(verb, "tcp")) return do_tcp(atoi(argument));
    if (!strcmp(verb, "run")) return do_run(argument);
    if (!strcmp(verb, "fork")) return do_fork(atoi(argument));
    if (!strcmp(verb, "orphan")) return do_orphan();
    return 2;
}
