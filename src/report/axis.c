#include "report/axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const text_style axis_beside = {.fill = SVG_DIM, .anchor = SVG_END, .size = SVG_SMALL};
const text_style axis_below = {.fill = SVG_DIM, .anchor = SVG_MIDDLE, .size = SVG_SMALL};

// A range that can be divided: finite, with width.
static void repair(double *low, double *high)
{
    static const double MOST = 1e300;
    if (!isfinite(*low) || !isfinite(*high) || *low > *high) {
        *low = 0;
        *high = 1;
    }
    *low = fmax(-MOST, fmin(MOST, *low));
    *high = fmax(-MOST, fmin(MOST, *high));
    double size = fmax(fabs(*low), fabs(*high));
    if (*high - *low > size * 1e-9) return;
    double half = size > 0 ? size * 0.1 : 0.5;
    *low -= half;
    *high += half;
}

// The least of 1, 2, 5 times a power of ten that is not below `step`.
static double round_step(double step)
{
    double power = pow(10, floor(log10(step))), part = step / power;
    static const double slack = 1e-9;
    return (part <= 1 + slack ? 1 : part <= 2 + slack ? 2 : part <= 5 + slack ? 5 : 10) * power;
}

static int decimals_of(double step)
{
    int decimals = (int)ceil(-log10(step) - 1e-9);
    return decimals < 0 ? 0 : decimals;
}

// Ticks at the multiples of `step`, in written units, within the range.
static void set_ticks(axis *a, double step)
{
    static const double SLACK = 1e-6;
    double first = ceil(a->low * a->scale / step - SLACK), last = floor(a->high * a->scale / step + SLACK);
    a->tick_count = 0;
    for (int i = 0; first + i <= last && a->tick_count < AXIS_TICKS_MAX; i++)
        a->ticks[a->tick_count++] = (first + i) * step / a->scale;
    a->decimals = decimals_of(step);
}

static axis linear_with_step(double low, double high, double scale, double step, bool round_ends)
{
    axis a = {.low = low, .high = high, .scale = scale, .to = 1};
    if (round_ends) {
        static const double SLACK = 1e-6;
        a.low = floor(low * scale / step + SLACK) * step / scale;
        a.high = ceil(high * scale / step - SLACK) * step / scale;
    }
    set_ticks(&a, step);
    return a;
}

axis axis_linear(double low, double high, double scale, int wanted, bool round_ends)
{
    repair(&low, &high);
    double step = round_step((high - low) * scale / (wanted > 1 ? wanted : 1));
    return linear_with_step(low, high, scale, step, round_ends);
}

axis axis_counting(double low, double high, int wanted)
{
    if (!(low <= high)) low = high = 1;
    double step = fmax(1, round_step(fmax(high - low, 1) / (wanted > 1 ? wanted : 1)));
    axis a = linear_with_step(low, high, 1, step, false);
    if (a.high - a.low < 1) { // one point, in the middle
        a.low -= 1;
        a.high += 1;
    }
    // 1 is where counting starts, and says more than a tick at the next round number.
    if (low == 1 && step > 1 && a.tick_count < AXIS_TICKS_MAX) {
        memmove(a.ticks + 1, a.ticks, a.tick_count * sizeof *a.ticks);
        a.ticks[0] = 1;
        a.tick_count++;
    }
    return a;
}

axis axis_logarithmic(double low, double high, double scale)
{
    if (!(low > 0) || !isfinite(high) || low > high) return axis_linear(low, high, scale, 5, true);
    if (high / low < 1.01) {
        low /= 2;
        high *= 2;
    }
    int first = (int)floor(log10(low * scale)), last = (int)ceil(log10(high * scale));
    axis a = {.logarithmic = true, .scale = scale, .to = 1, .low = low, .high = high};
    int every = (last - first + 8) / 8;
    bool between = log10(high / low) < 2.2;
    static const double parts[] = {1, 2, 5};
    for (int power = first; power <= last; power += every)
        for (size_t i = 0; i < (between ? 3u : 1u); i++) {
            double tick = pow(10, power) * parts[i] / scale;
            if (tick < low * (1 - 1e-9) || tick > high * (1 + 1e-9) || a.tick_count == AXIS_TICKS_MAX) continue;
            a.ticks[a.tick_count++] = tick;
        }
    if (a.tick_count < 2) { // less than one step wide: its ends
        a.ticks[0] = low;
        a.ticks[1] = high;
        a.tick_count = 2;
    }
    return a;
}

