// Matrix products, eq. 32-37 and 39-44: C = op(A) op(B), with bias and activation in the epilogue.
//
// C is shared out into a grid of rectangles, one a worker. A worker goes through its rectangle in blocks of columns and
// of at most MATMUL_DEPTH steps of the sum. It packs the block of B into panels of TILE_COLUMNS columns, zero-padded,
// in scratch space that stays in the second-level cache, and goes down A in blocks of MATMUL_ROWS rows. A is read where
// it lies: the processor fetches ahead what a tile needs of it while it multiplies, but a copy of it would have to be
// waited for. Only where A is transposed, so that each step of a tile is a line of memory, and there are many panels, a
// block of A is packed too. The sum of an element runs through the depth in fixed blocks, so that its bits do not
// depend on the grid.

enum {
    MATMUL_DEPTH = 256,
    MATMUL_ROWS = 96,   // a multiple of every TILE_ROWS
    MATMUL_SKEW = 16,   // floats between packed tiles of A, so that they lie in different sets of the cache
    MATMUL_FETCHES = 8, // of a line of A transposed, at most, for which it is not packed
    MATMUL_PACKED_A = MATMUL_ROWS * MATMUL_DEPTH + MATMUL_ROWS / TILE_ROWS * MATMUL_SKEW,
    MATMUL_PACKED_B = 64 * 1024,
    MATMUL_AHEAD = 4,               // rows
    MATMUL_LARGE = 2 * 1024 * 1024, // floats of B that no cache holds
    MATMUL_THIN_ROWS = 3,           // of C, at most, for which B is not packed
    MATMUL_THIN_VECTORS = 8,
    MATMUL_THIN_AHEAD = 8, // rows
};

typedef struct matmul_job {
    const matmul_task *task;
    size_t grid_rows, grid_columns; // workers
    float *scratch;                 // (workers, MATMUL_PACKED_A + MATMUL_PACKED_B)
} matmul_job;

// A block of the product: rows [row, row + rows), columns likewise, steps [step, step + steps) of the sum.
typedef struct matmul_block {
    size_t row, rows, column, columns, step, steps;
    const float *a;          // its first row and step
    size_t a_tile, a_stride; // from a tile to the next; from a row (a step where A is transposed) to the next
    float *b;                // panels: (columns / TILE_COLUMNS, steps, TILE_COLUMNS)
} matmul_block;

// The end of the block of steps that begins at `step`; all are about equally long.
static size_t matmul_block_end(size_t k, size_t step)
{
    size_t most = smaller(k - step, MATMUL_DEPTH), blocks = parts_of(k - step, most);
    return step + parts_of(k - step, blocks);
}

// Where A lies, or where it is packed: tiles (rows / TILE_ROWS, steps, TILE_ROWS).
static void matmul_place_a(const matmul_task *task, matmul_block *at, float *packed)
{
    if (!task->transpose_a) {
        at->a = task->a + at->row * task->k + at->step;
        at->a_tile = TILE_ROWS * task->k;
        at->a_stride = task->k;
        return;
    }
    const float *a = task->a + at->step * task->m + at->row;
    if (parts_of(at->columns, TILE_COLUMNS) * parts_of(16, TILE_ROWS) <= MATMUL_FETCHES) {
        at->a = a;
        at->a_tile = TILE_ROWS;
        at->a_stride = task->m;
        return;
    }
    at->a = packed;
    at->a_tile = at->steps * TILE_ROWS + MATMUL_SKEW;
    at->a_stride = TILE_ROWS;
    size_t whole = at->rows / TILE_ROWS, rest = at->rows % TILE_ROWS;
    for (size_t q = 0; q < at->steps; q++) {
        const float *from = a + q * task->m;
        float *to = packed + q * TILE_ROWS;
        for (size_t i = 0; i < whole; i++, from += TILE_ROWS, to += at->a_tile)
            memcpy(to, from, TILE_ROWS * sizeof(float));
        for (size_t i = 0; i < rest; i++)
            to[i] = from[i];
    }
}

