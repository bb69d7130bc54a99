// SPDX-License-Identifier: MIT
// Stands in for libFuzzer where clang is not to be had: `fuzz -runs=N -seed=S`, deterministic, without
// feedback from coverage. Inputs are random octets in which those that mean something are frequent.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static uint32_t state;

static uint32_t next(uint32_t limit) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

static long option(int argc, char **argv, const char *name, long otherwise) {
    size_t len = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0) {
            return strtol(argv[i] + len, NULL, 10);
        }
    }
    return otherwise;
}

int main(int argc, char **argv) {
    static const uint8_t favoured[] = {
        0x7E, 0x7D, 0x5E, 0x5D, 0x02, 0x03, 0x05, 0x06, 0x15, 0x3F, 0x25, 0x00, 0x01, 0xFF, 0xFA, 0x80,
    };
    uint8_t octets[2200];
    long runs = option(argc, argv, "-runs=", 1000000);
    state = (uint32_t)option(argc, argv, "-seed=", 1) | 1u;
    for (long run = 0; run < runs; run++) {
        uint32_t size = next(run % 50 ? 120 : sizeof octets);
        for (uint32_t i = 0; i < size; i++) {
            octets[i] = next(3) ? (uint8_t)next(256) : favoured[next(sizeof favoured)];
        }
        LLVMFuzzerTestOneInput(octets, size);
    }
    printf("%ld runs, nothing found\n", runs);
    return 0;
}
