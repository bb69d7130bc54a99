# SPDX-License-Identifier: MIT
"""stub"""


class Lbs:
    pass
