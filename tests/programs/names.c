//! names.exe DIRECTORY [ROUNDS]: makes DIRECTORY with 5,000 files and opens 2,000 names in it, by turns as they are written, in
//! another case, and ones that are not there, new in each round and then again. Prints the median of the rounds (5), in
//! microseconds for one open, as "exact 12.3" and so on, and exits with 1 if an open did not end as it had to.
#include <stdlib.h>

#include "text_output.h"

enum { FILES = 5000, OPENS = 2000, MOST_ROUNDS = 100 };

typedef enum { EXACT, WRONG_CASE, MISSING, MISSING_AGAIN, WAYS } way;
static const char *const NAMES[WAYS] = {"exact", "wrong-case", "missing", "missing-again"};
static const char *directory;
static int wrong;

static void name_of(char *path, way how, int number, int round) {
    if (how == EXACT) snprintf(path, MAX_PATH, "%s\\SomeFile%04d.Txt", directory, number);
    else if (how == WRONG_CASE) snprintf(path, MAX_PATH, "%s\\sOMEfILE%04d.tXT", directory, number);
    else snprintf(path, MAX_PATH, "%s\\Missing%04d-%d.Txt", directory, number, round);
}

static double measure(way how, int round) {
    LARGE_INTEGER frequency, start, end;
    char path[MAX_PATH];
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&start);
    for (int i = 0; i < OPENS; i++) {
        name_of(path, how, i * 2 % FILES, round);
        HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
        if ((file == INVALID_HANDLE_VALUE) != (how >= MISSING)) wrong++;
        if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    }
    QueryPerformanceCounter(&end);
    return (double)(end.QuadPart - start.QuadPart) * 1e6 / (double)frequency.QuadPart / OPENS;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words) {
    static double times[WAYS][MOST_ROUNDS];
    int rounds = count > 2 ? atoi(words[2]) : 5;
    if (count < 2 || rounds < 1 || rounds > MOST_ROUNDS) return 2;
    directory = words[1];
    CreateDirectoryA(directory, NULL);
    for (int i = 0; i < FILES; i++) {
        char path[MAX_PATH];
        name_of(path, EXACT, i, 0);
        HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        if (file == INVALID_HANDLE_VALUE) return 1;
        CloseHandle(file);
    }
    for (int round = 0; round < rounds; round++)
        for (way how = EXACT; how < WAYS; how++) times[how][round] = measure(how, round);
    for (way how = EXACT; how < WAYS; how++) {
        qsort(times[how], (size_t)rounds, sizeof times[how][0], compare);
        say("%s %.1f\n", NAMES[how], times[how][rounds / 2]);
    }
    if (wrong) say("wrong %d\n", wrong);
    return wrong ? 1 : 0;
}
