//! lines.exe COUNT MILLISECONDS CODE: prints "line 1 of COUNT" and so on, with a pause after each, and leaves with CODE.
#include <stdlib.h>

#include "text_output.h"

int main(int count, char **words) {
    int lines = count > 1 ? atoi(words[1]) : 1;
    for (int i = 1; i <= lines; i++) {
        say("line %d of %d\n", i, lines);
        if (count > 2) Sleep((DWORD)atoi(words[2]));
    }
    return count > 3 ? atoi(words[3]) : 0;
}
