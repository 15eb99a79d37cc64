#include "report/trace_words.h"

#include "train/option.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_add_rounded(text_buffer *out, double value, int digits)
{
    char text[NUMBER_TEXT_MAX], exponential[NUMBER_TEXT_MAX];
    if (!isfinite(value)) {
        buffer_add(out, "not finite");
        return;
    }
    if (value < 0) buffer_add(out, "−");
    value = fabs(value);
    snprintf(exponential, sizeof exponential, "%.*e", digits - 1, value); // rounded: 0.00099999 is 1e-3
    int power = atoi(strchr(exponential, 'e') + 1);
    bool plain = value == 0 || (power >= -3 && power <= 5);
    buffer_add(out, number_text_rounded(plain ? value : value / pow(10, power), digits, text));
    if (!plain) buffer_print(out, "×10<sup>%s%d</sup>", power < 0 ? "−" : "", abs(power));
}

void trace_add_number(text_buffer *out, double value)
{
    trace_add_rounded(out, value, 4);
}

void trace_add_shape(text_buffer *out, shape s)
{
    if (s.flat)
        buffer_print(out, "%d", s.c);
    else
        buffer_print(out, "%d×%d×%d", s.h, s.w, s.c);
}

void trace_add_place(text_buffer *out, shape s, size_t index)
{
    size_t c = (size_t)s.c, w = (size_t)s.w;
    if (s.flat)
        buffer_print(out, "neuron %zu", index + 1);
    else
        buffer_print(out, "row %zu, column %zu of map %zu", index / c / w + 1, index / c % w + 1, index % c + 1);
}

void trace_add_indices(text_buffer *out, const parameter *p, size_t index)
{
    size_t left = p->count;
    buffer_add(out, "[");
    for (int d = 0; d < p->rank; d++) {
        left /= p->dims[d];
        buffer_print(out, "%s%zu", d ? ", " : "", index / left + 1);
        index %= left;
    }
    buffer_add(out, "]");
}
