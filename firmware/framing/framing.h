// SPDX-License-Identifier: MIT
// Framing core: everything the gateway does once per octet, in C99.
//
// Local frame of the S-FSK chip, USI frame of the G3 chip, header of the DLMS wrapper, HDLC
// FCS-16, GHASH of AES-GCM. Law: no globals, no allocation, no interpreter in here; state and
// buffers are the caller's, every access is inside the span it was given, whatever the octets,
// numbers or states are. lib/base/framing_py.py is the twin: same results, same state octets.
#ifndef FRAMING_H
#define FRAMING_H

#include <stdint.h>

// A caller's buffer. Bindings cut `len` down to FRAMING_MAX.
typedef struct {
    const uint8_t *at;
    uint32_t len;
} framing_in_t;

typedef struct {
    uint8_t *at;
    uint32_t len;
} framing_out_t;

// Bindings hand in FRAMING_OUTSIDE for a number below 0 or above FRAMING_MAX: no check lets it pass.
#define FRAMING_MAX (0x3FFFFFFFu)
#define FRAMING_OUTSIDE (0xFFFFFFFFu)

// Misuse by the caller; everything above FRAMING_MISUSE is a result.
#define FRAMING_MISUSE (-100)
#define FRAMING_BAD_STATE (-101) // too short, or not what these functions leave behind
#define FRAMING_BAD_RANGE (-102) // offset or length outside a buffer, or a buffer too short
#define FRAMING_BAD_VALUE (-103) // a number the protocol has no room for

// 16 hex digits of SHA-256 over framing.h and framing.c, as compiled.
#define FRAMING_BUILD_ID_LEN 16
const char *framing_build_id(void);

// Sum of `length` octets from `off`, modulo 65536.
int32_t framing_sum16(framing_in_t mv, uint32_t off, uint32_t length);
// HDLC FCS-16 (X.25) of `length` octets from `off`.
int32_t framing_fcs16(framing_in_t mv, uint32_t off, uint32_t length);

// --- local frame of the S-FSK chip: STX, length, command, data, 16-bit sum ---
#define LOCAL_STATE_LEN 4
#define LOCAL_MAX_FRAME 252
#define LOCAL_MAX_DATA 247
// Closes a frame around data standing at `start` + 3; returns its octets.
int32_t framing_local_encode(framing_out_t mv, uint32_t start, uint32_t command, uint32_t data_len);
// Consumes src[off..end) up to and including the first event; returns the next offset.
int32_t framing_local_deframe(framing_out_t state, framing_out_t frame, uint32_t status_len, framing_in_t src,
    uint32_t off, uint32_t end);

// --- USI frame of the G3 chip: 7E, two header octets, payload, CRC, 7E ---
#define USI_STATE_LEN 4
#define USI_MAX_FRAME 2053 // header, 2047 octets of payload, CRC-32; without flags, before escaping
#define USI_MIN_FRAME 7
// Writes the CRC of `protocol` over `length` octets at dst[dst_off], big-endian; returns its octets (1, 2, 4).
int32_t framing_usi_crc(uint32_t protocol, framing_in_t mv, uint32_t off, uint32_t length, framing_out_t dst,
    uint32_t dst_off);
// Writes the whole frame with both flags at dst[dst_off]; returns its octets. dst and src must not overlap.
int32_t framing_usi_encode(framing_out_t dst, uint32_t dst_off, uint32_t protocol, framing_in_t src, uint32_t off,
    uint32_t length);
// Consumes src[off..end) up to and including the first event; returns the next offset.
int32_t framing_usi_deframe(framing_out_t state, framing_out_t frame, framing_in_t src, uint32_t off, uint32_t end);

// --- DLMS wrapper ---
#define WPDU_BAD_VERSION (-1)
#define WPDU_BAD_LENGTH (-2)
// Octets of the APDU whose header stands at `off`; 0 when it is incomplete, WPDU_BAD_* when it is none.
int32_t framing_wpdu_scan(framing_in_t mv, uint32_t off, uint32_t end, uint32_t max_apdu);

// --- GHASH ---
#define GHASH_STATE_LEN 281
#define GHASH_BLOCK 16
// All return 0; `finish` writes 16 octets and wipes the state.
int32_t framing_ghash_start(framing_out_t state, framing_in_t key, uint32_t off);
int32_t framing_ghash_update(framing_out_t state, framing_in_t mv, uint32_t off, uint32_t length);
int32_t framing_ghash_text(framing_out_t state);
int32_t framing_ghash_finish(framing_out_t state, framing_out_t dst, uint32_t off);

#endif
