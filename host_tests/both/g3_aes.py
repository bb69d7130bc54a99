# SPDX-License-Identifier: MIT
"""AES-128 encryption of one block (FIPS 197), for tests on both lanes; slow and plain."""


def _make_sbox():
    box = [0x63] * 256
    p = q = 1
    while True:
        p = p ^ (p << 1 & 0xFF) ^ (0x1B if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = (x & 0xFF) ^ 0x63
        if p == 1:
            return bytes(box)


_SBOX = _make_sbox()


def _round_keys(key):
    words = [list(key[i : i + 4]) for i in range(0, 16, 4)]
    rcon = 1
    for i in range(4, 44):
        word = list(words[i - 1])
        if i % 4 == 0:
            word = [_SBOX[word[1]] ^ rcon, _SBOX[word[2]], _SBOX[word[3]], _SBOX[word[0]]]
            rcon = rcon << 1 ^ (0x11B if rcon & 0x80 else 0)
        words.append([word[k] ^ words[i - 4][k] for k in range(4)])
    return words


def _twice(x):
    return (x << 1 ^ (0x11B if x & 0x80 else 0)) & 0xFF


def encrypt_block(key, block):
    """16 octets."""
    words = _round_keys(bytes(key))
    state = [block[i] ^ words[i // 4][i % 4] for i in range(16)]
    for turn in range(1, 11):
        state = [_SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if turn < 10:
            mixed = []
            for c in range(0, 16, 4):
                column = state[c : c + 4]
                for k in range(4):
                    a, b, d, e = column[k], column[(k + 1) % 4], column[(k + 2) % 4], column[(k + 3) % 4]
                    mixed.append(_twice(a) ^ _twice(b) ^ b ^ d ^ e)
            state = mixed
        state = [state[i] ^ words[4 * turn + i // 4][i % 4] for i in range(16)]
    return bytes(state)
