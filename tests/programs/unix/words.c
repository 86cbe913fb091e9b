// Expands words: quotes, $NAME, ${NAME:-WORD}, $?, $(SCRIPT), `SCRIPT`, $((SUM)). Variables are the process's environment,
// so that every program gets them; names have no case, as on Windows.
#include "shell.h"
#include <ctype.h>
#include <process.h>
#include <stdlib.h>
#include <string.h>

struct fields positional;
int last_status;

struct expansion {
    struct text text;
    bool any; // whether there is a field, be it empty
    bool split;
    struct fields *fields;
};

static void end_field(struct expansion *to) {
    if (!to->any) return;
    to->fields->items = take_more(to->fields->items, (to->fields->count + 2) * sizeof *to->fields->items);
    to->fields->items[to->fields->count++] = text_finish(&to->text);
    to->fields->items[to->fields->count] = NULL;
    to->text = (struct text){0};
    to->any = false;
}

static void add(struct expansion *to, const char *value, bool quoted) {
    for (; *value; value++) {
        if (!quoted && to->split && strchr(" \t\r\n", *value)) {
            end_field(to);
        } else {
            text_add_char(&to->text, *value);
            to->any = true;
        }
    }
}

// Sums and products of numbers and variables in $(( )).
static long sum(const char **at);

static void skip_spaces(const char **at) {
    while (isspace((unsigned char)**at)) (*at)++;
}

static long factor(const char **at) {
    skip_spaces(at);
    long value = 0;
    if (**at == '(' || **at == '-') {
        bool negative = *(*at)++ == '-';
        value = negative ? -factor(at) : sum(at);
        skip_spaces(at);
        if (!negative && **at == ')') (*at)++;
    } else if (isdigit((unsigned char)**at)) {
        value = strtol(*at, (char **)at, 10);
    } else {
        struct text name = {0};
        if (**at == '$') (*at)++;
        while (isalnum((unsigned char)**at) || **at == '_') text_add_char(&name, *(*at)++);
        const char *text = name.length ? getenv(text_finish(&name)) : NULL;
        value = text ? strtol(text, NULL, 10) : 0;
    }
    skip_spaces(at);
    return value;
}

static long product(const char **at) {
    long value = factor(at);
    while (**at == '*' || **at == '/' || **at == '%') {
        char operator = *(*at)++;
        long right = factor(at);
        if (operator == '*') value *= right;
        else if (right) value = operator == '/' ? value / right : value % right;
    }
    return value;
}

static long sum(const char **at) {
    long value = product(at);
    while (**at == '+' || **at == '-') {
        char operator = *(*at)++;
        long right = product(at);
        value = operator == '+' ? value + right : value - right;
    }
    return value;
}

static const char *value_of(const char *name, char *room, size_t size) {
    if (!strcmp(name, "?")) return snprintf(room, size, "%d", last_status), room;
    if (!strcmp(name, "$")) return snprintf(room, size, "%d", _getpid()), room;
    if (!strcmp(name, "#")) return snprintf(room, size, "%zu", positional.count ? positional.count - 1 : 0), room;
    if (isdigit((unsigned char)*name)) {
        size_t index = strtoul(name, NULL, 10);
        return index < positional.count ? positional.items[index] : NULL;
    }
    return getenv(name);
}

static void add_positional(struct expansion *to, bool quoted) {
    for (size_t i = 1; i < positional.count; i++) {
        if (i > 1 && to->split) end_field(to);
        else if (i > 1) text_add_char(&to->text, ' ');
        if (quoted) to->any = true;
        add(to, positional.items[i], quoted);
    }
}

static void add_variable(struct expansion *to, const char *name, const char *otherwise, bool quoted) {
    char room[32];
    if (!strcmp(name, "@") || !strcmp(name, "*")) return add_positional(to, quoted);
    const char *value = value_of(name, room, sizeof room);
    if ((!value || !*value) && otherwise) value = expand_one(otherwise);
    if (value) add(to, value, quoted);
}

// What a dollar sign at `at` stands for. Returns the place behind it.
static const char *dollar(struct expansion *to, const char *at, bool quoted) {
    size_t length;
    at++;
    if (*at == '(' && (length = bracket_length(at, '(', ')'))) {
        if (at[1] == '(' && at[length - 2] == ')') {
            char number[32], *text = copy_text(at + 2, length - 4);
            const char *from = text;
            snprintf(number, sizeof number, "%ld", sum(&from));
            add(to, number, quoted);
        } else {
            add(to, output_of(at + 1, length - 2), quoted);
        }
        return at + length;
    }
    if (*at == '{') {
        const char *end = strchr(at, '}');
        char *name = copy_text(at + 1, (size_t)((end ? end : at + 1) - at - 1));
        char *otherwise = strstr(name, ":-");
        if (otherwise) *otherwise = 0, otherwise += 2;
        add_variable(to, name, otherwise, quoted);
        return end ? end + 1 : at + 1;
    }
    length = *at && strchr("?$#@*", *at) ? 1 : 0;
    if (!length)
        while (isalnum((unsigned char)at[length]) || at[length] == '_')
            if (++length == 1 && isdigit((unsigned char)*at)) break;
    if (!length) {
        add(to, "$", true);
        return at;
    }
    char *name = copy_text(at, length);
    add_variable(to, name, NULL, quoted);
    free(name);
    return at + length;
}

static const char *back_quotes(struct expansion *to, const char *at, bool quoted) {
    struct text script = {0};
    for (at++; *at && *at != '`'; at++) {
        if (*at == '\\' && at[1] && strchr("`\\$", at[1])) at++;
        text_add_char(&script, *at);
    }
    size_t length = script.length;
    add(to, output_of(text_finish(&script), length), quoted);
    return *at ? at + 1 : at;
}

void expand(const char *word, bool split, struct fields *fields) {
    struct expansion to = {.split = split, .fields = fields};
    char quote = 0;
    for (const char *at = word; *at;) {
        if (quote != '\'' && *at == '$') {
            at = dollar(&to, at, quote != 0);
        } else if (quote != '\'' && *at == '`') {
            at = back_quotes(&to, at, quote != 0);
        } else if (*at == quote || (!quote && (*at == '\'' || *at == '"'))) {
            quote = quote ? 0 : *at;
            // "$@" without parameters is no field; everything else in quotes is one.
            to.any |= strncmp(at, "\"$@\"", 4) != 0;
            at++;
        } else {
            if (*at == '\\' && quote != '\'' && at[1] && (!quote || strchr("\\\"$`\n", at[1]))) at++;
            if (*at == '\n' && at[-1] == '\\') {
                at++;
                continue;
            }
            char plain[2] = {*at++, 0};
            add(&to, plain, true);
        }
    }
    if (!split) to.any = true;
    end_field(&to);
}

char *expand_one(const char *word) {
    struct fields fields = {0};
    expand(word, false, &fields);
    return fields.items[0];
}
