#include "report/mathml.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

// What is left to read.
typedef struct reader {
    const char *at;
    bool failed;
} reader;

static void add_row(text_buffer *out, reader *r, const char *end);

static void skip_spaces(reader *r)
{
    while (*r->at == ' ')
        r->at++;
}

static bool take(reader *r, char c)
{
    skip_spaces(r);
    if (*r->at != c) return false;
    r->at++;
    return true;
}

// {a group}, or the next letter, number or command.
static void add_atom(text_buffer *out, reader *r, bool *takes_limits);

static void add_argument(text_buffer *out, reader *r)
{
    bool ignored;
    skip_spaces(r);
    add_atom(out, r, &ignored);
}

// ---------------------------------------------------------------------------------------------------------------------
// Commands

typedef enum command_kind { VARIABLE, FUNCTION, OPERATOR, LIMITS } command_kind;

static const struct symbol {
    const char *name, *text;
    command_kind kind;
} SYMBOLS[] = {
    {"alpha", "α", VARIABLE},   {"beta", "β", VARIABLE},      {"gamma", "γ", VARIABLE},   {"delta", "δ", VARIABLE},
    {"epsilon", "ε", VARIABLE}, {"eta", "η", VARIABLE},       {"mu", "μ", VARIABLE},      {"pi", "π", VARIABLE},
    {"rho", "ρ", VARIABLE},     {"sigma", "σ", VARIABLE},     {"lambda", "λ", VARIABLE},  {"partial", "∂", VARIABLE},
    {"infty", "∞", VARIABLE},   {"log", "log", FUNCTION},     {"tanh", "tanh", FUNCTION}, {"erf", "erf", FUNCTION},
    {"cdot", "⋅", OPERATOR},    {"dots", "…", OPERATOR},      {"le", "≤", OPERATOR},      {"ge", "≥", OPERATOR},
    {"ne", "≠", OPERATOR},      {"leftarrow", "←", OPERATOR}, {"approx", "≈", OPERATOR},  {"sum", "∑", LIMITS},
    {"max", "max", LIMITS},     {"min", "min", LIMITS},
};

static void add_symbol(text_buffer *out, const struct symbol *s, bool *takes_limits)
{
    *takes_limits = s->kind == LIMITS;
    if (s->kind == VARIABLE || s->kind == FUNCTION)
        buffer_print(out, "<mi>%s</mi>", s->text);
    else if (strcmp(s->name, "sum") == 0) // without a mathematical font nothing makes it large
        buffer_print(out, "<mo class=\"sum\" largeop=\"false\">%s</mo>", s->text);
    else
        buffer_print(out, "<mo>%s</mo>", s->text);
    if (s->kind == FUNCTION) buffer_add(out, "<mo>&#x2061;</mo>"); // applied to what follows
}

static void add_two(text_buffer *out, reader *r, const char *element)
{
    buffer_print(out, "<%s>", element);
    add_argument(out, r);
    add_argument(out, r);
    buffer_print(out, "</%s>", element);
}

// {a & b \\ c & d}, two rows. The brace is drawn by the page's style: without a mathematical font none would grow.
static void add_cases(text_buffer *out, reader *r)
{
    if (!take(r, '{')) r->failed = true;
    buffer_add(
        out,
        "<mrow><mspace class=\"brace\" width=\"0.5em\" height=\"1.75em\" depth=\"1.15em\"/><mtable class=\"cases\">");
    while (!r->failed) {
        buffer_add(out, "<mtr><mtd>");
        add_row(out, r, "&");
        if (!take(r, '&')) r->failed = true;
        buffer_add(out, "</mtd><mtd>");
        add_row(out, r, "\\\\");
        buffer_add(out, "</mtd></mtr>");
        if (strncmp(r->at, "\\\\", 2) != 0) break;
        r->at += 2;
    }
    buffer_add(out, "</mtable></mrow>");
    if (!take(r, '}')) r->failed = true;
}

static void add_words(text_buffer *out, reader *r)
{
    const char *end = *r->at == '{' ? strchr(r->at, '}') : NULL;
    if (!end) {
        r->failed = true;
        return;
    }
    buffer_add(out, "<mtext>");
    for (r->at++; r->at < end; r->at++)
        if (*r->at == ' ')
            buffer_add(out, "&#xA0;");
        else
            buffer_add_bytes(out, r->at, 1);
    buffer_add(out, "</mtext>");
    r->at++;
}

