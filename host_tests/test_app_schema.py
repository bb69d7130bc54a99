# SPDX-License-Identifier: MIT
"""The schema agrees with what it describes: the settings of both media and the committed page."""

import pytest

from app.config import Config, defaults, validate
from app.schema import LIVE, SCHEMA
from plc.g3 import settings as g3
from plc.sfsk import settings as sfsk
from tools.config_doc import PAGE, page

MEDIA = (("sfsk", sfsk, set()), ("g3", g3, {"psk", "psk_cache", "psk_ttl_s"}))


@pytest.mark.parametrize("name, settings, own", MEDIA)
def test_every_setting_of_a_medium_can_be_configured_and_has_the_same_default(name, settings, own):
    start = name + "."
    schema = {row[0][len(start) :]: row[4] for row in SCHEMA if row[0].startswith(start)}
    assert own <= set(schema)
    assert {key: value for key, value in schema.items() if key not in own} == settings.DEFAULTS


@pytest.mark.parametrize("name, settings, own", MEDIA)
def test_the_section_of_the_defaults_is_what_the_segment_takes(name, settings, own):
    section = Config(defaults(), "", []).section(name)
    taken = settings.Settings({key: value for key, value in section.items() if key not in own})
    assert all(taken[key] == value for key, value in settings.DEFAULTS.items())


@pytest.mark.parametrize(
    "tree, word",
    [
        ({"medium": "g3"}, "wan.max_apdu: must be at least g3.max_packet - 56 = 844"),
        ({"g3": {"eui64": "0011"}}, "g3.eui64: must be empty or have 16 hex digits"),
        ({"g3": {"handles": 11}}, "g3.handles: must not be above g3.flights"),
    ],
)
def test_settings_of_g3_that_do_not_go_together_are_named(tree, word):
    errors = []
    validate(tree, errors)
    assert errors == [word]


def test_a_g3_gateway_needs_only_its_medium_and_room_for_its_apdus():
    errors = []
    assert validate({"medium": "g3", "wan": {"max_apdu": 844}}, errors)["medium"] == "g3" and not errors


def test_the_committed_page_is_current():
    assert PAGE.read_text() == page(SCHEMA, LIVE), "run: python -m tools.config_doc > docs/configuration.md"


def test_the_page_names_every_setting_once():
    text = page(SCHEMA, LIVE)
    for row in SCHEMA:
        assert text.count(f"| `{row[0]}` |") == 1
