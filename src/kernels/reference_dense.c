// Matrix products and sums over rows: dense layers, sections 2.4 and 2.6 of the thesis.
#include "kernels/reference.h"

size_t reference_matmul_workspace(const matmul_task *task, unsigned threads)
{
    (void)task;
    (void)threads;
    return 0;
}

// Element (row, column) of op(A) op(B): eq. 32-37, with one row of A for each image.
static double product_element(const matmul_task *t, size_t row, size_t column)
{
    double sum = 0.0;
    for (size_t i = 0; i < t->k; i++) {
        double a = t->transpose_a ? t->a[i * t->m + row] : t->a[row * t->k + i];
        double b = t->transpose_b ? t->b[column * t->k + i] : t->b[i * t->n + column];
        sum += a * b;
    }
    return sum;
}

void reference_matmul(thread_pool *pool, const matmul_task *task, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t row = 0; row < task->m; row++) {
        for (size_t column = 0; column < task->n; column++) {
            size_t at = row * task->n + column;
            double sum = product_element(task, row, column);
            if (task->accumulate) sum += task->c[at];
            if (task->bias != NULL) sum += task->bias[column];
            float z = (float)sum;
            if (task->pre_activation != NULL) task->pre_activation[at] = z;
            task->c[at] = (float)reference_activation(task->act, z);
        }
    }
}

size_t reference_column_sums_workspace(size_t rows, size_t cols, unsigned threads)
{
    (void)rows;
    (void)cols;
    (void)threads;
    return 0;
}

// The gradient of a bias: z = ... + bias in every row, so dbias = sum over rows of dz.
void reference_column_sums(thread_pool *pool, size_t rows, size_t cols, const float *dz, float *sums, void *workspace)
{
    (void)pool;
    (void)workspace;
    for (size_t column = 0; column < cols; column++) {
        double sum = 0.0;
        for (size_t row = 0; row < rows; row++)
            sum += dz[row * cols + column];
        sums[column] = (float)sum;
    }
}
