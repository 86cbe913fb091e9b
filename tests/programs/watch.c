//! watch.exe DIRECTORY NAME...: waits for changes in DIRECTORY and below it, as an editor or a build tool does, says "watching", and prints
//! "added x", "removed x", "modified x", "renamed-from x" or "renamed-to x" for each, until every NAME has been removed or a minute is over.
#include "text_output.h"

enum { BUFFER_BYTES = 64 << 10, PATIENCE_MS = 60 * 1000, MOST_NAMES = 8 };

static const char *const ACTIONS[] = {"?", "added", "removed", "modified", "renamed-from", "renamed-to"};
static const DWORD FILTER = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_ATTRIBUTES |
                            FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_CREATION;

static int removed;

static void tell(const FILE_NOTIFY_INFORMATION *change, int names, char **awaited) {
    wchar_t name[MAX_PATH], wanted[MAX_PATH];
    char before[32];
    size_t length = change->FileNameLength / sizeof(wchar_t);
    if (length >= MAX_PATH) return;
    memcpy(name, change->FileName, change->FileNameLength);
    name[length] = 0;
    snprintf(before, sizeof before, "%s ", ACTIONS[change->Action <= FILE_ACTION_RENAMED_NEW_NAME ? change->Action : 0]);
    say_wide(before, name, "\n");
    for (int i = 0; change->Action == FILE_ACTION_REMOVED && i < names; i++)
        if (MultiByteToWideChar(CP_UTF8, 0, awaited[i], -1, wanted, MAX_PATH) && !lstrcmpiW(name, wanted)) removed |= 1 << i;
}

int main(int count, char **words) {
    static DWORD buffer[BUFFER_BYTES / sizeof(DWORD)];
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    int names = count - 2;
    if (names < 1 || names > MOST_NAMES) return 2;
    HANDLE directory =
        CreateFileA(words[1], FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, NULL);
    if (directory == INVALID_HANDLE_VALUE) return 3;
    ULONGLONG end = GetTickCount64() + PATIENCE_MS;
    for (BOOL first = TRUE; removed != (1 << names) - 1; first = FALSE) {
        DWORD size = 0;
        ResetEvent(overlapped.hEvent);
        if (!ReadDirectoryChangesW(directory, buffer, sizeof buffer, TRUE, FILTER, NULL, &overlapped, NULL)) return 4;
        if (first) say("watching\n");
        ULONGLONG now = GetTickCount64();
        if (now >= end || WaitForSingleObject(overlapped.hEvent, (DWORD)(end - now)) != WAIT_OBJECT_0) return 5;
        if (!GetOverlappedResult(directory, &overlapped, &size, FALSE)) return 6;
        for (DWORD at = 0; at < size;) {
            const FILE_NOTIFY_INFORMATION *change = (const void *)((const char *)buffer + at);
            tell(change, names, words + 2);
            if (!change->NextEntryOffset) break;
            at += change->NextEntryOffset;
        }
    }
    return 0;
}
