"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard_client.cli.when import moment

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 28, 14, 30, 15, tzinfo=HERE).timestamp()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("now", "2026-11-28 14:30:15"),
        ("today", "2026-11-28 00:00:00"),
        ("Yesterday", "2026-11-27 00:00:00"),
        ("yesterday 23:30", "2026-11-27 23:30:00"),
        ("today 18:00", "2026-11-28 18:00:00"),
        ("14:30", "2026-11-28 14:30:00"),
        ("9:05:30", "2026-11-28 09:05:30"),
        ("14:31", "2026-11-27 14:31:00"),
        ("10m", "2026-11-28 14:20:15"),
        ("-10m", "2026-11-28 14:20:15"),
        ("10 min ago", "2026-11-28 14:20:15"),
        ("1h30m", "2026-11-28 13:00:15"),
        ("1.5 hours", "2026-11-28 13:00:15"),
        ("2 days 1 s", "2026-11-26 14:30:14"),
        ("1w", "2026-11-21 14:30:15"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("2026-11-01T07:08", "2026-11-01 07:08:00"),
        ("2026-11-01 07:08:09", "2026-11-01 07:08:09"),
        ("2026-11-01T07:08:09Z", "2026-11-01 09:08:09"),
        ("2026-11-01T07:08+01:00", "2026-11-01 08:08:00"),
        ("@1700000000", "2023-11-15 00:13:20"),
    ],
)
def test_what_is_meant(written: str, expected: str) -> None:
    """By the clock of the zone; a time of day alone is the last that has passed."""
    assert f"{datetime.fromtimestamp(moment(written, NOW, HERE), HERE):%Y-%m-%d %H:%M:%S}" == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "10",
        "m",
        "ten minutes",
        "25:00",
        "14:60",
        "tomorrow",
        "10 parsecs",
        "2026-13-01",
        "@",
        "@nan",
        "1" * 400 + "w",
    ],
)
def test_what_is_no_time(written: str) -> None:
    """The message shows what is."""
    with pytest.raises(ValueError, match="must be a time such as 14:30, yesterday"):
        moment(written, NOW, HERE)


def test_midnight_is_where_the_clock_says() -> None:
    """Also on the day on which the clocks change."""
    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2026, 3, 29, 12, tzinfo=berlin).timestamp()
    assert moment("today", noon, berlin) == datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp()
    assert moment("10:00", noon, berlin) == datetime(2026, 3, 29, 8, tzinfo=UTC).timestamp()


@given(st.text(max_size=30) | st.text("0123456789:-+. hmsdwTZago@", max_size=20))
def test_anything_is_a_time_or_an_error_in_one_line(written: str) -> None:
    """Nothing else is raised."""
    try:
        assert isinstance(moment(written, NOW, HERE), float)
    except ValueError as error:
        assert "must be a time" in str(error)  # noqa: PT017  # either is right
