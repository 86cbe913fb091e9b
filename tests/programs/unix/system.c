// Commands about time, processes and the environment: sleep, top, ps, kill, date, uname, env, pwd, true, false, yes, seq.
#include "unix.h"
#include <direct.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <windows.h>
#include <tlhelp32.h>

int command_true(int argc, char **argv) {
    (void)argc, (void)argv;
    return 0;
}

int command_false(int argc, char **argv) {
    (void)argc, (void)argv;
    return 1;
}

int command_sleep(int argc, char **argv) {
    if (argc < 2) return fail("sleep", "missing operand");
    for (int i = 1; i < argc; i++) {
        char *end;
        double seconds = strtod(argv[i], &end);
        switch (*end) {
            case 'm': seconds *= 60; break;
            case 'h': seconds *= 3600; break;
            case 'd': seconds *= 86400; break;
        }
        if (end == argv[i]) {
            if (!strcmp(argv[i], "infinity")) Sleep(INFINITE);
            return fail("sleep", "invalid number '%s'", argv[i]);
        }
        fflush(stdout);
        for (double left = seconds * 1000; left > 0; left -= 1e9) Sleep((DWORD)(left < 1e9 ? left : 1e9));
    }
    return 0;
}

// Waits until it is ended: the server of images whose suites only start and stop one.
int command_wait(int argc, char **argv) {
    (void)argc, (void)argv;
    Sleep(INFINITE);
    return 0;
}

static void list_processes(void) {
    puts("  PID COMMAND");
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};
    for (BOOL more = Process32First(snapshot, &entry); more; more = Process32Next(snapshot, &entry))
        printf("%5lu %s\n", entry.th32ProcessID, entry.szExeFile);
    CloseHandle(snapshot);
    fflush(stdout);
}

int command_ps(int argc, char **argv) {
    (void)argc, (void)argv;
    list_processes();
    return 0;
}

int command_top(int argc, char **argv) {
    (void)argc, (void)argv;
    for (;; Sleep(5000)) list_processes();
}

int command_kill(int argc, char **argv) {
    int code = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') continue;
        HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, strtoul(argv[i], NULL, 10));
        if (!process || !TerminateProcess(process, 137)) code = fail("kill", "can't kill pid %s: error %lu", argv[i], GetLastError());
        if (process) CloseHandle(process);
    }
    return code;
}

int command_date(int argc, char **argv) {
    char text[256];
    time_t now = time(NULL);
    if (argc > 1 && !strcmp(argv[1], "+%s")) return printf("%lld\n", (long long)now), 0;
    strftime(text, sizeof text, argc > 1 && argv[1][0] == '+' ? argv[1] + 1 : "%a %b %d %H:%M:%S UTC %Y", gmtime(&now));
    puts(text);
    return 0;
}

int command_uname(int argc, char **argv) {
    char name[MAX_COMPUTERNAME_LENGTH + 1];
    DWORD length = sizeof name;
    if (argc < 2 || strcmp(argv[1], "-a")) return puts("Windows_NT"), 0;
    if (!GetComputerNameA(name, &length)) return fail("uname", "no name");
    printf("Windows_NT %s x86_64\n", name);
    return 0;
}

// `env` and `printenv NAME`. Variables that start with = are cmd's directories of drives.
int command_env(int argc, char **argv) {
    if (argc > 1) {
        const char *value = getenv(argv[1]);
        if (value) puts(value);
        return !value;
    }
    char *block = GetEnvironmentStringsA();
    for (char *at = block; *at; at += strlen(at) + 1)
        if (*at != '=') puts(at);
    FreeEnvironmentStringsA(block);
    return 0;
}

int command_pwd(int argc, char **argv) {
    (void)argc, (void)argv;
    char path[MAX_PATH];
    if (!_getcwd(path, sizeof path)) return fail("pwd", "no directory");
    for (char *at = path; *at; at++)
        if (*at == '\\') *at = '/';
    puts(path[0] && path[1] == ':' ? path + 2 : path);
    return 0;
}

int command_yes(int argc, char **argv) {
    while (puts(argc > 1 ? argv[1] : "y") >= 0) {}
    return 1;
}

int command_seq(int argc, char **argv) {
    long first = argc > 2 ? strtol(argv[1], NULL, 10) : 1, last = argc > 1 ? strtol(argv[argc - 1], NULL, 10) : 0;
    for (long number = first; number <= last; number++) printf("%ld\n", number);
    return 0;
}

int command_hello(int argc, char **argv) {
    (void)argc, (void)argv;
    puts("\nHello from Docker!\nThis message shows that your installation appears to be working correctly.");
    return 0;
}
