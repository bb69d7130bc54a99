// SPDX-License-Identifier: MIT
// Framing core, see framing.h. Sources: AMIS-49587 "local protocol" (sfsk.md 4.3), Microchip USI
// (g3.md 2.2, 2.3), IEC 62056-4-7 wrapper, ISO/IEC 13239 FCS-16, NIST SP 800-38D GHASH.
#include "framing.h"

#include <stddef.h>

#ifndef FRAMING_BUILD_ID
#error "FRAMING_BUILD_ID is set by the build: 16 hex digits over framing.h and framing.c"
#endif

const char *framing_build_id(void) {
    return FRAMING_BUILD_ID;
}

static int fits(uint32_t len, uint32_t off, uint32_t count) {
    return off <= len && count <= len - off;
}

static void copy4(uint8_t *to, const uint8_t *from) {
    for (uint32_t i = 0; i < 4; i++) {
        to[i] = from[i];
    }
}

// --- sums and CRCs; tables of half octets: 32 + 32 + 64 octets instead of 2 kB ---

int32_t framing_sum16(framing_in_t mv, uint32_t off, uint32_t length) {
    if (!fits(mv.len, off, length)) {
        return FRAMING_BAD_RANGE;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < length; i++) {
        sum += mv.at[off + i];
    }
    return (int32_t)(sum & 0xFFFFu);
}

int32_t framing_fcs16(framing_in_t mv, uint32_t off, uint32_t length) {
    // Polynomial 0x1021 reflected, register FFFF, inverted at the end: 0x906E for "123456789".
    static const uint16_t step[16] = {
        0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285, 0x6306, 0x7387,
        0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F,
    };
    if (!fits(mv.len, off, length)) {
        return FRAMING_BAD_RANGE;
    }
    uint32_t fcs = 0xFFFFu;
    for (uint32_t i = 0; i < length; i++) {
        fcs ^= mv.at[off + i];
        fcs = (fcs >> 4) ^ step[fcs & 0xFu];
        fcs = (fcs >> 4) ^ step[fcs & 0xFu];
    }
    return (int32_t)(fcs ^ 0xFFFFu);
}

static uint32_t xor8(uint32_t crc, const uint8_t *at, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        crc ^= at[i];
    }
    return crc;
}

static uint32_t crc16(uint32_t crc, const uint8_t *at, uint32_t length) {
    // NOTE: octets enter at the low end of the register: the plain remainder, 0xBEEF for "123456789",
    // and not the usual form that appends sixteen zero bits (0x31C3).
    static const uint16_t step[16] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
        0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
    };
    for (uint32_t i = 0; i < length; i++) {
        crc = (((crc << 4) & 0xFFFFu) | (uint32_t)(at[i] >> 4)) ^ step[crc >> 12];
        crc = (((crc << 4) & 0xFFFFu) | (uint32_t)(at[i] & 0xFu)) ^ step[crc >> 12];
    }
    return crc;
}

static uint32_t crc32(uint32_t crc, const uint8_t *at, uint32_t length) {
    // Polynomial 0x04C11DB7, high bit first, register 0, not inverted: 0x89A1897F for "123456789".
    static const uint32_t step[16] = {
        0x00000000, 0x04C11DB7, 0x09823B6E, 0x0D4326D9, 0x130476DC, 0x17C56B6B, 0x1A864DB2, 0x1E475005,
        0x2608EDB8, 0x22C9F00F, 0x2F8AD6D6, 0x2B4BCB61, 0x350C9B64, 0x31CD86D3, 0x3C8EA00A, 0x384FBDBD,
    };
    for (uint32_t i = 0; i < length; i++) {
        crc ^= (uint32_t)at[i] << 24;
        crc = (crc << 4) ^ step[crc >> 28];
        crc = (crc << 4) ^ step[crc >> 28];
    }
    return crc;
}

// --- local frame of the S-FSK chip ---