// B as it is stored: rows are steps. Goes along the rows, asking for the next ones: they may lie on pages of their own.
static void matmul_pack_b_rows(const matmul_task *task, const matmul_block *at)
{
    for (size_t q = 0; q < at->steps; q++) {
        const float *from = task->b + (at->step + q) * task->n + at->column;
        float *to = at->b + q * TILE_COLUMNS;
        size_t ahead = q + MATMUL_AHEAD < at->steps ? MATMUL_AHEAD * task->n : 0;
        for (size_t j = 0; j < at->columns; j += TILE_COLUMNS, to += at->steps * TILE_COLUMNS) {
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++) {
                __builtin_prefetch(from + ahead + j + v * VF);
                vf_store(to + v * VF, tile_load(from + j, at->columns - j, v));
            }
        }
    }
}

// B stored transposed, (n, k): squares of VF by VF are turned in registers.
static void matmul_pack_b_columns(const matmul_task *task, const matmul_block *at)
{
    for (size_t j = 0; j < at->columns; j += VF) {
        size_t columns = smaller(VF, at->columns - j);
        const float *from = task->b + (at->column + j) * task->k + at->step;
        float *to = at->b + j / TILE_COLUMNS * TILE_COLUMNS * at->steps + j % TILE_COLUMNS;
        for (size_t q = 0; q < at->steps; q += VF) {
            size_t steps = smaller(VF, at->steps - q);
            vf square[VF];
            UNROLL
            for (size_t i = 0; i < VF; i++)
                square[i] = i < columns ? tile_load(from + i * task->k + q, steps, 0) : vf_zero();
            vf_transpose(square);
            UNROLL
            for (size_t i = 0; i < VF; i++)
                if (i < steps) vf_store(to + (q + i) * TILE_COLUMNS, square[i]);
        }
    }
}

// One tile of C. The first block of steps starts the sum (from C where it accumulates), the last one ends it.
typedef struct matmul_tile {
    const float *a, *b;
    size_t steps;
    float *c, *z;
    const float *bias;
    size_t n, columns; // n: stride of the rows of C
    bool add, last;    // add: to what is in C
    bool whole, relu;  // whole: of the most rows and columns, with no epilogue but these
} matmul_tile;

// A whole tile goes from the registers to C.
static ALWAYS_INLINE void matmul_store(const matmul_tile *at, tile *t, size_t rows, size_t vectors)
{
    vf zero = vf_zero();
    if (at->add) {
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                t->sum[i][v] += vf_load(at->c + i * at->n + v * VF);
        }
    }
    if (at->bias) {
        UNROLL
        for (size_t v = 0; v < vectors; v++) {
            vf bias = vf_load(at->bias + v * VF);
            UNROLL
            for (size_t i = 0; i < rows; i++)
                t->sum[i][v] += bias;
        }
    }
    if (at->relu) {
        UNROLL
        for (size_t i = 0; i < rows; i++) {
            UNROLL
            for (size_t v = 0; v < vectors; v++)
                t->sum[i][v] = vf_max(zero, t->sum[i][v]);
        }
    }
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            vf_store(at->c + i * at->n + v * VF, t->sum[i][v]);
    }
}

// What is written first is fetched while the sums are made.
static ALWAYS_INLINE void matmul_fetch(const matmul_tile *at, size_t rows)
{
    UNROLL
    for (size_t i = 0; i < rows; i++) {
        UNROLL
        for (size_t j = 0; j < TILE_COLUMNS; j += 16)
            __builtin_prefetch(at->c + i * at->n + j, 1);
    }
}

static ALWAYS_INLINE void matmul_compute(const matmul_tile *at, tile *t, size_t rows, size_t vectors, size_t a_row,
                                         size_t a_step)
{
    bool most = rows == TILE_ROWS && vectors == TILE_VECTORS;
    tile sums; // in registers
    tile_clear(&sums, rows, vectors);
    if (most && !at->add) matmul_fetch(at, rows);
    tile_accumulate(&sums, rows, vectors, at->steps, at->a, a_row, a_step, at->b, TILE_COLUMNS);
    if (most && at->whole)
        matmul_store(at, &sums, rows, vectors);
    else
        tile_copy(&sums, t, rows, vectors);
}

