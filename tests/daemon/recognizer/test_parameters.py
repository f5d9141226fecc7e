"""Parameters of the query and of UpdateConfiguration."""

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.recognizer.engines import TurnSettings
from heard.recognizer.errors import ClientError
from heard.recognizer.parameters import Parameters, apply_update, read_query


def test_nothing_given_is_16_khz_s16le() -> None:
    """The service's defaults; unknown names and models are ignored."""
    assert read_query("") == Parameters()
    assert read_query("speech_model=u3-rt-pro&no_such=1&x") == Parameters()


def test_what_is_given_is_read() -> None:
    """Numbers, names, and booleans in any case."""
    parameters = read_query(
        "sample_rate=44100&encoding=pcm_mulaw&min_turn_silence=200&max_turn_silence=1500&vad_threshold=0.25"
        "&inactivity_timeout=5&session_heartbeat=True&acknowledge_silence=TRUE&continuous_partials=false&token=t"
    )
    assert parameters == Parameters(
        token="t",  # noqa: S106 - a test's
        rate_hz=44100,
        encoding="pcm_mulaw",
        turns=TurnSettings(200, 1500, 0.25, continuous_partials=False),
        inactivity_timeout_s=5,
        heartbeat=True,
        acknowledge_silence=True,
    )


def test_the_old_name_of_min_turn_silence_counts_where_the_new_one_is_absent() -> None:
    """`min_end_of_turn_silence_when_confident` is what old clients send."""
    old = "min_end_of_turn_silence_when_confident=300"
    assert read_query(old).turns.min_turn_silence_ms == 300
    assert read_query(f"{old}&min_turn_silence=400").turns.min_turn_silence_ms == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", "7999"),
        ("sample_rate", "48001"),
        ("sample_rate", "16e3"),
        ("sample_rate", "1" * 5000),
        ("sample_rate", ""),
        ("encoding", "opus"),
        ("min_turn_silence", "-1"),
        ("max_turn_silence", "60001"),
        ("vad_threshold", "1.01"),
        ("vad_threshold", "nan"),
        ("inactivity_timeout", "4"),
        ("inactivity_timeout", "3601"),
        ("session_heartbeat", "yes"),
        ("keyterms_prompt", "word"),
        ("keyterms_prompt", '["' + "x" * 51 + '"]'),
        ("agent_context", "x" * 1751),
        ("mode", "fast"),
        ("interruption_delay", "1001"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_3006(name: str, value: str) -> None:
    """The text names the parameter, the value and what would be right."""
    with pytest.raises(ClientError) as caught:
        read_query(urlencode({name: value}))
    assert caught.value.code == 3006
    assert caught.value.text.startswith(f"Invalid Parameter: {name} = ")
    assert ": must be " in caught.value.text


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    """JSON numbers and booleans; what only the query may set is ignored."""
    before = read_query("min_turn_silence=200&sample_rate=8000&session_heartbeat=true")
    after = apply_update(before, {"max_turn_silence": 900.0, "vad_threshold": 1, "sample_rate": 16_000})
    assert after.turns == TurnSettings(200, 900, 1.0)
    assert after.rate_hz == 8000
    assert after.heartbeat


@pytest.mark.parametrize(
    "fields",
    [
        {"max_turn_silence": 60_001},
        {"max_turn_silence": True},
        {"max_turn_silence": 1.5},
        {"min_turn_silence": [1]},
        {"vad_threshold": -0.1},
        {"vad_threshold": True},
        {"vad_threshold": 10**400},
        {"keyterms_prompt": [1]},
        {"keyterms_prompt": ["x"] * 101},
        {"session_heartbeat": 2},
    ],
)
def test_an_update_over_a_limit_is_refused(fields: dict[str, object]) -> None:
    """It ends the session, as at the service."""
    with pytest.raises(ClientError):
        apply_update(Parameters(), fields)


def test_what_has_no_effect_is_named() -> None:
    """Asked for, valid, and not done here; false and empty ask for nothing."""
    assert read_query("speaker_labels=True&redact_pii=false&keyterms_prompt=[]").no_effect == (
        "speaker_labels",
    )
    assert apply_update(Parameters(), {"prompt": "a call"}).no_effect == ("prompt",)


@given(st.text())
def test_no_query_breaks_the_reader(query: str) -> None:
    """Anything is either parameters or a ClientError."""
    with suppress(ClientError):
        read_query(query)
