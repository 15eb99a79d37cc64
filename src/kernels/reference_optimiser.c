// The optimisers, sections 2.6 to 2.6.3 of the thesis, in the form that Keras gives them. eta is `rate`.
#include "kernels/reference.h"

#include <math.h>

static double scaled_gradient(const update_task *task, size_t i)
{
    return (double)task->g[i] * task->gradient_scale;
}

// Decoupled weight decay: before the update, and apart from the gradient (AdamW).
static double decayed_weight(const update_task *task, size_t i)
{
    return task->w[i] - (double)task->rate * task->weight_decay * task->w[i];
}

// eq. 46, w = w - eta g; with momentum v = mu v - eta g, w = w + v. Nesterov looks one step ahead: w = w + mu v - eta
// g. slot0: v, may be null without momentum.
void reference_update_sgd(thread_pool *pool, const update_task *task)
{
    (void)pool;
    double eta = task->rate, mu = task->momentum;
    for (size_t i = 0; i < task->count; i++) {
        double g = scaled_gradient(task, i);
        double step = -eta * g;
        if (task->momentum != 0.0f) {
            double v = mu * task->slot0[i] - eta * g;
            task->slot0[i] = (float)v;
            step = task->nesterov ? mu * v - eta * g : v;
        }
        task->w[i] = (float)(decayed_weight(task, i) + step);
    }
}

// eq. 47: G = G + g^2; eq. 49: w = w - eta g / sqrt(G + epsilon). slot0: G.
void reference_update_adagrad(thread_pool *pool, const update_task *task)
{
    (void)pool;
    double eta = task->rate;
    for (size_t i = 0; i < task->count; i++) {
        double g = scaled_gradient(task, i);
        double sum = task->slot0[i] + g * g;
        task->slot0[i] = (float)sum;
        task->w[i] = (float)(decayed_weight(task, i) - eta * g / sqrt(sum + task->epsilon));
    }
}

// eq. 50: A = gamma A + (1 - gamma) g^2 with gamma = rho; eq. 51: w = w - eta g / sqrt(A + epsilon). Keras's momentum
// gathers those steps: m = mu m + eta g / sqrt(A + epsilon), w = w - m. slot0: A; slot1: m, may be null without
// momentum.
void reference_update_rmsprop(thread_pool *pool, const update_task *task)
{
    (void)pool;
    double eta = task->rate, rho = task->rho, mu = task->momentum;
    for (size_t i = 0; i < task->count; i++) {
        double g = scaled_gradient(task, i);
        double average = rho * task->slot0[i] + (1.0 - rho) * g * g;
        task->slot0[i] = (float)average;
        double step = eta * g / sqrt(average + task->epsilon);
        if (task->momentum != 0.0f) {
            step += mu * task->slot1[i];
            task->slot1[i] = (float)step;
        }
        task->w[i] = (float)(decayed_weight(task, i) - step);
    }
}

// eq. 52: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2. slot0: m; slot1: v.
//
// The thesis corrects the bias of both (eq. 53-55) and steps by eta mhat / (sqrt(vhat) + epsilon), eq. 56. Multiplied
// by sqrt(1 - beta2^t) above and below that is eta' m / (sqrt(v) + epsilon sqrt(1 - beta2^t)) with the rate
// eta' = eta sqrt(1 - beta2^t) / (1 - beta1^t). Keras leaves out the last factor, so its epsilon counts for more in the
// first steps; the two agree once beta2^t has vanished.
void reference_update_adam(thread_pool *pool, const update_task *task)
{
    (void)pool;
    double beta1 = task->beta1, beta2 = task->beta2, t = (double)task->step;
    double eta = task->rate * sqrt(1.0 - pow(beta2, t)) / (1.0 - pow(beta1, t));
    for (size_t i = 0; i < task->count; i++) {
        double g = scaled_gradient(task, i);
        double m = beta1 * task->slot0[i] + (1.0 - beta1) * g;
        double v = beta2 * task->slot1[i] + (1.0 - beta2) * g * g;
        task->slot0[i] = (float)m;
        task->slot1[i] = (float)v;
        task->w[i] = (float)(decayed_weight(task, i) - eta * m / (sqrt(v) + task->epsilon));
    }
}