static void add_command(text_buffer *out, reader *r, bool *takes_limits)
{
    const char *name = ++r->at;
    while (isalpha((unsigned char)*r->at))
        r->at++;
    size_t length = (size_t)(r->at - name);
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof *SYMBOLS; i++) {
        if (strlen(SYMBOLS[i].name) != length || strncmp(SYMBOLS[i].name, name, length) != 0) continue;
        add_symbol(out, &SYMBOLS[i], takes_limits);
        return;
    }
    if (length == 4 && strncmp(name, "frac", length) == 0) {
        add_two(out, r, "mfrac");
    } else if (length == 4 && strncmp(name, "sqrt", length) == 0) {
        buffer_add(out, "<msqrt>");
        add_argument(out, r);
        buffer_add(out, "</msqrt>");
    } else if (length == 3 && strncmp(name, "hat", length) == 0) {
        buffer_add(out, "<mover accent=\"true\">");
        add_argument(out, r);
        buffer_add(out, "<mo>^</mo></mover>");
    } else if (length == 5 && strncmp(name, "cases", length) == 0) {
        add_cases(out, r);
    } else if (length == 6 && strncmp(name, "mathrm", length) == 0) {
        add_words(out, r);
    } else {
        r->failed = true;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Rows

static void add_operator(text_buffer *out, reader *r)
{
    char c = *r->at++;
    if (c == '-')
        buffer_add(out, "<mo>−</mo>");
    else if (c == '*')
        buffer_add(out, "<mo>∗</mo>");
    else if (c == '<')
        buffer_add(out, "<mo>&lt;</mo>");
    else if (c == '>')
        buffer_add(out, "<mo>&gt;</mo>");
    else if (strchr("+=,/|[].:", c))
        buffer_print(out, "<mo>%c</mo>", c);
    else
        r->failed = true;
}

// Brackets are a row of their own: they grow with what they hold, not with what stands beside them.
static void add_brackets(text_buffer *out, reader *r)
{
    r->at++;
    text_buffer row = {0};
    add_row(&row, r, ")");
    if (!take(r, ')')) r->failed = true;
    // Fonts have few sizes of brackets: around what is no higher than a letter they would grow too much.
    bool high = row.text && (strstr(row.text, "<mfrac") || strstr(row.text, "<munder"));
    const char *stretchy = high ? "" : " stretchy=\"false\"";
    buffer_print(out, "<mrow><mo%s>(</mo>", stretchy);
    if (row.text) buffer_add(out, row.text);
    buffer_print(out, "<mo%s>)</mo></mrow>", stretchy);
    out->failed |= row.failed;
    buffer_free(&row);
}

static void add_number(text_buffer *out, reader *r)
{
    size_t length = strspn(r->at, "0123456789.");
    buffer_add(out, "<mn>");
    buffer_add_bytes(out, r->at, length);
    buffer_add(out, "</mn>");
    r->at += length;
}

static void add_atom(text_buffer *out, reader *r, bool *takes_limits)
{
    *takes_limits = false;
    if (take(r, '{')) {
        buffer_add(out, "<mrow>");
        add_row(out, r, "}");
        buffer_add(out, "</mrow>");
        if (!take(r, '}')) r->failed = true;
    } else if (*r->at == '\\') {
        add_command(out, r, takes_limits);
    } else if (*r->at == '(') {
        add_brackets(out, r);
    } else if (isdigit((unsigned char)*r->at)) {
        add_number(out, r);
    } else if (isalpha((unsigned char)*r->at)) {
        buffer_print(out, "<mi>%c</mi>", *r->at++);
    } else if (*r->at) {
        add_operator(out, r);
    } else {
        r->failed = true;
    }
}

// An atom with what stands below and above it: f'(z), x_i^2, a sum with its bounds.
static void add_scripted(text_buffer *out, reader *r)
{
    text_buffer base = {0}, below = {0}, above = {0};
    bool takes_limits;
    add_atom(&base, r, &takes_limits);
    // Raised, the prime of a font without mathematics (U+2032) would be a speck.
    if (take(r, '\'')) buffer_add(&above, "<mo>'</mo>");
    for (skip_spaces(r); (*r->at == '_' || *r->at == '^') && !r->failed; skip_spaces(r)) {
        bool is_below = *r->at++ == '_';
        add_argument(is_below ? &below : &above, r);
    }
    static const char *const elements[2][4] = {{"", "msub", "msup", "msubsup"}, {"", "munder", "mover", "munderover"}};
    const char *element = elements[takes_limits][(below.length > 0) + 2 * (above.length > 0)];
    if (*element) buffer_print(out, "<%s>", element);
    buffer_add_bytes(out, base.text, base.length);
    buffer_add_bytes(out, below.text, below.length);
    buffer_add_bytes(out, above.text, above.length);
    if (*element) buffer_print(out, "</%s>", element);
    out->failed = out->failed || base.failed || below.failed || above.failed;
    buffer_free(&base);
    buffer_free(&below);
    buffer_free(&above);
}

// Up to `end`, a closing bracket or the text's end; `end` stays.
static void add_row(text_buffer *out, reader *r, const char *end)
{
    for (;;) {
        skip_spaces(r);
        bool done = *r->at == 0 || *r->at == '}' || *r->at == ')' || strncmp(r->at, end, strlen(end)) == 0;
        if (done || r->failed) return;
        add_scripted(out, r);
    }
}

bool mathml_add(text_buffer *buffer, const char *tex)
{
    reader r = {.at = tex};
    buffer_add(buffer, "<math display=\"block\"><mrow>");
    add_row(buffer, &r, "\n");
    buffer_add(buffer, "</mrow></math>");
    return !r.failed && *r.at == 0;
}
