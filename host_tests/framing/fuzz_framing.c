// SPDX-License-Identifier: MIT
// Fuzz target of the framing core, for libFuzzer or fuzz_driver.c. The input chooses a function, its
// numbers, states and octets. Every buffer is its own allocation of exact size, so that the address
// sanitizer sees any octet beyond it; on top of that the results themselves are checked.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"

#define CHECK(fact) do { if (!(fact)) { abort(); } } while (0)

typedef struct {
    const uint8_t *at;
    size_t left;
} input_t;

static uint32_t octet(input_t *in) {
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

// A number near zero, near a buffer's size, or anywhere.
static uint32_t number(input_t *in) {
    uint32_t first = octet(in);
    if (first < 0xF0) {
        return first;
    }
    if (first < 0xFA) {
        return (first & 0xFu) << 8 | octet(in);
    }
    uint32_t high = octet(in);
    return high << 24 | octet(in) << 16 | octet(in) << 8 | first;
}

static uint8_t *copy(const uint8_t *from, size_t len) {
    uint8_t *to = malloc(len ? len : 1);
    CHECK(to != NULL);
    if (len) {
        memcpy(to, from, len);
    }
    return to;
}

// Some length up to `limit`, or as often `limit` itself.
static framing_out_t room(input_t *in, uint32_t limit) {
    uint32_t first = number(in), len = first & 1u ? limit : first % (limit + 1);
    framing_out_t span = { calloc(len ? len : 1, 1), len };
    CHECK(span.at != NULL);
    for (uint32_t i = 0; i < len && i < 8; i++) {
        span.at[i] = (uint8_t)octet(in);
    }
    return span;
}

static framing_in_t rest(const input_t *in) {
    framing_in_t span = { copy(in->at, in->left), (uint32_t)in->left };
    return span;
}

static int is_result(int32_t result, uint32_t limit) {
    return (result >= 0 && (uint32_t)result <= limit) || (result < FRAMING_MISUSE && result >= FRAMING_BAD_VALUE);
}

static void any_sum(input_t *in) {
    uint32_t protocol = octet(in), off = number(in), length = number(in), at = number(in);
    framing_out_t dst = room(in, 8);
    framing_in_t src = rest(in);
    CHECK(is_result(framing_sum16(src, off, length), 0xFFFF));
    CHECK(is_result(framing_fcs16(src, off, length), 0xFFFF));
    CHECK(is_result(framing_usi_crc(protocol, src, off, length, dst, at), 4));
    int32_t found = framing_wpdu_scan(src, off, length, protocol << 8);
    CHECK(is_result(found, 0xFFFF) || found == WPDU_BAD_VERSION || found == WPDU_BAD_LENGTH);
    free(dst.at);
    free((void *)(uintptr_t)src.at);
}

static void any_encoder(input_t *in) {
    uint32_t start = number(in), protocol = octet(in), off = number(in), length = number(in);
    framing_out_t dst = room(in, 700);
    framing_in_t src = rest(in);
    CHECK(is_result(framing_local_encode(dst, start, protocol, length), dst.len));
    CHECK(is_result(framing_usi_encode(dst, start, protocol, src, off, length), dst.len));
    free(dst.at);
    free((void *)(uintptr_t)src.at);
}

// Any state, any buffer sizes, one call after another: offsets move forward and stay inside.
static void any_state(input_t *in) {
    int is_usi = (int)octet(in) & 1;
    uint32_t status_len = octet(in), off = 0;
    static const uint32_t sizes[] = { LOCAL_MAX_FRAME, LOCAL_MAX_FRAME - 1, USI_MIN_FRAME, 30, 300 };
    framing_out_t state = room(in, 5), frame = room(in, sizes[octet(in) % 5]);
    framing_in_t src = rest(in);
    while (off < src.len) {
        uint32_t end = off + 1 + (src.at[off] & 0x3Fu);
        end = end > src.len ? src.len : end;
        int32_t next = is_usi ? framing_usi_deframe(state, frame, src, off, end)
                              : framing_local_deframe(state, frame, status_len, src, off, end);
        CHECK(is_result(next, end));
        if (next < 0) {
            break;
        }
        CHECK((uint32_t)next > off);
        off = (uint32_t)next;
    }
    free(state.at);
    free(frame.at);
    free((void *)(uintptr_t)src.at);
}

// A sum over the events of a stream, fed whole or octet by octet.
static uint32_t events(int is_usi, framing_in_t src, uint32_t piece) {
    uint8_t *memory = calloc(1, 4 + USI_MAX_FRAME);
    CHECK(memory != NULL);
    framing_out_t state = { memory, 4 }, frame = { memory + 4, is_usi ? 64 : LOCAL_MAX_FRAME };
    uint32_t sum = 0, off = 0;
    while (off < src.len) {
        uint32_t end = src.len - off < piece ? src.len : off + piece;
        int32_t next = is_usi ? framing_usi_deframe(state, frame, src, off, end)
                              : framing_local_deframe(state, frame, 4, src, off, end);
        CHECK(next > (int32_t)off && next <= (int32_t)end);
        off = (uint32_t)next;
        if (memory[1]) {
            sum = sum * 31 + memory[1] * 257u + off;
            framing_in_t seen = { frame.at, frame.len };
            sum += (uint32_t)framing_fcs16(seen, 0, memory[1] == 1 ? memory[is_usi ? 3 : 2] : 0);
        }
    }
    free(memory);
    return sum;
}

static void same_at_every_split(input_t *in) {
    int is_usi = (int)octet(in) & 1;
    uint32_t piece = 1 + octet(in) % 7;
    framing_in_t src = rest(in);
    CHECK(events(is_usi, src, piece) == events(is_usi, src, 0x10000));
    free((void *)(uintptr_t)src.at);
}

static void there_and_back(input_t *in) {
    uint32_t protocol = octet(in);
    framing_in_t src = rest(in);
    framing_out_t wire = { malloc(2 * src.len + 16), 2 * src.len + 16 };
    framing_out_t state = { calloc(1, USI_STATE_LEN), USI_STATE_LEN }, frame = { malloc(USI_MAX_FRAME), USI_MAX_FRAME };
    CHECK(wire.at && state.at && frame.at);
    int32_t size = framing_usi_encode(wire, 0, protocol, src, 0, src.len);
    if (size > 0) {
        framing_in_t line = { wire.at, (uint32_t)size };
        CHECK(framing_usi_deframe(state, frame, line, 0, line.len) == size);
        CHECK(state.at[1] == 1 && (frame.at[1] & 0x3Fu) == protocol);
        CHECK(((uint32_t)state.at[2] << 8 | state.at[3]) == src.len + 2 && !memcmp(frame.at + 2, src.at, src.len));
    }
    free(wire.at);
    free(state.at);
    free(frame.at);
    free((void *)(uintptr_t)src.at);
}

static void any_ghash(input_t *in) {
    framing_out_t state = { calloc(1, GHASH_STATE_LEN), GHASH_STATE_LEN }, dst = room(in, 24);
    CHECK(state.at != NULL);
    uint32_t start = octet(in), off = number(in), length = number(in), at = number(in);
    framing_in_t src = rest(in);
    if (start & 1) {
        CHECK(is_result(framing_ghash_start(state, src, off), 0));
    } else {
        for (uint32_t i = 256; i < GHASH_STATE_LEN; i++) {
            state.at[i] = (uint8_t)octet(in);
        }
    }
    CHECK(is_result(framing_ghash_update(state, src, off, length), 0));
    CHECK(is_result(framing_ghash_text(state), 0));
    CHECK(is_result(framing_ghash_update(state, src, 0, src.len), 0));
    CHECK(is_result(framing_ghash_finish(state, dst, at), 0));
    free(state.at);
    free(dst.at);
    free((void *)(uintptr_t)src.at);
}

// One buffer for state, frame and source: nonsense, but never outside.
static void one_buffer(input_t *in) {
    uint32_t off = number(in), length = number(in), at = number(in);
    framing_in_t src = rest(in);
    framing_out_t dst = { (uint8_t *)(uintptr_t)src.at, src.len };
    CHECK(is_result(framing_local_deframe(dst, dst, 4, src, 0, src.len), src.len));
    CHECK(is_result(framing_usi_deframe(dst, dst, src, 0, src.len), src.len));
    CHECK(is_result(framing_usi_encode(dst, at, 0x24, src, off, length), src.len));
    CHECK(is_result(framing_ghash_start(dst, src, off), 0));
    CHECK(is_result(framing_ghash_update(dst, src, off, length), 0));
    CHECK(is_result(framing_ghash_finish(dst, dst, at), 0));
    free(dst.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    static void (*const targets[])(input_t *) = {
        any_sum, any_encoder, any_state, same_at_every_split, there_and_back, any_ghash, one_buffer,
    };
    input_t in = { octets, size };
    targets[octet(&in) % (sizeof targets / sizeof targets[0])](&in);
    return 0;
}