// Any tile, from memory to C. Once for all sizes: whole tiles come here seldom.
static __attribute__((noinline)) void matmul_finish(const matmul_task *task, const matmul_tile *at, const tile *t,
                                                    size_t rows)
{
    for (size_t v = 0; v * VF < at->columns; v++) {
        vf bias = at->bias ? tile_load(at->bias, at->columns, v) : vf_zero();
        for (size_t i = 0; i < rows; i++) {
            vf sum = t->sum[i][v];
            if (at->add) sum += tile_load(at->c + i * at->n, at->columns, v);
            if (at->last) {
                sum += bias;
                if (at->z) tile_store(at->z + i * at->n, at->columns, v, sum);
                sum = activation_inline(task->act, sum);
            }
            tile_store(at->c + i * at->n, at->columns, v, sum);
        }
    }
}

static ALWAYS_INLINE void matmul_compute_vectors(const matmul_tile *at, tile *t, size_t rows, size_t a_row,
                                                 size_t a_step)
{
    if (at->columns > VF)
        matmul_compute(at, t, rows, 2, a_row, a_step);
    else
        matmul_compute(at, t, rows, 1, a_row, a_step);
}

static ALWAYS_INLINE void matmul_compute_rows(const matmul_tile *at, tile *t, size_t rows, size_t a_row, size_t a_step)
{
    switch (rows) {
    case 1:
        matmul_compute_vectors(at, t, 1, a_row, a_step);
        break;
    case 2:
        matmul_compute_vectors(at, t, 2, a_row, a_step);
        break;
    case 3:
        matmul_compute_vectors(at, t, 3, a_row, a_step);
        break;
    case 4:
        matmul_compute_vectors(at, t, 4, a_row, a_step);
        break;
#if TILE_ROWS > 4
    case 5:
        matmul_compute_vectors(at, t, 5, a_row, a_step);
        break;
    case 6:
        matmul_compute_vectors(at, t, 6, a_row, a_step);
        break;
#endif
#if TILE_ROWS > 6
    case 7:
        matmul_compute_vectors(at, t, 7, a_row, a_step);
        break;
    case 8:
        matmul_compute_vectors(at, t, 8, a_row, a_step);
        break;
#endif
    }
}

static matmul_tile matmul_tile_at(const matmul_task *task, const matmul_block *at, size_t row, size_t column)
{
    size_t offset = (at->row + row) * task->n + at->column + column;
    bool last = at->step + at->steps == task->k;
    bool simple = task->act.kind == ACTIVATION_LINEAR || task->act.kind == ACTIVATION_RELU;
    size_t columns = smaller(TILE_COLUMNS, at->columns - column);
    return (matmul_tile){
        .a = at->a + row / TILE_ROWS * at->a_tile,
        .b = at->b + column * at->steps,
        .steps = at->steps,
        .c = task->c + offset,
        .z = task->pre_activation ? task->pre_activation + offset : NULL,
        .bias = last && task->bias ? task->bias + at->column + column : NULL,
        .n = task->n,
        .columns = columns,
        .add = at->step > 0 || task->accumulate,
        .last = last,
        .whole = at->rows - row >= TILE_ROWS && columns == TILE_COLUMNS && (!last || (simple && !task->pre_activation)),
        .relu = last && task->act.kind == ACTIVATION_RELU,
    };
}

static void matmul_compute_block(const matmul_task *task, const matmul_block *at, prefetch *next)
{
    for (size_t column = 0; column < at->columns; column += TILE_COLUMNS) {
        for (size_t row = 0; row < at->rows; row += TILE_ROWS) {
            size_t rows = smaller(TILE_ROWS, at->rows - row);
            prefetch_some(next);
            matmul_tile part = matmul_tile_at(task, at, row, column);
            tile t;
            if (task->transpose_a)
                matmul_compute_rows(&part, &t, rows, 1, at->a_stride);
            else
                matmul_compute_rows(&part, &t, rows, at->a_stride, 1);
            if (!part.whole) matmul_finish(task, &part, &t, rows);
        }
    }
}

