#include "nn/explain.h"

#include <stddef.h>

void layer_explain(const layer *l, const shape *in, explanation *e)
{
    *e = (explanation){0};
    if (l->type->explain) l->type->explain(l, in, e);
}

// In the order of activation_kind: f, f'.
static const formula ACTIVATIONS[][2] = {
    {{NULL, NULL}, {NULL, NULL}},
    {{"f(z) = \\max(0, z)", "13"}, {"f'(z) = \\cases{0 & z < 0 \\\\ 1 & z > 0}", "14"}},
    {{"f(z) = \\max(0, z) + b \\min(0, z)", "15, 16"}, {"f'(z) = \\cases{1 & z > 0 \\\\ b & z < 0}", "17"}},
    {{"f(z) = \\cases{z & z > 0 \\\\ \\alpha (e^z - 1) & z \\le 0}", "19"},
     {"f'(z) = \\cases{1 & z > 0 \\\\ \\alpha e^z & z \\le 0}", "20"}},
    {{"f(z) = \\frac{1}{1 + e^{-z}}", "5, 11"}, {"f'(z) = f(z) (1 - f(z))", "12"}},
    {{"f(z) = \\tanh(z) = \\frac{e^z - e^{-z}}{e^z + e^{-z}}", NULL}, {"f'(z) = 1 - f(z)^2", NULL}},
    {{"f(z) = \\frac{z}{2} (1 + \\erf(\\frac{z}{\\sqrt{2}}))", NULL},
     {"f'(z) = \\frac{f(z)}{z} + \\frac{z}{\\sqrt{2 \\pi}} e^{-z^2 / 2}", NULL}},
    {{"f(z) = \\frac{z}{1 + e^{-z}}", NULL}, {"f'(z) = \\sigma(z) (1 + z (1 - \\sigma(z)))", NULL}},
    {{"f(z_i) = \\frac{e^{z_i}}{\\sum_{j=1}^{g} e^{z_j}}", "21, 22"},
     {"\\frac{\\partial f(z_i)}{\\partial z_j} = \\cases{-f(z_i) f(z_j) & i \\ne j \\\\ f(z_i) (1 - f(z_i)) & i = j}",
      "25"}},
};

const formula *activation_formulas(activation_kind kind)
{
    return kind == ACTIVATION_LINEAR ? NULL : ACTIVATIONS[kind];
}
