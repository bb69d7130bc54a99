# SPDX-License-Identifier: MIT
"""Kinds of settings: the words stand in docs/configuration.md, app.config checks by them."""

INT = "integer"
BOOL = "true or false"
CHOICE = "one of"
TEXT = "text, up to octets"
HEX = "hex digits"
CLOCK = "HH:MM"
EXTRAS = "list of extra SAPs"
CLASSES = "list of class rules"
TARGETS = "list of host:port"
RULES = "list of firewall rules"
