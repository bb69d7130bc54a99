# SPDX-License-Identifier: MIT
"""Simulated S-FSK segment: a twin of the modem chip, a power line and meters on it.

Written from the fact sheets only; nothing here imports the firmware in lib/, so that one
misreading cannot pass on both sides. `segment.Segment` wires the parts for use in a test.
"""