enum { LOCAL_PHASE, LOCAL_EVENT, LOCAL_POS, LOCAL_NEED };
enum { LOCAL_HUNT, LOCAL_COLLECT, LOCAL_STATUS_BODY, LOCAL_SWALLOW };
enum { EV_NONE, EV_FRAME, EV_BAD_SUM, EV_BAD_LENGTH, EV_ACK, EV_NAK, EV_STATUS, EV_GARBAGE };
enum { STX = 0x02, ACK = 0x06, NAK = 0x15, STATUS = 0x3F };
enum { LOCAL_HEAD_LEN = 3, LOCAL_SUM_LEN = 2, LOCAL_MIN_LENGTH = 3, LOCAL_MAX_LENGTH = 250 };

int32_t framing_local_encode(framing_out_t mv, uint32_t start, uint32_t command, uint32_t data_len) {
    if (command > 0xFFu || data_len > LOCAL_MAX_DATA) {
        return FRAMING_BAD_VALUE;
    }
    if (!fits(mv.len, start, data_len + LOCAL_HEAD_LEN + LOCAL_SUM_LEN)) {
        return FRAMING_BAD_RANGE;
    }
    uint8_t *frame = mv.at + start;
    frame[0] = STX;
    frame[1] = (uint8_t)(data_len + 1 + LOCAL_SUM_LEN);
    frame[2] = (uint8_t)command;
    uint32_t end = LOCAL_HEAD_LEN + data_len;
    framing_in_t whole = { frame, end };
    uint32_t sum = (uint32_t)framing_sum16(whole, 1, end - 1);
    frame[end] = (uint8_t)(sum & 0xFFu);
    frame[end + 1] = (uint8_t)(sum >> 8);
    return (int32_t)(end + LOCAL_SUM_LEN);
}

static int is_local_state(const uint8_t *state) {
    uint32_t pos = state[LOCAL_POS], need = state[LOCAL_NEED];
    switch (state[LOCAL_PHASE]) {
        case LOCAL_HUNT:
        case LOCAL_SWALLOW:
            return 1;
        case LOCAL_COLLECT: // the length octet is due, or the frame is incomplete
            return pos == 1 || (pos >= 2 && pos < need && need <= LOCAL_MAX_FRAME);
        case LOCAL_STATUS_BODY:
            return pos >= 1 && pos < need && need <= LOCAL_MAX_FRAME;
        default:
            return 0;
    }
}

static uint8_t local_hunt(uint8_t *state, uint8_t *frame, uint32_t status_len, uint8_t octet) {
    frame[0] = octet;
    state[LOCAL_POS] = 1;
    switch (octet) {
        case STX:
            state[LOCAL_PHASE] = LOCAL_COLLECT;
            return EV_NONE;
        case STATUS:
            state[LOCAL_PHASE] = LOCAL_STATUS_BODY;
            state[LOCAL_NEED] = (uint8_t)status_len;
            return EV_NONE;
        case ACK:
            return EV_ACK;
        case NAK:
            return EV_NAK;
        default:
            return EV_GARBAGE;
    }
}

static uint8_t local_length(uint8_t *state, uint8_t *frame, uint8_t octet) {
    // NOTE: after an impossible length nobody knows where the frame ends. Data octets 06/15/02 would
    // pass for an ACK, a NAK or a new frame, so all is swallowed until the caller sees a silent line.
    if (octet < LOCAL_MIN_LENGTH || octet > LOCAL_MAX_LENGTH) {
        state[LOCAL_PHASE] = LOCAL_SWALLOW;
        return EV_BAD_LENGTH;
    }
    frame[1] = octet;
    state[LOCAL_POS] = 2;
    state[LOCAL_NEED] = (uint8_t)(octet + 2u);
    return EV_NONE;
}

static uint8_t local_verify(const uint8_t *frame, uint32_t total) {
    framing_in_t whole = { frame, total };
    uint32_t expected = (uint32_t)framing_sum16(whole, 1, total - 1u - LOCAL_SUM_LEN);
    uint32_t sent = (uint32_t)frame[total - 2] | (uint32_t)frame[total - 1] << 8;
    return sent == expected ? EV_FRAME : EV_BAD_SUM;
}

