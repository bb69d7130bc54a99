# SPDX-License-Identifier: MIT
"""Files: the error numbers and positions that hal/store.py relies on, on both interpreters."""

import errno
import os


def _number_of(act, *arguments):
    try:
        act(*arguments)
    except OSError as error:
        return error.errno
    return 0


def test_a_missing_file_has_the_number_enoent():
    name = "build/no-such-file"
    assert _number_of(open, name, "rb") == errno.ENOENT
    assert _number_of(os.remove, name) == errno.ENOENT
    assert _number_of(os.stat, name) == errno.ENOENT
    assert _number_of(os.rename, name, name + "2") == errno.ENOENT


def test_making_an_existing_directory_has_the_number_eexist():
    name = "build-both-test-folder"
    assert _number_of(os.mkdir, name) == 0
    assert _number_of(os.mkdir, name) == errno.EEXIST
    os.rmdir(name)
