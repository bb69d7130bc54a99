# SPDX-License-Identifier: MIT
"""SHA-256 by the machine's own library, for those who may not import it."""

from hashlib import sha256

__all__ = ("sha256",)
