// The formulas that belong to no layer: losses and optimisers.
#include "report/trace.h"

const formula *trace_loss_formulas(loss_kind kind, activation_kind head, size_t outputs)
{
    static const formula categorical[] = {
        {"E(y, r) = -\\sum_{i} y_i \\log(r_i)", "30, 38"},
        {"\\frac{\\partial E}{\\partial z_i} = \\sum_{j} \\frac{\\partial E}{\\partial r_j} \\frac{\\partial "
         "r_j}{\\partial z_i} = r_i - y_i",
         "25, 40"},
        {0},
    };
    static const formula single[] = {
        {"E = -y \\log(a) - (1 - y) \\log(1 - a)", "3, 28"},
        {"\\frac{\\partial E}{\\partial z} = \\frac{\\partial E}{\\partial a} \\frac{\\partial a}{\\partial z} = "
         "\\frac{a - y}{a (1 - a)} a (1 - a) = a - y",
         "6, 7, 29"},
        {0},
    };
    static const formula binary[] = {
        {"E(y, r) = -\\frac{1}{n} \\sum_{i=1}^{n} (y_i \\log(r_i) + (1 - y_i) \\log(1 - r_i))", "28"},
        {"\\frac{\\partial E}{\\partial z_i} = \\sum_{j} \\frac{\\partial E}{\\partial r_j} \\frac{\\partial "
         "r_j}{\\partial z_i}",
         "29"},
        {0},
    };
    static const formula squares[] = {
        {"E(y, r) = \\frac{1}{n} \\sum_{i=1}^{n} (y_i - r_i)^2", "26"},
        {"\\frac{\\partial E}{\\partial z_i} = \\sum_{j} \\frac{2}{n} (r_j - y_j) \\frac{\\partial r_j}{\\partial z_i}",
         "27"},
        {0},
    };
    if (kind == LOSS_CATEGORICAL_CROSSENTROPY) return categorical;
    if (kind == LOSS_MEAN_SQUARED_ERROR) return squares;
    return outputs == 1 && head == ACTIVATION_SIGMOID ? single : binary;
}

const formula *trace_optimizer_formulas(const optimizer *o)
{
    static const formula sgd[] = {{"w_{t+1} = w_t - \\eta g_t", "2, 46"}, {0}};
    static const formula momentum[] = {{"v_t = \\mu v_{t-1} - \\eta g_t", NULL}, {"w_{t+1} = w_t + v_t", NULL}, {0}};
    static const formula nesterov[] = {
        {"v_t = \\mu v_{t-1} - \\eta g_t", NULL}, {"w_{t+1} = w_t + \\mu v_t - \\eta g_t", NULL}, {0}};
    static const formula adagrad[] = {
        {"G_t = G_{t-1} + g_t^2", "47"}, {"w_{t+1} = w_t - \\frac{\\eta}{\\sqrt{G_t + \\epsilon}} g_t", "48, 49"}, {0}};
    static const formula rmsprop[] = {
        {"A_t = \\gamma A_{t-1} + (1 - \\gamma) g_t^2", "50"},
        {"w_{t+1} = w_t - \\frac{\\eta}{\\sqrt{A_t + \\epsilon}} g_t", "51"},
        {0},
    };
    static const formula rmsprop_momentum[] = {
        {"A_t = \\gamma A_{t-1} + (1 - \\gamma) g_t^2", "50"},
        {"m_t = \\mu m_{t-1} + \\frac{\\eta}{\\sqrt{A_t + \\epsilon}} g_t", "51"},
        {"w_{t+1} = w_t - m_t", NULL},
        {0},
    };
    static const formula adam[] = {
        {"m_t = \\beta_1 m_{t-1} + (1 - \\beta_1) g_t", "52"},
        {"v_t = \\beta_2 v_{t-1} + (1 - \\beta_2) g_t^2", "52"},
        {"\\hat{m}_t = \\frac{m_t}{1 - \\beta_1^t}", "55"},
        {"\\hat{v}_t = \\frac{v_t}{1 - \\beta_2^t}", "55"},
        // Keras adds epsilon to the uncorrected root: in the corrected one it is larger.
        {"w_{t+1} = w_t - \\eta \\frac{\\hat{m}_t}{\\sqrt{\\hat{v}_t} + \\hat{\\epsilon}}, \\hat{\\epsilon} = "
         "\\frac{\\epsilon}{\\sqrt{1 - \\beta_2^t}}",
         "56"},
        {0},
    };
    switch (o->kind) {
    case OPTIMIZER_SGD:
        return o->momentum == 0 ? sgd : o->nesterov ? nesterov : momentum;
    case OPTIMIZER_ADAGRAD:
        return adagrad;
    case OPTIMIZER_RMSPROP:
        return o->momentum == 0 ? rmsprop : rmsprop_momentum;
    case OPTIMIZER_ADAM:
    case OPTIMIZER_ADAMW:
        break;
    }
    return adam;
}
