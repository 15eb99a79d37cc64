#include "core/sha256.h"

#include "core/file.h"

#include <string.h>

enum { BLOCK_BYTES = 64, ROUNDS = 64, LENGTH_OFFSET = 56 };

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t ROUND_CONSTANTS[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static uint32_t load_big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void expand_block(uint32_t schedule[ROUNDS], const uint8_t *block)
{
    for (int i = 0; i < 16; i++)
        schedule[i] = load_big_endian(block + 4 * i);
    for (int i = 16; i < ROUNDS; i++) {
        uint32_t w2 = schedule[i - 2], w15 = schedule[i - 15];
        uint32_t sigma0 = rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3;
        uint32_t sigma1 = rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10;
        schedule[i] = sigma1 + schedule[i - 7] + sigma0 + schedule[i - 16];
    }
}

static void mix_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t schedule[ROUNDS];
    expand_block(schedule, block);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t choice = (e & f) ^ (~e & g);
        uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t1 = h + sum1 + choice + ROUND_CONSTANTS[i] + schedule[i];
        uint32_t t2 = sum0 + majority;
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void sha256_start(sha256 *sum)
{
    // The first 32 bits of the fractional parts of the square roots of the first 8 primes.
    static const uint32_t INITIAL[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sum->state, INITIAL, sizeof(INITIAL));
    sum->count = 0;
}

void sha256_add(sha256 *sum, const void *bytes, size_t count)
{
    const uint8_t *next = bytes;
    size_t waiting = sum->count % BLOCK_BYTES;
    sum->count += count;
    if (waiting + count < BLOCK_BYTES) {
        if (count > 0) memcpy(sum->block + waiting, next, count);
        return;
    }
    if (waiting > 0) {
        size_t missing = BLOCK_BYTES - waiting;
        memcpy(sum->block + waiting, next, missing);
        mix_block(sum->state, sum->block);
        next += missing;
        count -= missing;
    }
    for (; count >= BLOCK_BYTES; next += BLOCK_BYTES, count -= BLOCK_BYTES)
        mix_block(sum->state, next);
    if (count > 0) memcpy(sum->block, next, count);
}

void sha256_finish(sha256 *sum, char hex[SHA256_HEX_SIZE])
{
    static const uint8_t PADDING[BLOCK_BYTES] = {0x80};
    static const char DIGITS[] = "0123456789abcdef";
    uint64_t bits = sum->count * 8;
    size_t waiting = sum->count % BLOCK_BYTES;
    sha256_add(sum, PADDING, (waiting < LENGTH_OFFSET ? LENGTH_OFFSET : BLOCK_BYTES + LENGTH_OFFSET) - waiting);
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(sum, length, sizeof(length));
    for (int i = 0; i < 64; i++) {
        uint32_t nibble = sum->state[i / 8] >> (28 - 4 * (i % 8)) & 0xF;
        hex[i] = DIGITS[nibble];
    }
    hex[64] = '\0';
}

void sha256_of(const void *bytes, size_t count, char hex[SHA256_HEX_SIZE])
{
    sha256 sum;
    sha256_start(&sum);
    sha256_add(&sum, bytes, count);
    sha256_finish(&sum, hex);
}

silma_status sha256_file(const char *path, char hex[SHA256_HEX_SIZE], silma_error *error)
{
    file_view view;
    silma_status status = file_view_open(&view, path, error);
    if (status != SILMA_OK) return status;
    sha256_of(view.bytes, view.size, hex);
    file_view_close(&view);
    return SILMA_OK;
}
