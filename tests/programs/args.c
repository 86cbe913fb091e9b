//! args.exe ...: prints its command line as the system gave it, then what the C run-time library makes of it.
#include "text_output.h"

int main(int count, char **words) {
    say_wide("command line: <", GetCommandLineW(), ">\n");
    for (int i = 0; i < count; i++) say("argv[%d]: <%s>\n", i, words[i]);
    return 0;
}
