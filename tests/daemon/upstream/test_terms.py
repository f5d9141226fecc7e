"""What of a session's terms can be changed while it runs."""

from heard.upstream.terms import Terms

NOW = Terms("u3-rt-pro", {"keyterms_prompt": ["heard"], "vad_threshold": 0.5, "voice_focus": "near-field"})


def with_params(**params: object) -> Terms:
    """Return NOW with parameters changed or added."""
    return Terms(NOW.model, {**NOW.params, **params}, NOW.place)


def test_the_same_terms_need_nothing() -> None:
    """Equal values, in whatever order."""
    assert NOW.changes(Terms(NOW.model, dict(reversed(NOW.params.items())))) == {}


def test_live_parameters_are_told() -> None:
    """Only what differs is sent, also what was not set before."""
    assert NOW.changes(with_params(vad_threshold=0.7)) == {"vad_threshold": 0.7}
    assert NOW.changes(with_params(prompt="numbers")) == {"prompt": "numbers"}
    assert NOW.changes(with_params(keyterms_prompt=["heard", "ZeroMQ"])) == {
        "keyterms_prompt": ["heard", "ZeroMQ"]
    }


def test_what_is_fixed_takes_another_session() -> None:
    """The model, the place, a parameter that is fixed or unknown, and one that is no longer set."""
    assert NOW.changes(Terms("other", NOW.params)) is None
    assert NOW.changes(Terms(NOW.model, NOW.params, 1)) is None
    assert NOW.changes(with_params(voice_focus="far-field")) is None
    assert NOW.changes(with_params(fanfare=1)) is None
    assert NOW.changes(with_params(voice_focus="far-field", vad_threshold=0.7)) is None
    without = {name: value for name, value in NOW.params.items() if name != "vad_threshold"}
    assert NOW.changes(Terms(NOW.model, without)) is None
