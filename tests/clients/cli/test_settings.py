"""What a person types behind `heardctl set`."""

import pytest

from heard_client.cli.settings import read_value


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0.5", 0.5),
        ("3", 3),
        ("true", True),
        ("null", None),
        ('"quoted"', "quoted"),
        ("'toml'", "toml"),
        ('["heard", "denoise"]', ["heard", "denoise"]),
        ("['toml', 'list']", ["toml", "list"]),
        ('{"min_turn_silence": 100}', {"min_turn_silence": 100}),
        ("0x10", 16),
        ("off", "off"),
        ("noisereduce", "noisereduce"),
        ("", ""),
        ("a = 3", "a = 3"),
        ("1\nother = 2", "1\nother = 2"),
        ("2024-05-01", "2024-05-01"),
    ],
)
def test_a_value_is_json_or_toml_or_text(typed: str, meant: object) -> None:
    """In this order; what is neither is what it looks like."""
    value = read_value(typed)
    assert value == meant
    assert type(value) is type(meant)