static uint32_t local_collect(uint8_t *state, uint8_t *frame, const uint8_t *src, uint32_t available) {
    uint32_t pos = state[LOCAL_POS], need = state[LOCAL_NEED];
    uint32_t take = need - pos < available ? need - pos : available;
    for (uint32_t i = 0; i < take; i++) {
        frame[pos + i] = src[i];
    }
    pos += take;
    state[LOCAL_POS] = (uint8_t)pos;
    if (pos == need) {
        state[LOCAL_EVENT] = state[LOCAL_PHASE] == LOCAL_STATUS_BODY ? EV_STATUS : local_verify(frame, pos);
        state[LOCAL_PHASE] = LOCAL_HUNT;
    }
    return take;
}

static uint32_t local_step(uint8_t *state, uint8_t *frame, uint32_t status_len, const uint8_t *src,
    uint32_t available) {
    switch (state[LOCAL_PHASE]) {
        case LOCAL_HUNT:
            state[LOCAL_EVENT] = local_hunt(state, frame, status_len, src[0]);
            return 1;
        case LOCAL_SWALLOW:
            return available;
        case LOCAL_COLLECT:
            if (state[LOCAL_POS] == 1) {
                state[LOCAL_EVENT] = local_length(state, frame, src[0]);
                return 1;
            }
            break;
        default:
            break;
    }
    return local_collect(state, frame, src, available);
}

int32_t framing_local_deframe(framing_out_t state, framing_out_t frame, uint32_t status_len, framing_in_t src,
    uint32_t off, uint32_t end) {
    if (state.len < LOCAL_STATE_LEN || !is_local_state(state.at)) {
        return FRAMING_BAD_STATE;
    }
    if (frame.len < LOCAL_MAX_FRAME || end > src.len || off > end) {
        return FRAMING_BAD_RANGE;
    }
    if (status_len < 2 || status_len > LOCAL_MAX_FRAME) {
        return FRAMING_BAD_VALUE;
    }
    // A copy: with one buffer as state and frame, octets of the line would become offsets.
    uint8_t live[LOCAL_STATE_LEN];
    copy4(live, state.at);
    live[LOCAL_EVENT] = EV_NONE;
    while (off < end && live[LOCAL_EVENT] == EV_NONE) {
        off += local_step(live, frame.at, status_len, src.at + off, end - off);
    }
    copy4(state.at, live);
    return (int32_t)off;
}

// --- USI frame of the G3 chip ---

enum { USI_PHASE, USI_EVENT, USI_POS_HIGH, USI_POS_LOW };
enum { USI_HUNT, USI_BODY, USI_ESCAPED, USI_SKIP, USI_CLOSED };
enum { USI_NONE, USI_FRAME, USI_BAD_CRC, USI_BAD_LENGTH, USI_BAD_ESCAPE, USI_TOO_LONG, USI_BAD_PROTOCOL, USI_GARBAGE };
enum { FLAG = 0x7E, ESCAPE = 0x7D, FLAG_ESCAPED = 0x5E, ESCAPE_ESCAPED = 0x5D };
enum { USI_HEAD_LEN = 2, USI_LEN10 = 0x80, USI_PLAIN_MAX = 1023, USI_LONG_MAX = 2047 };

// Octets of the CRC a protocol id uses (g3.md 2.3); 0 = unknown id.
static uint32_t crc_len(uint32_t protocol) {
    switch (protocol) {
        case 0x13: case 0x1F: case 0x22: case 0x23: case 0x24: case 0x25: case 0x26:
            return 2;
        case 0x27: case 0x28: case 0x30: case 0x31:
            return 1;
        default:
            return protocol <= 0x07 ? 4 : 0;
    }
}

// Protocols that carry bit 10 of the length as bit 7 of the command octet.
static int has_len10(uint32_t protocol) {
    return protocol == 0x25 || protocol == 0x26 || protocol == 0x30 || protocol == 0x31;
}

