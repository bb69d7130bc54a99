# SPDX-License-Identifier: MIT
"""Real DLMS libraries as head-ends and as the meter, behind one interface.

Test-time only: gurux-dlms is GPL-2 and pydlms-client GPL-3, so nothing outside
host_tests may import this package.
"""
