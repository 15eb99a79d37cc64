#include "random_network.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NODES_MAX = 48, INPUTS_MAX = 4, FLAT_MAX = 3000 };

// The output of a layer, called "n" and its number.
typedef struct node {
    int h, w, c;
    bool flat, used;
} node;

typedef struct builder {
    uint64_t *state;
    random_network_size size;
    char *text;
    node nodes[NODES_MAX];
    int count;
} builder;

int random_draw(uint64_t *state, int bound)
{
    if (bound < 2) return 0;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int)((*state >> 33) % (uint64_t)bound);
}

static int draw(builder *b, int bound)
{
    return random_draw(b->state, bound);
}

static void print(builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(builder *b, const char *format, ...)
{
    size_t length = strlen(b->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(b->text + length, RANDOM_NETWORK_TEXT - length, format, arguments);
    va_end(arguments);
}

// Names the layer whose line this is, and ends it.
static void append(builder *b, node made)
{
    print(b, " name=n%d\n", b->count);
    made.used = false;
    b->nodes[b->count++] = made;
}

// Ends the line of a layer that takes `from`.
static void end_line(builder *b, int from, node made)
{
    bool follows = from == b->count - 1; // then from= may be left out
    if (!follows || draw(b, 2)) print(b, " from=n%d", from);
    b->nodes[from].used = true;
    append(b, made);
}

static void add_windowed(builder *b, int from, node made)
{
    static const char *const ACTIVATIONS[] = {"", "relu", "gelu", "elu", "leaky_relu", "sigmoid", "softmax", "silu"};
    int stride = 1 + draw(b, 2);
    made.h = (made.h - 1) / stride + 1;
    made.w = (made.w - 1) / stride + 1;
    switch (draw(b, 5)) {
    case 0:
        print(b, "maxpool 2x2 same stride=%d", stride);
        break;
    case 1:
        print(b, "avgpool 3x2 same stride=%d", stride);
        break;
    default: {
        int groups = made.c % 2 == 0 ? 1 + draw(b, 2) : 1;
        int size = 1 + 2 * draw(b, 3);
        made.c = groups * (1 + draw(b, b->size.channels / groups));
        print(b, "conv %d %dx%d same stride=%d groups=%d %s%s", made.c, size, size, stride, groups,
              ACTIVATIONS[draw(b, 8)], draw(b, 4) ? "" : " bias=no");
    }
    }
    end_line(b, from, made);
}

static void add_elementwise(builder *b, int from)
{
    static const char *const LINES[] = {"batchnorm",   "batchnorm",  "relu", "prelu", "dropout 0.3", "elu",
                                        "dropout 0.5", "leaky_relu", "gelu", "silu",  "tanh",        "linear"};
    print(b, "%s", LINES[draw(b, sizeof LINES / sizeof *LINES)]);
    end_line(b, from, b->nodes[from]);
}

static void add_dense(builder *b, int from, int units, const char *options)
{
    print(b, "dense %d %s", units, options);
    end_line(b, from, (node){.h = 1, .w = 1, .c = units, .flat = true});
}

static void add_flat(builder *b, int from)
{
    node made = b->nodes[from];
    bool global = made.h * made.w * made.c > FLAT_MAX || draw(b, 2);
    print(b, global ? "globalavgpool" : "flatten");
    end_line(b, from, (node){.h = 1, .w = 1, .c = global ? made.c : made.h * made.w * made.c, .flat = true});
}

static bool can_join(const node *a, const node *b, bool add)
{
    return a->h == b->h && a->w == b->w && a->flat == b->flat && (!add || a->c == b->c);
}

// add or concat of `from` and one to three others that fit, itself among them.
static void add_join(builder *b, int from)
{
    bool add = draw(b, 3) > 0;
    node made = b->nodes[from];
    int fitting[NODES_MAX] = {from}, count = 0;
    for (int i = 0; i < b->count; i++)
        if (can_join(&b->nodes[i], &made, add)) fitting[count++] = i;
    print(b, "%s n%d", add ? "add" : "concat", from);
    for (int i = 1 + draw(b, INPUTS_MAX - 1); i > 0; i--) {
        int other = fitting[draw(b, count)];
        if (!add) made.c += b->nodes[other].c;
        b->nodes[other].used = true;
        print(b, " n%d", other);
    }
    b->nodes[from].used = true;
    append(b, made);
}

static void add_layer(builder *b)
{
    int from = draw(b, 3) ? b->count - 1 : draw(b, b->count);
    node made = b->nodes[from];
    int kind = draw(b, 10);
    bool joins = kind >= 3 && kind < 6 && made.c <= 4 * b->size.channels;
    bool transforms = kind >= 3 && !joins;
    if (joins)
        add_join(b, from);
    else if (transforms && made.flat && made.c <= FLAT_MAX)
        add_dense(b, from, 1 + draw(b, 20), draw(b, 2) ? "relu" : "");
    else if (transforms && !made.flat)
        add_windowed(b, from, made);
    else
        add_elementwise(b, from);
    if (draw(b, 12) == 0 && !b->nodes[b->count - 1].flat) add_flat(b, b->count - 1);
}

static int find_unused(const builder *b, int first)
{
    while (first < b->count && b->nodes[first].used)
        first++;
    return first;
}

// Until one output is left that nobody takes: the last.
static void join_ends(builder *b)
{
    if (find_unused(b, 0) == b->count - 1) return;
    for (int i = find_unused(b, 0), ends = b->count; i < ends; i = find_unused(b, i + 1))
        if (!b->nodes[i].flat) add_flat(b, i);
    node made = {.h = 1, .w = 1, .flat = true};
    int first = find_unused(b, 0);
    if (first == b->count - 1) return;
    print(b, "concat");
    for (int i = first; i < b->count; i = find_unused(b, i + 1)) {
        print(b, " n%d", i);
        made.c += b->nodes[i].c;
        b->nodes[i].used = true;
    }
    append(b, made);
}

static void add_end(builder *b)
{
    static const char *const LAST[] = {"linear", "flatten", "softmax", "relu", "batchnorm", "dropout 0.5"};
    int from = b->count - 1;
    int kind = draw(b, 10);
    if (kind < 6) {
        print(b, "%s", LAST[kind]);
        end_line(b, from, b->nodes[from]);
    } else if (kind < 9 && b->nodes[from].flat) {
        add_dense(b, from, 1 + draw(b, 12), kind == 6 ? "" : kind == 7 ? "softmax" : "gelu");
    }
}

void random_network(uint64_t *state, random_network_size size, char text[RANDOM_NETWORK_TEXT])
{
    builder b = {.state = state, .size = size, .text = text};
    text[0] = '\0';
    node input = {.h = 1 + draw(&b, size.side), .w = 1 + draw(&b, size.side), .c = 1 + draw(&b, size.channels)};
    if (draw(&b, 8) == 0) input = (node){.h = 1, .w = 1, .c = input.c, .flat = true};
    if (input.flat)
        print(&b, "input %d name=n0\n", input.c);
    else
        print(&b, "input %dx%dx%d name=n0\n", input.h, input.w, input.c);
    b.nodes[b.count++] = input;
    for (int layers = 1 + draw(&b, size.layers); layers > 0; layers--)
        add_layer(&b);
    join_ends(&b);
    add_end(&b);
}
