// The gradient to an input of few channels, in two steps. As one correlation it would leave most lanes of a vector
// idle, and wherever the input is larger than the output, many of its taps fall on padding. Instead the pixels of dz
// take the columns of the filter for channels of the result,
//
//     apart[y][p][kx][i] = sum over ky, o of dz[y + pad - ky][p][o] filter[ky][kx][i][o]
//     dx[y][q][i]        = sum over kx of apart[y][q + pad - kx][kx][i]
//
// where the first step is a correlation with filters of one column, and the second a sum of kw numbers. The result has
// less than a vector of channels.

// Pixel q of a row of dx; `from` is a row of `apart`.
static void shear_pixel(const correlation *job, const float *from, size_t q, float *to)
{
    const shear *a = &job->apart;
    ptrdiff_t newest = (ptrdiff_t)q + a->pad, oldest = newest - (ptrdiff_t)job->ow + 1;
    size_t first = oldest > 0 ? (size_t)oldest : 0, last = newest < 0 ? 0 : smaller(a->taps, (size_t)newest + 1);
    size_t back = job->y_pixel - a->channels; // a tap further is a pixel before
    vf sum = vf_zero();
    if (first < last) from += ((size_t)newest - first) * job->y_pixel + first * a->channels;
    for (size_t k = first; k < last; k++, from -= back)
        sum += vf_load_part(from, a->channels);
    vf_store_part(to, sum, a->channels);
}

// `rows` of a band, from the scratch to dx.
static void shear_rows(const correlation *job, const float *from, size_t rows, float *dx)
{
    for (size_t r = 0; r < rows; r++, from += job->y_row) {
        for (size_t q = 0; q < job->apart.w; q++, dx += job->apart.channels)
            shear_pixel(job, from, q, dx);
    }
}
