// The parts of sh: parse.c makes a tree of a script, words.c expands its words, run.c executes it.
#pragma once
#include "unix.h"

enum kind { SIMPLE, PIPE, AND, OR, SEQUENCE, GROUP, SUBSHELL, IF, WHILE, UNTIL, FOR };

struct redirection {
    int stream;
    enum { FROM_FILE, TO_FILE, APPEND, SAME_AS } how;
    char *target; // a word, or the digit of a stream
    struct redirection *next;
};

// What a node means by `left`, `right` and `other`: the two sides of PIPE, AND, OR and SEQUENCE; condition, body and else part
// of IF; condition and body of WHILE and UNTIL; the body of FOR, GROUP and SUBSHELL is `left`.
struct node {
    enum kind kind;
    bool negated;
    struct node *left, *right, *other;
    char **words; // as written; FOR: the variable, then what it goes through; SUBSHELL: the script
    size_t word_count;
    struct redirection *redirections;
    const char *source; // where it stands in the script
    size_t length;
};

enum trouble { NO_TROUBLE, INCOMPLETE, NOT_UNDERSTOOD };

// The tree of a script, NULL for an empty one. `trouble` says why there is none; INCOMPLETE: more lines are needed.
struct node *parse(const char *script, enum trouble *trouble);

// The length of the word that `at` starts, with its quotes; 0 when it does not end.
size_t word_length(const char *at);

struct fields {
    char **items;
    size_t count;
};

// The length of what is in the brackets that open at `at`, with both; 0 when they do not close.
size_t bracket_length(const char *at, char open, char close);

// Expands a word as it is written and adds the fields that it becomes; `split` says whether values become several.
void expand(const char *word, bool split, struct fields *fields);

// A word that must become one text, such as the target of a redirection.
char *expand_one(const char *word);

// Positional parameters ($0 first) and the status of the last command.
extern struct fields positional;
extern int last_status;

// What a script prints, run by another shell, without the line ends behind it.
char *output_of(const char *script, size_t length);
