# SPDX-License-Identifier: MIT
"""What the tests of the whole core share: meters that number their answers, and the model.

Everything runs on `tools.rig.Rig` in virtual time; a run is a pure function of its options
and seeds. Nothing in here imports an encoder of lib/.
"""
