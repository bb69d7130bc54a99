# SPDX-License-Identifier: MIT
"""Live values for COSEM classes 90, 91, 92: numbers of the pulse, rows of the modem's tables."""

from g3_bench import EUI, G3Bench, octets
from plc_fakes import at

from plc.g3 import heartbeat, tables

# Rows of facts/g3.md 2.7 and 2.8 made up here, as the modem emits them.
ROWS = {
    0x0C: [octets("0002 0001 0014 21 00 00B4"), octets("0003 0001 0028 32 00 00B3")],
    0x10A: [octets("0001 FFFFFF 01 02 03 040404040404 01 05 3C 00B4")],
    0x0E: [octets("8001 01")],
    0x01: [octets("40 01 01 7FFFFFFF 7FFFFFFF FD0000000002781D0000000000000000")],
}


def serve_tables(bench, rows, length_octet=None):
    def reply(request):
        if request[0] not in (0x12, 0x17):
            return bench.answer(request)
        attribute, index = int.from_bytes(request[1:5], "big"), request[5] << 8 | request[6]
        have = rows.get(attribute)
        code = 0x28 if request[0] == 0x12 else 0x2E
        if have is None or index >= len(have):
            return bytes([code, 0xA7]) + request[1:7] + b"\x00"
        n = len(have[index]) if length_octet is None else length_octet
        return bytes([code, 0]) + request[1:7] + bytes([n]) + have[index]

    bench.segment.tables._due = at(bench.ms)
    return bench.serve(limit_ms=3000, answer=reply)


def test_the_modems_tables_are_copied_row_by_row():
    bench = G3Bench((EUI,)).bring_up()
    serve_tables(bench, ROWS)
    cosem = bench.segment.cosem
    assert cosem.count(92, 8) == 2 and cosem.generation(92, 8) == 1
    assert [cosem.value(92, 8, field, 1) for field in range(6)] == [3, 1, 40, 0x32, 0, 179]
    assert cosem.count(91, 11) == 1 and cosem.value(91, 11, 8, 0) == 60
    assert cosem.value(91, 11, 5, 0) == b"\x04" * 6 and cosem.value(91, 11, 9, 0) == 180
    assert cosem.value(92, 12, 0, 0) == 0x8001
    assert cosem.value(92, 5, 5, 0) == octets("FD0000000002781D0000000000000000")
    assert cosem.count(92, 10) == 0 and cosem.count(91, 5) == 0
    assert cosem.value(92, 8, 0, 5) == 0 and cosem.value(92, 8, 99, 0) == 0
    serve_tables(bench, {0x0C: ROWS[0x0C][:1]})
    assert cosem.count(92, 8) == 1 and cosem.generation(92, 8) == 2 and cosem.count(91, 11) == 0


def test_a_row_is_what_is_left_in_the_frame_not_what_the_length_octet_says():
    bench = G3Bench((EUI,)).bring_up()
    serve_tables(bench, ROWS, length_octet=9)  # facts/g3.md 2.8: 19 emitted, 18 announced
    assert bench.segment.cosem.value(92, 8, 5, 0) == 180


def test_a_table_longer_than_the_copy_is_cut():
    bench = G3Bench((EUI,), table_rows=4).bring_up()
    serve_tables(bench, {0x0C: ROWS[0x0C] * 10, 0x0E: [octets("8001 01")]})
    assert bench.segment.tables.count(tables.ROUTING) == 4 and bench.segment.tables.count(tables.GROUP) == 1


def test_the_pulse_reads_every_number_once_soon_after_coming_up():
    bench = G3Bench((EUI,), heartbeat_ms=60000)
    bench.start()

    def numbered(request):
        if request[0] in (0x12, 0x17) and request[4] != 0x77:
            code = 0x28 if request[0] == 0x12 else 0x2E
            return bytes([code, 0]) + request[1:7] + b"\x04\x00\x00\x01" + request[4:5]
        return bench.answer(request)

    bench.serve(until=lambda: bench.segment.is_up, answer=numbered)
    bench.serve(limit_ms=30000, answer=numbered)
    asked = [request for request in bench.sent if request[0] in (0x12, 0x17) and request[4] != 0x77]
    assert len(set(asked)) == len(heartbeat.READS)
    assert bench.segment.cosem.value(90, 2, 0, 0) == 0x101
    assert bench.segment.cosem.value(90, 10, 0, 0) == 0x107


def test_own_values_need_no_question():
    bench = G3Bench((EUI,))
    bench.frame_counter = 77
    bench.bring_up()
    cosem = bench.segment.cosem
    assert cosem.value(91, 4, 0, 0) == 0x781D and cosem.value(91, 2, 0, 0) == 0 and cosem.value(92, 15, 0, 0) == 0
    assert cosem.count(92, 6) == 1 and cosem.value(92, 6, 99, 0) == 0 and cosem.value(99, 1, 0, 0) == 0
    bench.segment.modem.heartbeat._due = at(bench.ms)
    bench.serve(limit_ms=3000)
    assert cosem.value(91, 6, 0, 0) == 77


def test_a_modem_that_dies_in_the_middle_of_a_table_leaves_the_copy_as_it_was():
    bench = G3Bench((EUI,)).bring_up()
    serve_tables(bench, ROWS)
    bench.segment.tables._due = at(bench.ms)
    bench.wait(2)
    bench.segment.modem.set_down(at(bench.ms))
    assert bench.segment.tables.count(tables.ROUTING) == 2
