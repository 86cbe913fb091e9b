// The grammar of sh, by recursive descent.
#include "shell.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *at;
    enum trouble trouble;
};

static struct node *parse_list(struct parser *parser);

size_t bracket_length(const char *at, char open, char close) {
    int depth = 0;
    for (const char *start = at; *at; at++) {
        if (*at == '\\' && at[1]) at++;
        else if (*at == '\'' || *at == '"') {
            char quote = *at++;
            while (*at && *at != quote) at += *at == '\\' && quote == '"' && at[1] ? 2 : 1;
            if (!*at) return 0;
        } else if (*at == open) depth++;
        else if (*at == close && !--depth) return (size_t)(at + 1 - start);
    }
    return 0;
}

static size_t quoted_length(const char *at) {
    const char *start = at++;
    for (; *at && *at != *start; at++) {
        if (*at == '\\' && *start != '\'' && at[1]) at++;
        else if (*start == '"' && *at == '$' && at[1] == '(') {
            size_t length = bracket_length(at + 1, '(', ')');
            if (!length) return 0;
            at += length;
        }
    }
    return *at ? (size_t)(at + 1 - start) : 0;
}

size_t word_length(const char *at) {
    const char *start = at;
    while (*at && !strchr(" \t\r\n;&|<>()", *at)) {
        size_t length = 1;
        if (*at == '\\' && at[1]) length = 2;
        else if (*at == '\'' || *at == '"' || *at == '`') length = quoted_length(at);
        else if (*at == '$' && at[1] == '(') length = 1 + bracket_length(at + 1, '(', ')');
        else if (*at == '$' && at[1] == '{') length = 1 + bracket_length(at + 1, '{', '}');
        if (!length || (length == 1 && *at == '$' && (at[1] == '(' || at[1] == '{'))) return 0;
        at += length;
    }
    return (size_t)(at - start);
}

static void skip_blanks(struct parser *parser) {
    for (;; parser->at++) {
        if (*parser->at == '\\' && parser->at[1] == '\n') parser->at++;
        else if (*parser->at == '#')
            while (parser->at[1] && parser->at[1] != '\n') parser->at++;
        else if (!*parser->at || !strchr(" \t\r", *parser->at)) return;
    }
}

static void skip_lines(struct parser *parser) {
    for (skip_blanks(parser); *parser->at == '\n'; skip_blanks(parser)) parser->at++;
}

static bool next_is(struct parser *parser, const char *operator) {
    skip_blanks(parser);
    size_t length = strlen(operator);
    if (strncmp(parser->at, operator, length)) return false;
    // | is not the beginning of ||, & not of &&.
    return length > 1 || parser->at[1] != *operator || !strchr("|&", *operator);
}

static bool skip(struct parser *parser, const char *operator) {
    if (!next_is(parser, operator)) return false;
    parser->at += strlen(operator);
    return true;
}

static bool next_word_is(struct parser *parser, const char *word) {
    skip_blanks(parser);
    size_t length = strlen(word);
    return !strncmp(parser->at, word, length) && (!parser->at[length] || strchr(" \t\r\n;&|<>()", parser->at[length]));
}

static bool skip_word(struct parser *parser, const char *word) {
    if (!next_word_is(parser, word)) return false;
    parser->at += strlen(word);
    return true;
}

static void *give_up(struct parser *parser) {
    skip_blanks(parser);
    if (!parser->trouble) parser->trouble = *parser->at ? NOT_UNDERSTOOD : INCOMPLETE;
    return NULL;
}

static struct node *new_node(enum kind kind, struct node *left, struct node *right) {
    struct node *node = take(sizeof *node);
    *node = (struct node){.kind = kind, .left = left, .right = right};
    return node;
}

static char *take_word(struct parser *parser) {
    skip_blanks(parser);
    size_t length = word_length(parser->at);
    if (!length) {
        if (*parser->at && !strchr("\n;&|<>()", *parser->at)) parser->trouble = INCOMPLETE;
        return give_up(parser);
    }
    char *word = copy_text(parser->at, length);
    parser->at += length;
    return word;
}

static void add_word(struct node *node, char *word) {
    node->words = take_more(node->words, (node->word_count + 1) * sizeof *node->words);
    node->words[node->word_count++] = word;
}

// `>file`, `2>>file`, `<file`, `2>&1`. Whether there was one.
static bool parse_redirection(struct parser *parser, struct node *node) {
    skip_blanks(parser);
    const char *at = parser->at;
    if (isdigit((unsigned char)*at)) at++;
    if (*at != '<' && *at != '>') return false;
    struct redirection *new = take(sizeof *new), **end = &node->redirections;
    *new = (struct redirection){.stream = *at == '>', .how = *at == '>' ? TO_FILE : FROM_FILE};
    if (at > parser->at) new->stream = *parser->at - '0';
    at++;
    if (*at == '>') new->how = APPEND, at++;
    else if (*at == '&') new->how = SAME_AS, at++;
    parser->at = at;
    new->target = take_word(parser);
    while (*end) end = &(*end)->next;
    *end = new;
    return true;
}