// Of a B that is larger than the caches, the block of the next steps, in the same columns or else in the next.
static prefetch matmul_next_b(const matmul_task *task, const matmul_block *part, const matmul_block *at)
{
    if (task->k * task->n < MATMUL_LARGE) return (prefetch){0};
    size_t step = at->step + at->steps, column = at->column, columns = at->columns;
    if (step == task->k) {
        step = 0;
        column += columns;
        columns = smaller(columns, part->column + part->columns - column);
    }
    size_t steps = matmul_block_end(task->k, step) - step;
    size_t tiles = parts_of(part->rows, TILE_ROWS) * parts_of(at->columns, TILE_COLUMNS);
    if (task->transpose_b) return prefetch_rows(task->b + column * task->k + step, columns, task->k, steps, tiles);
    return prefetch_rows(task->b + step * task->n + column, steps, task->n, columns, tiles);
}

// One row of C, `vectors` vectors of columns, of which `columns` count. B is read where it lies: with so few rows each
// of its elements is used a few times, which does not pay for packing it. The sum runs as that of a tile does.
static ALWAYS_INLINE void matmul_thin_strip(const matmul_task *task, size_t row, size_t column, size_t columns,
                                            size_t vectors)
{
    size_t n = task->n, offset = row * n + column, a_step = task->transpose_a ? task->m : 1;
    const float *a = task->a + (task->transpose_a ? row : row * task->k), *b = task->b + column;
    // What a whole vector finds beyond the row is not used, but must lie in B: not so in the last steps.
    size_t beyond = column + vectors * VF > n ? parts_of(column + vectors * VF - n, n) : 0;
    size_t whole = task->k - smaller(task->k, beyond);
    float rest[MATMUL_THIN_VECTORS * VF] = {0};
    vf total[MATMUL_THIN_VECTORS]; // in memory
    for (size_t v = 0; v * VF < columns; v++)
        total[v] = task->accumulate ? tile_load(task->c + offset, columns, v) : vf_zero();
    for (size_t step = 0; step < task->k;) {
        size_t end = matmul_block_end(task->k, step);
        vf sum[MATMUL_THIN_VECTORS];
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            sum[v] = vf_zero();
        for (; step < end; step++, a += a_step, b += n) {
            const float *from = step < whole ? b : memcpy(rest, b, columns * sizeof *b);
            vf left = vf_set(*a);
            UNROLL
            for (size_t v = 0; v < vectors; v++) {
                __builtin_prefetch(b + MATMUL_THIN_AHEAD * n + v * VF);
                sum[v] = vf_fma(left, vf_load(from + v * VF), sum[v]);
            }
        }
        vf copy[MATMUL_THIN_VECTORS];
        UNROLL
        for (size_t v = 0; v < vectors; v++)
            copy[v] = sum[v];
        for (size_t v = 0; v * VF < columns; v++)
            total[v] = copy[v] + total[v];
    }
    for (size_t v = 0; v * VF < columns; v++) {
        vf z = task->bias ? total[v] + tile_load(task->bias + column, columns, v) : total[v];
        if (task->pre_activation) tile_store(task->pre_activation + offset, columns, v, z);
        tile_store(task->c + offset, columns, v, activation_inline(task->act, z));
    }
}

static void matmul_thin(const matmul_task *task, const matmul_block *part)
{
    size_t end = part->column + part->columns;
    for (size_t column = part->column; column < end; column += MATMUL_THIN_VECTORS * VF) {
        size_t columns = smaller(MATMUL_THIN_VECTORS * VF, end - column);
        for (size_t row = part->row; row < part->row + part->rows; row++) {
            if (columns > 4 * VF)
                matmul_thin_strip(task, row, column, columns, 8);
            else
                matmul_thin_strip(task, row, column, columns, 4); // fewer would wait for each other as long
        }
    }
}

