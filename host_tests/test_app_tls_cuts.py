# SPDX-License-Identifier: MIT
"""Power cuts while a proven TLS identity is written: the next start has the old pair with the old CA, or both new."""

from app.tls_identity import BOTH_FILE, CA_FILE, GOOD, OWN_FILE, TlsIdentity
from base.log import Log
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

OLD, NEW = (b"\x30\x01o\x30\x01k", b"old ca"), (b"\x30\x01n\x30\x02kk", b"new ca")


class Library:
    """hal.tls as far as it takes to load an identity."""

    def is_available(self):
        return True

    def server_context(self, cert, key, ca):
        return cert, key, ca


def _store_on(fs):
    device.fs = fs
    return FileStore("/state")


def _started():
    fs = FileSystem()
    store = _store_on(fs)
    for name, octets in zip((OWN_FILE, CA_FILE), OLD, strict=True):
        store.begin(name)
        store.write(octets)
        store.commit()
    return fs


def _identity(fs):
    identity = TlsIdentity(_store_on(fs), Library(), True, Log(8))
    assert identity.load() == GOOD
    return identity


def _keep_new(fs):
    identity = _identity(fs)
    identity._own, identity._ca = NEW
    assert identity._keep(GOOD) == GOOD


def test_a_cut_anywhere_leaves_the_old_identity_or_the_new_one_and_never_half_of_each():
    seen = set()
    for fs, _ in every_cut(_started, _keep_new):
        for _ in range(2):  # and the start after the one that brought it to its end
            identity = _identity(fs)
            seen.add((identity._own, identity._ca))
        assert BOTH_FILE not in FileStore("/state").names()
    assert seen == {OLD, NEW}