// `do LIST done`, `then LIST` and so on: the list between two words.
static struct node *parse_between(struct parser *parser, const char *from, const char *to) {
    skip_lines(parser);
    if (from && !skip_word(parser, from)) return give_up(parser);
    struct node *list = parse_list(parser);
    if (!list || (to && !skip_word(parser, to))) return give_up(parser);
    return list;
}

static struct node *parse_if(struct parser *parser) {
    struct node *node = new_node(IF, parse_between(parser, NULL, "then"), NULL);
    node->right = parse_between(parser, NULL, NULL);
    if (skip_word(parser, "elif")) node->other = parse_if(parser);
    else if (skip_word(parser, "else")) node->other = parse_between(parser, NULL, "fi");
    else if (!skip_word(parser, "fi")) give_up(parser);
    return node;
}

static struct node *parse_for(struct parser *parser) {
    struct node *node = new_node(FOR, NULL, NULL);
    add_word(node, take_word(parser));
    if (skip_word(parser, "in")) {
        while (!parser->trouble && !next_is(parser, ";") && !next_is(parser, "\n")) add_word(node, take_word(parser));
    } else {
        add_word(node, copy_text("\"$@\"", 4));
    }
    skip(parser, ";");
    node->left = parse_between(parser, "do", "done");
    return node;
}

static struct node *parse_simple(struct parser *parser) {
    struct node *node = new_node(SIMPLE, NULL, NULL);
    while (!parser->trouble) {
        if (parse_redirection(parser, node)) continue;
        if (!*parser->at || strchr("\n;&|()", *parser->at)) break;
        add_word(node, take_word(parser));
    }
    return node->word_count || node->redirections ? node : give_up(parser);
}

static struct node *parse_command(struct parser *parser) {
    skip_blanks(parser);
    const char *start = parser->at;
    struct node *node;
    if (skip(parser, "(")) {
        node = new_node(SUBSHELL, parse_list(parser), NULL);
        if (!skip(parser, ")")) return give_up(parser);
        add_word(node, copy_text(start + 1, (size_t)(parser->at - start) - 2));
    } else if (skip_word(parser, "{")) {
        node = new_node(GROUP, parse_between(parser, NULL, "}"), NULL);
    } else if (skip_word(parser, "if")) {
        node = parse_if(parser);
    } else if (next_word_is(parser, "while") || next_word_is(parser, "until")) {
        node = new_node(skip_word(parser, "while") ? WHILE : UNTIL, NULL, NULL);
        if (node->kind == UNTIL) skip_word(parser, "until");
        node->left = parse_between(parser, NULL, NULL);
        node->right = parse_between(parser, "do", "done");
    } else if (skip_word(parser, "for")) {
        node = parse_for(parser);
    } else {
        node = parse_simple(parser);
    }
    if (parser->trouble || !node) return NULL;
    while (node->kind != SIMPLE && parse_redirection(parser, node)) {}
    node->source = start;
    node->length = (size_t)(parser->at - start);
    return node;
}

static struct node *parse_pipe(struct parser *parser) {
    bool negated = skip_word(parser, "!");
    struct node *node = parse_command(parser);
    while (node && skip(parser, "|")) {
        skip_lines(parser);
        struct node *right = parse_command(parser);
        if (!right) return NULL;
        node = new_node(PIPE, node, right);
        node->source = node->left->source;
        node->length = (size_t)(parser->at - node->source);
    }
    if (node) node->negated = negated;
    return node;
}

static struct node *parse_and_or(struct parser *parser) {
    struct node *node = parse_pipe(parser);
    while (node && !parser->trouble) {
        enum kind kind = next_is(parser, "&&") ? AND : OR;
        if (!skip(parser, "&&") && !skip(parser, "||")) break;
        skip_lines(parser);
        struct node *right = parse_pipe(parser);
        if (!right) return NULL;
        node = new_node(kind, node, right);
    }
    return node;
}

static bool list_ends(struct parser *parser) {
    static const char *const words[] = {"then", "elif", "else", "fi", "do", "done", "}"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (next_word_is(parser, words[i])) return true;
    return !*parser->at || *parser->at == ')';
}

static struct node *parse_list(struct parser *parser) {
    struct node *list = NULL;
    for (skip_lines(parser); !list_ends(parser); skip_lines(parser)) {
        struct node *node = parse_and_or(parser);
        if (!node) return give_up(parser);
        list = list ? new_node(SEQUENCE, list, node) : node;
        if (!skip(parser, ";") && !next_is(parser, "\n") && !list_ends(parser)) return give_up(parser);
    }
    return list;
}

struct node *parse(const char *script, enum trouble *trouble) {
    struct parser parser = {.at = script};
    struct node *list = parse_list(&parser);
    skip_lines(&parser);
    if (!parser.trouble && *parser.at) parser.trouble = NOT_UNDERSTOOD;
    *trouble = parser.trouble;
    return parser.trouble ? NULL : list;
}