// The register `crc` of a CRC of `count` octets after `length` more octets; 0 at first.
static uint32_t usi_crc(uint32_t count, uint32_t crc, const uint8_t *at, uint32_t length) {
    if (count == 2) {
        return crc16(crc, at, length);
    }
    return count == 1 ? xor8(crc, at, length) : crc32(crc, at, length);
}

int32_t framing_usi_crc(uint32_t protocol, framing_in_t mv, uint32_t off, uint32_t length, framing_out_t dst,
    uint32_t dst_off) {
    uint32_t count = crc_len(protocol);
    if (count == 0) {
        return FRAMING_BAD_VALUE;
    }
    if (!fits(mv.len, off, length) || !fits(dst.len, dst_off, count)) {
        return FRAMING_BAD_RANGE;
    }
    uint32_t crc = usi_crc(count, 0, mv.at + off, length);
    uint8_t *to = dst.at + dst_off;
    for (uint32_t i = count; i > 0; i--) {
        *to++ = (uint8_t)(crc >> (8u * (i - 1u)));
    }
    return (int32_t)count;
}

// A cursor that counts on when the room has ended, so that one check at the end is enough.
typedef struct {
    framing_out_t dst;
    uint32_t pos;
} sink_t;

static void put(sink_t *sink, uint32_t octet) {
    if (sink->pos < sink->dst.len) {
        sink->dst.at[sink->pos] = (uint8_t)octet;
    }
    sink->pos++;
}

static void put_escaped(sink_t *sink, uint32_t octet) {
    if (octet == FLAG || octet == ESCAPE) {
        put(sink, ESCAPE);
        put(sink, octet ^ 0x20u);
    } else {
        put(sink, octet);
    }
}

int32_t framing_usi_encode(framing_out_t dst, uint32_t dst_off, uint32_t protocol, framing_in_t src, uint32_t off,
    uint32_t length) {
    uint32_t count = crc_len(protocol);
    uint32_t max_len = has_len10(protocol) ? USI_LONG_MAX : USI_PLAIN_MAX;
    if (count == 0 || length == 0 || length > max_len) {
        return FRAMING_BAD_VALUE;
    }
    if (!fits(src.len, off, length) || dst_off > dst.len) {
        return FRAMING_BAD_RANGE;
    }
    const uint8_t *payload = src.at + off;
    if (has_len10(protocol) && payload[0] >= USI_LEN10) {
        return FRAMING_BAD_VALUE;
    }
    uint8_t first = length > USI_PLAIN_MAX ? (uint8_t)(payload[0] | USI_LEN10) : payload[0];
    uint8_t head[3] = { (uint8_t)(length >> 2), (uint8_t)((length & 3u) << 6 | protocol), first };
    uint32_t crc = usi_crc(count, usi_crc(count, 0, head, 3), payload + 1, length - 1);
    sink_t sink = { dst, dst_off };
    put(&sink, FLAG);
    for (uint32_t i = 0; i < sizeof head; i++) {
        put_escaped(&sink, head[i]);
    }
    for (uint32_t i = 1; i < length; i++) {
        put_escaped(&sink, payload[i]);
    }
    for (uint32_t i = count; i > 0; i--) {
        put_escaped(&sink, (crc >> (8u * (i - 1u))) & 0xFFu);
    }
    put(&sink, FLAG);
    return sink.pos > dst.len ? FRAMING_BAD_RANGE : (int32_t)(sink.pos - dst_off);
}

static uint32_t usi_pos(const uint8_t *state) {
    return (uint32_t)state[USI_POS_HIGH] << 8 | state[USI_POS_LOW];
}

static void set_usi_pos(uint8_t *state, uint32_t pos) {
    state[USI_POS_HIGH] = (uint8_t)(pos >> 8);
    state[USI_POS_LOW] = (uint8_t)(pos & 0xFFu);
}

