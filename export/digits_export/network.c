/* @name@, written by `digits export --format c`; see the header. */
#include "@name@.h"

#include <stdbool.h>

@tables@

typedef struct {
    int channels, height, width;             /* of what is read */
    int count, rows, columns;                /* of the sums */
    int kernel_height, kernel_width, stride_y, stride_x, top, left, groups;
    int zero;                                /* which value means 0 */
} shape_t;

static int32_t sums[@sums@];

static uint8_t values[@values@];

/* The part of a kernel that is on the picture, along one side, when it begins at a place. */
static int first_inside(int at) { return at < 0 ? -at : 0; }
static int last_inside(int at, int kernel, int side) { return at + kernel > side ? side - at : kernel; }

static void load(int count, int zero, const uint8_t *x)
{
    for (int i = 0; i < count; i++) sums[i] = x[i] - zero;
}

static void convolve(const shape_t *s, const uint8_t *x, const int8_t *weights, const int32_t *biases)
{
    int depth = s->channels / s->groups, positions = s->rows * s->columns;
    for (int n = 0; n < s->count; n++) {
        const uint8_t *group = x + n / (s->count / s->groups) * depth * s->height * s->width;
        for (int at = 0; at < positions; at++) {
            int top = at / s->columns * s->stride_y - s->top;
            int left = at % s->columns * s->stride_x - s->left;
            int first = first_inside(left), end = last_inside(left, s->kernel_width, s->width);
            int end_row = last_inside(top, s->kernel_height, s->height);
            int32_t sum = biases[n];
            for (int c = 0; c < depth; c++)
                for (int i = first_inside(top); i < end_row; i++) {
                    const int8_t *weight =
                        weights + ((n * depth + c) * s->kernel_height + i) * s->kernel_width;
                    const uint8_t *row = group + (c * s->height + top + i) * s->width + left;
                    for (int j = first; j < end; j++) sum += weight[j] * (row[j] - s->zero);
                }
            sums[n * positions + at] = sum;
        }
    }
}

static void multiply(int rows, int columns, int zero, const uint8_t *x, const int8_t *weights,
                     const int32_t *biases)
{
    for (int n = 0; n < rows; n++) {
        int32_t sum = biases[n];
        for (int i = 0; i < columns; i++) sum += weights[n * columns + i] * (x[i] - zero);
        sums[n] = sum;
    }
}

static void rectify(int count)
{
    for (int i = 0; i < count; i++)
        if (sums[i] < 0) sums[i] = 0;
}

/* In place: a window begins at or behind the place of its result. */
static void pool(bool is_max, int height, int width, int count, int rows, int columns,
                 int kernel_height, int kernel_width, int stride_y, int stride_x)
{
    for (int n = 0; n < count * rows * columns; n++) {
        int row = n / columns % rows * stride_y, column = n % columns * stride_x;
        const int32_t *window = sums + (n / (rows * columns) * height + row) * width + column;
        int32_t pooled = window[0];
        for (int i = 0; i < kernel_height; i++)
            for (int j = i == 0; j < kernel_width; j++) {
                int32_t sum = window[i * width + j];
                pooled = is_max ? (sum > pooled ? sum : pooled) : pooled + sum;
            }
        sums[n] = pooled;
    }
}

/* x / 2^bits, rounded, half to even. */
static uint64_t shift(uint64_t x, int bits)
{
    if (bits == 0) return x;
    if (bits > 63) return 0;
    uint64_t half = (uint64_t)1 << (bits - 1), rest = x & (2 * half - 1), result = x >> bits;
    return result + (rest > half || (rest == half && result % 2));
}

/* Rounded to 24 bits, as float32 is. */
static uint64_t round24(uint64_t x)
{
    int bits = 0;
    while (x >> bits >> 24) bits++;
    return shift(x, bits) << bits;
}

/* sum * multiplier / 2^bits, rounded as the product of two float32 and then to an integer. Far
 * beyond what a value may be, it stops short of the largest integer. */
static int32_t scale(int32_t sum, uint32_t multiplier, int bits)
{
    uint64_t magnitude = round24(sum < 0 ? -(uint64_t)sum : (uint64_t)sum);
    uint64_t scaled = shift(round24(magnitude * multiplier), bits);
    int32_t limited = scaled < INT32_MAX - 255 ? (int32_t)scaled : INT32_MAX - 255;
    return sum < 0 ? -limited : limited;
}

/* block: how many sums have the same multiplier. */
static void quantize(int count, int block, int zero, const uint32_t *multipliers, const uint8_t *bits)
{
    for (int i = 0; i < count; i++) {
        int32_t value = scale(sums[i], multipliers[i / block], bits[i / block]) + zero;
        values[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

int @name@_classify(const uint8_t pixels[@upper@_PIXELS], int32_t logits[@upper@_LOGITS])
{
@steps@
    int best = 0;
    for (int i = 1; i < @upper@_LOGITS; i++)
        if (logits[i] > logits[best]) best = i;
    return best < 10 ? best : -1;
}
