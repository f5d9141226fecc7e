"""Which settings are compared, and how they are written."""

import pytest

from heard.compare.grid import DEFAULT, MOST, OFF, Setting, SettingsError, checked, parse
from heard.denoise.registry import default_mix, factories

KNOWN = ("off", "noisereduce", "deepfilter")


def test_a_list_is_read_and_off_goes_first() -> None:
    """A backend without a mix has its own; `off` is there whether it was named or not."""
    expected = (OFF, Setting("noisereduce", 0.25), Setting("deepfilter", 0.5))
    assert parse("noisereduce:0.25, deepfilter", KNOWN, default_mix) == expected
    assert parse("noisereduce:.25,off,deepfilter:0.50", KNOWN, default_mix) == expected


def test_a_setting_may_adapt() -> None:
    """With a mix of its own or the backend's."""
    expected = (OFF, Setting("noisereduce", 0.3, adaptive=True), Setting("noisereduce", 0.5, adaptive=True))
    assert parse("noisereduce:adaptive,noisereduce:0.5:adaptive", KNOWN, default_mix) == expected
    assert [each.name for each in expected[1:]] == ["noisereduce 0.3 adaptive", "noisereduce 0.5 adaptive"]


def test_what_is_shown_can_be_given_back() -> None:
    """A name with a colon for its space is that setting."""
    text = ",".join(setting.name.replace(" ", ":") for setting in DEFAULT)
    assert parse(text, factories(), default_mix) == DEFAULT


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "''"),
        ("noisereduce,", "''"),
        ("sox", "one of deepfilter, noisereduce, off"),
        ("noisereduce:loud", "from 0 (dry) to 1"),
        ("noisereduce:1.5", "from 0 (dry) to 1"),
        ("noisereduce:nan", "from 0 (dry) to 1"),
        ("noisereduce:", "from 0 (dry) to 1"),
        ("off:0.5,noisereduce", "has no mix"),
        ("off:adaptive,noisereduce", "has no mix"),
        ("noisereduce:adaptive:0.3", "from 0 (dry) to 1"),
        ("noisereduce,noisereduce:0.3", "twice"),
        ("off", "nothing to compare"),
        (",".join(f"noisereduce:0.{n:02}" for n in range(1, MOST + 1)), f"at most {MOST}"),
    ],
)
def test_a_wrong_list_is_one_line(text: str, says: str) -> None:
    """It says which part is wrong, and what would be right."""
    with pytest.raises(SettingsError) as error:
        parse(text, KNOWN, default_mix)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_one_setting_is_no_comparison() -> None:
    """Also where all others are not installed."""
    with pytest.raises(SettingsError, match="nothing to compare"):
        checked([OFF])
