# SPDX-License-Identifier: MIT
"""The schema agrees with what it describes: the S-FSK settings and the committed page."""

from app.config import Config, defaults
from app.schema import SCHEMA
from plc.sfsk.settings import DEFAULTS, Settings
from tools.config_doc import PAGE, page


def test_every_sfsk_setting_can_be_configured_and_has_the_same_default():
    schema = {row[0][5:]: row[4] for row in SCHEMA if row[0].startswith("sfsk.")}
    assert schema == DEFAULTS


def test_the_section_of_the_defaults_is_what_the_segment_takes():
    settings = Settings(Config(defaults(), "", []).section("sfsk"))
    assert all(settings[key] == value for key, value in DEFAULTS.items())


def test_the_committed_page_is_current():
    assert PAGE.read_text() == page(SCHEMA), "run: python -m tools.config_doc > docs/configuration.md"


def test_the_page_names_every_setting_once():
    text = page(SCHEMA)
    for row in SCHEMA:
        assert text.count(f"| `{row[0]}` |") == 1