// Between two flags stand `total` octets: the event. After USI_FRAME the position is the payload's end.
static uint8_t usi_close(uint8_t *state, uint8_t *frame) {
    uint32_t total = usi_pos(state);
    if (total < USI_HEAD_LEN) {
        return USI_BAD_LENGTH;
    }
    uint32_t protocol = frame[1] & 0x3Fu, count = crc_len(protocol);
    if (count == 0) {
        return USI_BAD_PROTOCOL;
    }
    if (total < USI_HEAD_LEN + 1u + count) {
        return USI_BAD_LENGTH;
    }
    uint32_t end = total - count, announced = (uint32_t)frame[0] << 2 | (uint32_t)frame[1] >> 6;
    int is_long = has_len10(protocol) && frame[2] >= USI_LEN10;
    if (announced + (is_long ? USI_PLAIN_MAX + 1u : 0u) != end - USI_HEAD_LEN) {
        return USI_BAD_LENGTH;
    }
    uint32_t crc = usi_crc(count, 0, frame, end), sent = 0;
    for (uint32_t i = end; i < total; i++) {
        sent = sent << 8 | frame[i];
    }
    if (crc != sent) {
        return USI_BAD_CRC;
    }
    if (is_long) {
        frame[2] &= (uint8_t)~USI_LEN10;
    }
    set_usi_pos(state, end);
    return USI_FRAME;
}

static uint8_t usi_flag(uint8_t *state, uint8_t *frame) {
    uint32_t phase = state[USI_PHASE];
    uint8_t event = USI_NONE;
    if (phase == USI_ESCAPED) {
        event = USI_BAD_ESCAPE;
    } else if (phase == USI_BODY && usi_pos(state) > 0) {
        event = usi_close(state, frame);
    }
    // A closing flag may be the next frame's opening one: after a lost flag one frame is lost, not two.
    state[USI_PHASE] = USI_CLOSED;
    if (event == USI_NONE) {
        state[USI_PHASE] = USI_BODY;
        set_usi_pos(state, 0);
    }
    return event;
}

static uint8_t usi_store(uint8_t *state, const framing_out_t *frame, uint8_t octet) {
    uint32_t pos = usi_pos(state);
    if (pos >= frame->len || pos >= USI_MAX_FRAME) {
        state[USI_PHASE] = USI_SKIP;
        return USI_TOO_LONG;
    }
    frame->at[pos] = octet;
    set_usi_pos(state, pos + 1);
    state[USI_PHASE] = USI_BODY;
    return USI_NONE;
}

static uint8_t usi_octet(uint8_t *state, const framing_out_t *frame, uint8_t octet) {
    switch (state[USI_PHASE]) {
        case USI_HUNT:
            state[USI_PHASE] = USI_SKIP;
            return USI_GARBAGE;
        case USI_SKIP:
            return USI_NONE;
        case USI_ESCAPED:
            if (octet == FLAG_ESCAPED || octet == ESCAPE_ESCAPED) {
                return usi_store(state, frame, octet ^ 0x20u);
            }
            state[USI_PHASE] = USI_SKIP;
            return USI_BAD_ESCAPE;
        default:
            break;
    }
    if (octet == ESCAPE) {
        state[USI_PHASE] = USI_ESCAPED;
        return USI_NONE;
    }
    return usi_store(state, frame, octet);
}

static int is_usi_state(const uint8_t *state, uint32_t frame_len) {
    uint32_t phase = state[USI_PHASE], pos = usi_pos(state);
    if (phase == USI_BODY || phase == USI_ESCAPED) {
        return pos <= frame_len && pos <= USI_MAX_FRAME;
    }
    return phase <= USI_CLOSED;
}

int32_t framing_usi_deframe(framing_out_t state, framing_out_t frame, framing_in_t src, uint32_t off, uint32_t end) {
    if (state.len < USI_STATE_LEN || !is_usi_state(state.at, frame.len)) {
        return FRAMING_BAD_STATE;
    }
    if (frame.len < USI_MIN_FRAME || end > src.len || off > end) {
        return FRAMING_BAD_RANGE;
    }
    uint8_t live[USI_STATE_LEN]; // a copy, as in framing_local_deframe
    copy4(live, state.at);
    live[USI_EVENT] = USI_NONE;
    if (off < end && live[USI_PHASE] == USI_CLOSED) {
        live[USI_PHASE] = USI_BODY;
        set_usi_pos(live, 0);
    }
    while (off < end && live[USI_EVENT] == USI_NONE) {
        uint8_t octet = src.at[off++];
        live[USI_EVENT] = octet == FLAG ? usi_flag(live, frame.at) : usi_octet(live, &frame, octet);
    }
    copy4(state.at, live);
    return (int32_t)off;
}