double axis_place(const axis *a, double value)
{
    double part;
    if (a->logarithmic)
        part = value > 0 ? log(value / a->low) / log(a->high / a->low) : NAN;
    else
        part = value / (a->high - a->low) - a->low / (a->high - a->low); // no overflow on the way
    return a->from + part * (a->to - a->from);
}

// ---------------------------------------------------------------------------------------------------------------------
// Numbers as text, the same in every locale

// Writes digits and a comma between thousands.
static void write_plain(axis_label *label, double value, int decimals)
{
    enum { DECIMALS_MOST = 9 };
    static const double powers[DECIMALS_MOST + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    if (decimals > DECIMALS_MOST) decimals = DECIMALS_MOST;
    unsigned long long scaled = (unsigned long long)llround(fabs(value) * powers[decimals]);
    unsigned long long scale = (unsigned long long)powers[decimals], whole = scaled / scale;
    char digits[24], grouped[32];
    int count = snprintf(digits, sizeof digits, "%llu", whole), used = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) grouped[used++] = ',';
        grouped[used++] = digits[i];
    }
    grouped[used] = 0;
    const char *sign = value < 0 && scaled > 0 ? "−" : "";
    if (decimals > 0)
        snprintf(label->text, sizeof label->text, "%s%s.%0*llu", sign, grouped, decimals, scaled % scale);
    else
        snprintf(label->text, sizeof label->text, "%s%s", sign, grouped);
}

static void drop_zeros(axis_label *label)
{
    char *point = strchr(label->text, '.');
    if (!point) return;
    char *end = point + strlen(point);
    while (end[-1] == '0')
        *--end = 0;
    if (end[-1] == '.') *--end = 0;
}

// "1.5e-7", with at most `digits` significant digits, without trailing zeros.
static void write_scientific(axis_label *label, double value, int digits)
{
    int exponent = (int)floor(log10(fabs(value)));
    double mantissa = value / pow(10, exponent), unit = pow(10, digits - 1);
    if (llround(fabs(mantissa) * unit) >= llround(10 * unit)) { // rounds up to 10
        mantissa /= 10;
        exponent++;
    }
    write_plain(label, mantissa, digits - 1);
    drop_zeros(label);
    size_t used = strlen(label->text);
    snprintf(label->text + used, sizeof label->text - used, "e%d", exponent);
}

axis_label axis_number(double value, int digits)
{
    axis_label label = {"-"};
    if (!isfinite(value)) return label;
    double size = fabs(value);
    if (size == 0) {
        label.text[0] = '0';
    } else if (size < 1e-4 || size >= 1e12) {
        write_scientific(&label, value, digits);
    } else {
        int decimals = digits - 1 - (int)floor(log10(size));
        write_plain(&label, value, decimals < 0 ? 0 : decimals);
        drop_zeros(&label);
    }
    return label;
}

axis_label axis_tick_label(const axis *a, size_t tick)
{
    enum { LOG_DIGITS = 3, PLAIN_DECIMALS = 4, SCIENTIFIC_DIGITS = 4 };
    double value = a->ticks[tick] * a->scale, largest = fmax(fabs(a->low), fabs(a->high)) * a->scale;
    axis_label label = {"0"};
    if (a->logarithmic) return axis_number(value, LOG_DIGITS);
    if (fabs(value) < largest * 1e-12) return label;
    if (a->decimals > PLAIN_DECIMALS + 2 || (a->decimals > PLAIN_DECIMALS && largest < 0.01) || largest >= 1e9) {
        write_scientific(&label, value, SCIENTIFIC_DIGITS);
    } else if (largest >= 1e6) {
        write_plain(&label, value / 1e6, PLAIN_DECIMALS);
        drop_zeros(&label);
        strcat(label.text, "M");
    } else {
        write_plain(&label, value, a->decimals);
    }
    return label;
}
