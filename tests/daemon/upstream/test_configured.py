"""The settings as lines need them, and the keys of `get` and `set`."""

import pytest

from heard.settings import Capture, Settings, Upstream
from heard.upstream.configured import LOCAL_PARAMS, changed, got, line_config
from heard.upstream.pace import CATCH_UP
from heard.upstream.terms import Terms
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError

CLOUD = Upstream(service="assemblyai", params={"prompt": "numbers"})
TERMS = Terms("u3-rt-pro", {"prompt": "numbers"}, 2)


def test_a_line_of_the_cloud_service() -> None:
    """Paced, no more parameters than configured, the deadlines of the configuration."""
    settings = Settings(upstream=CLOUD, capture=Capture(retention_s=60))
    config = line_config("mic", "run-1", settings, 2)
    assert config.terms == TERMS
    assert (config.pace, config.start_s, config.retention_s) == (CATCH_UP, 0.0, 60)
    assert config.live_first_s is not None
    assert config.limits.begin_s == settings.upstream.connect_timeout_s


def test_a_line_of_the_local_service() -> None:
    """As fast as it goes, with what settles silence sooner; what is configured counts more."""
    upstream = Upstream(params={"session_heartbeat": False}, catch_up="in-order")
    config = line_config("mic", "run-1", Settings(upstream=upstream), 0)
    assert config.terms.params == {**LOCAL_PARAMS, "session_heartbeat": False}
    assert (config.pace, config.live_first_s) == (None, None)
    assert config.start_s > 0


def test_get_shows_what_is_in_force() -> None:
    """All keys, or one."""
    every = got(CLOUD, TERMS, {})
    assert every["upstream.prompt"] == "numbers"
    assert every["upstream.speech_model"] == "u3-rt-pro"
    assert every["upstream.idle_close_s"] == 0
    assert got(CLOUD, TERMS, {"key": "upstream.frame_ms"}) == {"upstream.frame_ms": 50}


def test_set_makes_other_terms() -> None:
    """Of what can change within a session and of what takes another, with the value for the answer."""
    wanted: list[tuple[str, object, Terms]] = [
        ("prompt", "words", Terms("u3-rt-pro", {"prompt": "words"}, 2)),
        ("voice_focus", "near-field", Terms("u3-rt-pro", {**TERMS.params, "voice_focus": "near-field"}, 2)),
        ("speech_model", "other", Terms("other", TERMS.params, 2)),
    ]
    for name, value, terms in wanted:
        key = f"upstream.{name}"
        assert changed(CLOUD, TERMS, {"key": key, "value": value}) == (terms, {key: value})


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        ({"value": 1}, Code.BAD_REQUEST, "'key' is missing"),
        (
            {"key": "upstream.fanfare", "value": 1},
            Code.BAD_VALUE,
            "can be set: upstream.acknowledge_silence, ",
        ),
        ({"key": "upstream.url", "value": "x"}, Code.BAD_VALUE, "then `heardctl reload`"),
        ({"key": "upstream.token", "value": "x"}, Code.BAD_VALUE, "unknown key"),
        ({"key": "upstream.speech_model", "value": " "}, Code.BAD_VALUE, "must name a model"),
        ({"key": "upstream.speech_model"}, Code.BAD_VALUE, "must name a model"),
        ({"key": "upstream.voice_focus", "value": "far"}, Code.BAD_VALUE, '"near-field" or "far-field"'),
    ],
)
def test_what_cannot_be_set_says_why(args: Body, code: Code, text: str) -> None:
    """And what can."""
    with pytest.raises(ControlError) as caught:
        changed(CLOUD, TERMS, args)
    assert caught.value.code is code
    assert text in caught.value.message


def test_what_is_not_there_cannot_be_got() -> None:
    """Not set, or not known."""
    with pytest.raises(ControlError, match="not set"):
        got(CLOUD, TERMS, {"key": "upstream.vad_threshold"})
    with pytest.raises(ControlError, match="there are upstream"):
        got(CLOUD, TERMS, {"key": "upstream.fanfare"})