// --- DLMS wrapper ---

static uint32_t u16_at(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

int32_t framing_wpdu_scan(framing_in_t mv, uint32_t off, uint32_t end, uint32_t max_apdu) {
    if (end > mv.len || off > end) {
        return FRAMING_BAD_RANGE;
    }
    if (max_apdu == 0 || max_apdu > 0xFFFFu) {
        return FRAMING_BAD_VALUE;
    }
    if (end - off < 8) {
        return 0;
    }
    const uint8_t *header = mv.at + off;
    uint32_t length = u16_at(header + 6);
    if (u16_at(header) != 1) {
        return WPDU_BAD_VERSION;
    }
    return length == 0 || length > max_apdu ? WPDU_BAD_LENGTH : (int32_t)length;
}

// --- GHASH: state = table of H times each half octet (16 x 16), Y (16), octets of AAD and text (4 + 4), part ---
// NOTE: the table is indexed by secret-dependent half octets. 256 octets lie in eight cache lines of a
// Cortex-M7; who can time single loads on this board can read its memory too.

enum { GHASH_Y = 256, GHASH_COUNTS = 272, GHASH_PART = 280, PART_AAD = 1, PART_TEXT = 2 };
#define GHASH_MAX_PART (0x1FFFFFFFu) // its bits fit 32 bits

typedef struct {
    uint32_t w[4]; // w[0] holds the first four octets
} element_t;

static uint32_t load32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store32(uint8_t *at, uint32_t word) {
    for (uint32_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(word >> (24u - 8u * i));
    }
}

// NOTE: loops, not initialisers: a compiler makes a call to memset out of those, and a native module has none.
static void clear(element_t *z) {
    for (uint32_t i = 0; i < 4; i++) {
        z->w[i] = 0;
    }
}

static void xor_from(element_t *z, const uint8_t *at) {
    for (uint32_t i = 0; i < 4; i++, at += 4) {
        z->w[i] ^= load32(at);
    }
}

static void store_element(uint8_t *at, const element_t *z) {
    for (uint32_t i = 0; i < 4; i++, at += 4) {
        store32(at, z->w[i]);
    }
}

// z times x^count, before reduction; the caller adds what the octets shifted out stand for.
static void shift_right(element_t *z, uint32_t count) {
    for (uint32_t i = 3; i > 0; i--) {
        z->w[i] = z->w[i] >> count | z->w[i - 1] << (32u - count);
    }
    z->w[0] >>= count;
}

static void times_x4(element_t *z) {
    static const uint16_t reduce[16] = {
        0x0000, 0x1C20, 0x3840, 0x2460, 0x7080, 0x6CA0, 0x48C0, 0x54E0,
        0xE100, 0xFD20, 0xD940, 0xC560, 0x9180, 0x8DA0, 0xA9C0, 0xB5E0,
    };
    uint32_t out = z->w[3] & 0xFu;
    shift_right(z, 4);
    z->w[0] ^= (uint32_t)reduce[out] << 16;
}

// H times the half octet `row`; row 8 is H itself, for the high bit is x^0.
static uint8_t *table_row(uint8_t *state, uint32_t row) {
    return state + (size_t)GHASH_BLOCK * row;
}

// Y = Y times H.
static void ghash_multiply(uint8_t *state) {
    uint8_t *y = state + GHASH_Y;
    element_t z;
    clear(&z);
    for (uint32_t i = GHASH_BLOCK; i > 0; i--) {
        times_x4(&z);
        xor_from(&z, table_row(state, y[i - 1] & 0xFu));
        times_x4(&z);
        xor_from(&z, table_row(state, y[i - 1] >> 4));
    }
    store_element(y, &z);
}

static int is_ghash_state(framing_out_t state) {
    return state.len >= GHASH_STATE_LEN && (state.at[GHASH_PART] == PART_AAD || state.at[GHASH_PART] == PART_TEXT);
}

static uint8_t *ghash_count(uint8_t *state) {
    return state + GHASH_COUNTS + (state[GHASH_PART] == PART_TEXT ? 4 : 0);
}

static void wipe(uint8_t *state) {
    for (uint32_t i = 0; i < GHASH_STATE_LEN; i++) {
        state[i] = 0;
    }
}

static void make_table(uint8_t *state, element_t *z) {
    for (uint32_t row = 8; row > 0; row >>= 1) {
        store_element(table_row(state, row), z);
        uint32_t out = z->w[3] & 1u;
        shift_right(z, 1);
        z->w[0] ^= out ? 0xE1000000u : 0u;
    }
    for (uint32_t row = 3; row < 16; row++) {
        uint32_t low = row & (~row + 1u); // its lowest bit: the row is the sum of that one and the rest
        clear(z);
        xor_from(z, table_row(state, low));
        xor_from(z, table_row(state, row ^ low));
        store_element(table_row(state, row), z);
    }
    clear(z);
}

static int32_t set_part(uint8_t *state, uint8_t part) {
    state[GHASH_PART] = part;
    return 0;
}

int32_t framing_ghash_start(framing_out_t state, framing_in_t key, uint32_t off) {
    if (state.len < GHASH_STATE_LEN || !fits(key.len, off, GHASH_BLOCK)) {
        return FRAMING_BAD_RANGE;
    }
    element_t z;
    clear(&z);
    xor_from(&z, key.at + off);
    wipe(state.at);
    make_table(state.at, &z);
    return set_part(state.at, PART_AAD);
}

int32_t framing_ghash_update(framing_out_t state, framing_in_t mv, uint32_t off, uint32_t length) {
    if (!is_ghash_state(state)) {
        return FRAMING_BAD_STATE;
    }
    uint32_t count = load32(ghash_count(state.at));
    if (!fits(mv.len, off, length)) {
        return FRAMING_BAD_RANGE;
    }
    if (count > GHASH_MAX_PART || length > GHASH_MAX_PART - count) {
        return FRAMING_BAD_VALUE;
    }
    for (uint32_t i = 0; i < length; i++, count++) {
        state.at[GHASH_Y + (count & 0xFu)] ^= mv.at[off + i];
        if ((count & 0xFu) == 0xFu) {
            ghash_multiply(state.at);
        }
    }
    store32(ghash_count(state.at), count);
    return 0;
}

// Ends a part: what is missing of its last block is zeros.
static void ghash_pad(uint8_t *state) {
    if (load32(ghash_count(state)) & 0xFu) {
        ghash_multiply(state);
    }
}

int32_t framing_ghash_text(framing_out_t state) {
    if (!is_ghash_state(state) || state.at[GHASH_PART] != PART_AAD) {
        return FRAMING_BAD_STATE;
    }
    ghash_pad(state.at);
    return set_part(state.at, PART_TEXT);
}

int32_t framing_ghash_finish(framing_out_t state, framing_out_t dst, uint32_t off) {
    if (!is_ghash_state(state)) {
        return FRAMING_BAD_STATE;
    }
    if (!fits(dst.len, off, GHASH_BLOCK)) {
        return FRAMING_BAD_RANGE;
    }
    ghash_pad(state.at);
    element_t z;
    clear(&z);
    z.w[1] = load32(state.at + GHASH_COUNTS) << 3;
    z.w[3] = load32(state.at + GHASH_COUNTS + 4) << 3;
    xor_from(&z, state.at + GHASH_Y);
    store_element(state.at + GHASH_Y, &z);
    ghash_multiply(state.at);
    clear(&z);
    xor_from(&z, state.at + GHASH_Y);
    wipe(state.at); // the table is the key
    store_element(dst.at + off, &z);
    return 0;
}