static void matmul_packed(const matmul_task *task, const matmul_block *part, float *scratch)
{
    matmul_block at = {.b = scratch + MATMUL_PACKED_A};
    size_t end_row = part->row + part->rows, end_column = part->column + part->columns;
    size_t wide = MATMUL_PACKED_B / smaller(task->k, MATMUL_DEPTH) / TILE_COLUMNS * TILE_COLUMNS;
    for (at.column = part->column; at.column < end_column; at.column += at.columns) {
        at.columns = smaller(wide, end_column - at.column);
        for (at.step = 0; at.step < task->k; at.step += at.steps) {
            at.steps = matmul_block_end(task->k, at.step) - at.step;
            if (task->transpose_b)
                matmul_pack_b_columns(task, &at);
            else
                matmul_pack_b_rows(task, &at);
            prefetch next = matmul_next_b(task, part, &at);
            for (at.row = part->row; at.row < end_row; at.row += at.rows) {
                at.rows = smaller(MATMUL_ROWS, end_row - at.row);
                matmul_place_a(task, &at, scratch);
                matmul_compute_block(task, &at, &next);
            }
        }
    }
}

static void matmul_rectangle(const matmul_task *task, const matmul_block *part, float *scratch)
{
    if (task->m <= MATMUL_THIN_ROWS && !task->transpose_b)
        matmul_thin(task, part);
    else
        matmul_packed(task, part, scratch);
    if (activation_is_inline(task->act.kind)) return;
    for (size_t row = part->row; row < part->row + part->rows; row++) {
        float *c = task->c + row * task->n + part->column;
        activation_forward(NULL, task->act, part->columns, c, c);
    }
}

static void matmul_work(void *argument, size_t worker, unsigned thread)
{
    (void)thread;
    const matmul_job *job = argument;
    size_t across = worker % job->grid_columns, down = worker / job->grid_columns;
    size_t panels = parts_of(job->task->n, TILE_COLUMNS), tiles = parts_of(job->task->m, TILE_ROWS);
    matmul_block part = {.row = part_start(tiles, job->grid_rows, down) * TILE_ROWS,
                         .column = part_start(panels, job->grid_columns, across) * TILE_COLUMNS};
    size_t end_row = smaller(part_start(tiles, job->grid_rows, down + 1) * TILE_ROWS, job->task->m);
    size_t end_column = smaller(part_start(panels, job->grid_columns, across + 1) * TILE_COLUMNS, job->task->n);
    if (part.row >= end_row || part.column >= end_column) return;
    part.rows = end_row - part.row;
    part.columns = end_column - part.column;
    matmul_rectangle(job->task, &part, job->scratch + worker * (MATMUL_PACKED_A + MATMUL_PACKED_B));
}

// The grid whose largest rectangle has the fewest tiles; of equal ones that which reads the least.
static ONCE_A_CALL void matmul_choose_grid(matmul_job *job, size_t workers)
{
    size_t tiles = parts_of(job->task->m, TILE_ROWS), panels = parts_of(job->task->n, TILE_COLUMNS);
    size_t least = SIZE_MAX;
    for (size_t rows = 1; rows <= workers; rows++) {
        if (workers % rows != 0) continue;
        size_t high = parts_of(tiles, rows), wide = parts_of(panels, workers / rows);
        size_t cost = 64 * high * wide + high * TILE_ROWS + wide * TILE_COLUMNS;
        if (cost >= least) continue;
        least = cost;
        job->grid_rows = rows;
        job->grid_columns = workers / rows;
    }
}

static size_t matmul_workspace(const matmul_task *task, unsigned threads)
{
    (void)task;
    return threads * (size_t)(MATMUL_PACKED_A + MATMUL_PACKED_B) * sizeof(float);
}

static void matmul(thread_pool *pool, const matmul_task *task, void *workspace)
{
    matmul_job job = {.task = task, .scratch = workspace};
    pool = pool_for(pool, task->m * task->n * task->k);
    size_t workers = thread_pool_size(pool);
    if (workers == 1) { // a small product takes no longer than choosing
        matmul_rectangle(task, &(matmul_block){.rows = task->m, .columns = task->n}, workspace);
        return;
    }
    matmul_choose_grid(&job, workers);
    thread_pool_run(pool, workers, matmul_work, &job);
}
