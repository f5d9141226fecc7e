"""One segment: mix, change and failure, sample by sample."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.backend import Backend, Samples
from heard.denoise.deepfilter import Deepfilter
from heard.denoise.fade import FADE_SAMPLES
from heard.denoise.gate import Gate, GateFast
from heard.denoise.noisereduce import Noisereduce
from heard.denoise.off import Off
from heard.denoise.pcm import Pcm
from heard.denoise.stream import KEPT_SAMPLES, Counts, Output, Stream

from .made import DELAY, RATE_HZ, Amplifier, Breaking, Halver, NotFinite, ramp

NOTHING = np.zeros(0, np.int16)


def _stream(backend: Backend, mix: float = 1.0, counts: Counts | None = None) -> Stream:
    return Stream(backend, mix, counts or Counts(), 0, NOTHING)


def _run(stream: Stream, pcm: Pcm, block: int = 320) -> Pcm:
    out = []
    for start in range(0, len(pcm), block):
        stream.feed(pcm[start : start + block])
        out.append(stream.take().pcm)
    return np.concatenate([*out, stream.finish().pcm])


def _sine(seconds: float, hz: float = 440.0, amplitude: float = 0.5) -> Pcm:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.rint(32768 * amplitude * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def _artefact_dbfs(out: Pcm, hz: float = 440.0) -> float:
    """Return the highest peak of what is left once the tone is taken away.

    A tone obeys x[n+1] = 2 cos(w) x[n] - x[n-1]; a click does not, whatever the tone's level.
    """
    x = out / 32768
    left = x[2:] - 2 * np.cos(2 * np.pi * hz / RATE_HZ) * x[1:-1] + x[:-2]
    return float(20 * np.log10(np.abs(left).max()))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=20), st.floats(0, 1))
def test_any_chunking_gives_the_same_samples(cuts: list[int], mix: float) -> None:
    pcm = np.random.default_rng(len(cuts)).integers(-32768, 32768, sum(cuts)).astype(np.int16)
    stream = _stream(Halver(), mix)
    out = []
    at = 0
    for count in cuts:
        stream.feed(pcm[at : at + count])
        out.append(stream.take().pcm)
        at += count
    out.append(stream.finish().pcm)
    whole = np.concatenate(out)
    assert len(whole) == len(pcm)
    np.testing.assert_array_equal(whole, _run(_stream(Halver(), mix), pcm, 100_000))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2000))
def test_off_and_a_mix_of_0_are_bit_exact(count: int) -> None:
    pcm = np.random.default_rng(count).integers(-32768, 32768, count).astype(np.int16)
    np.testing.assert_array_equal(_run(_stream(Off(), 1.0), pcm, 77), pcm)
    np.testing.assert_array_equal(_run(_stream(Halver(), 0.0), pcm, 77), pcm)


def test_off_has_no_delay() -> None:
    stream = _stream(Off())
    stream.feed(ramp(13))
    assert stream.take().pcm.tolist() == list(range(13))


def test_the_mix_blends_with_the_equally_delayed_dry_signal() -> None:
    pcm = ramp(4000)
    out = _run(_stream(Halver(), 0.3), pcm)
    np.testing.assert_allclose(out, pcm * 0.85, atol=0.51)


def test_an_output_carries_the_dry_samples_that_it_was() -> None:
    stream = _stream(Halver(), 1.0)
    stream.feed(ramp(1000))
    output = stream.take()
    assert output.start == 0
    np.testing.assert_array_equal(output.dry, ramp(len(output.pcm)))


def test_a_change_of_mix_is_gradual_and_jumps_in_no_sample() -> None:
    """No click above -60 dBFS on a tone, at once or in mid-change."""
    tone = _sine(1.0)
    stream = _stream(Halver(), 0.0)
    out = []
    for start in range(0, len(tone), 320):
        if start in (3200, 3520, 9600):
            stream.set_mix({3200: 1.0, 3520: 0.2, 9600: 0.0}[start])
        stream.feed(tone[start : start + 320])
        out.append(stream.take().pcm)
    whole = np.concatenate([*out, stream.finish().pcm])
    assert len(whole) == len(tone)
    assert _artefact_dbfs(whole) < -60
    assert np.abs(whole[5000:9000] - tone[5000:9000] * 0.9).max() < 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Off, Halver),
        (Halver, Off),
        (Halver, Halver),
        *permutations((Off, Noisereduce, Gate, GateFast), 2),
        (Off, Deepfilter),
        (Deepfilter, Noisereduce),
        *(
            pytest.param(first, second, marks=pytest.mark.slow)
            for first, second in permutations((Off, Noisereduce, Gate, GateFast, Deepfilter), 2)
            if Deepfilter in (first, second)
        ),
    ],
)
def test_a_change_of_backend_leaves_no_click_and_no_jump(first: type[Backend], second: type[Backend]) -> None:
    """Whatever their delays, every sample comes out once and in its place."""
    tone = _sine(1.5)
    stream = _stream(first(), 0.5)
    out: list[Output] = []
    for start in range(0, len(tone), 320):
        if start == 12_800:
            stream.switch(second(), 0.3)
        stream.feed(tone[start : start + 320])
        out.append(stream.take())
    out.append(stream.finish())
    expected = 0
    for output in out:
        assert output.start == expected
        expected += len(output.pcm)
    whole = np.concatenate([output.pcm for output in out])
    assert len(whole) == len(tone)
    # A backend itself modulates the tone a little; its own share is judged without a change.
    assert _artefact_dbfs(whole[4000:]) < max(-60, _unchanged_dbfs(first) + 1, _unchanged_dbfs(second) + 1)


@cache
def _unchanged_dbfs(backend: type[Backend]) -> float:
    return _artefact_dbfs(_run(_stream(backend(), 0.5), _sine(1.5)))


def test_going_off_ends_the_delay() -> None:
    stream = _stream(Halver())
    pcm = ramp(16_000)
    stream.feed(pcm[:8000])
    stream.take()
    stream.switch(Off(), 0.0)
    stream.feed(pcm[8000 : 8000 + FADE_SAMPLES + 2 * DELAY])
    stream.take()
    stream.feed(pcm[8000 + FADE_SAMPLES + 2 * DELAY : 10_000])
    output = stream.take()
    assert output.start + len(output.pcm) == 10_000
    assert output.pcm[-1] == pcm[9999]


def test_a_backend_that_comes_later_hears_what_was_before() -> None:
    """As much as it asks for, so that it need not settle first."""
    stream = _stream(Off())
    stream.feed(ramp(8000))
    stream.take()
    halver = Halver()
    stream.switch(halver, 1.0)
    assert halver.starts == [(8000, halver.context_samples)]


def test_the_last_of_several_changes_at_once_counts() -> None:
    stream = _stream(Off())
    pcm = ramp(16_000)
    stream.feed(pcm[:1000])
    stream.take()
    stream.switch(Halver(), 1.0)
    stream.switch(Amplifier(), 1.0)
    stream.switch(Halver(), 0.5)
    stream.feed(pcm[1000:])
    out = np.concatenate((pcm[:1000], stream.take().pcm, stream.finish().pcm))
    assert len(out) == len(pcm)
    np.testing.assert_allclose(out[4000:], pcm[4000:] * 0.75, atol=0.51)


def test_what_is_not_finite_is_replaced_by_the_dry_samples_and_counted() -> None:
    counts = Counts()
    pcm = ramp(3000)
    out = _run(_stream(NotFinite(), 1.0, counts), pcm)
    np.testing.assert_array_equal(out, pcm)
    assert 1200 < counts.not_finite < 1400


def test_what_passes_full_scale_is_clipped_and_counted() -> None:
    counts = Counts()
    loud = np.full(1000, -20_000, np.int16)
    out = _run(_stream(Amplifier(), 1.0, counts), loud)
    assert set(out.tolist()) == {-32768}
    assert counts.clipped == 1000


def test_a_backend_that_throws_is_left_and_no_sample_is_lost() -> None:
    counts = Counts()
    stream = _stream(Breaking(), 1.0, counts)
    pcm = ramp(2000)
    out = _run(stream, pcm, 100)
    assert len(out) == len(pcm)
    np.testing.assert_array_equal(out[384:], pcm[384:])
    assert counts.backend_failures == 1
    assert stream.failure == "RuntimeError: out of cheese"


def test_a_backend_may_be_tried_again_after_it_failed() -> None:
    stream = _stream(Breaking())
    stream.feed(ramp(2000))
    stream.take()
    assert stream.failure
    stream.switch(Halver(), 1.0)
    assert stream.failure is None
    stream.feed(ramp(4000, 2000))
    out = stream.take().pcm
    np.testing.assert_allclose(out[FADE_SAMPLES:], ramp(4000, 2000)[FADE_SAMPLES : len(out)] / 2, atol=0.51)


def test_a_backend_that_gives_too_little_or_too_much_is_left() -> None:
    class Short(Halver):
        def reduce(self, window: Samples, before: Samples) -> Samples:
            del before
            return window[1:]

    counts = Counts()
    out = _run(_stream(Short(), 1.0, counts), ramp(1000))
    np.testing.assert_array_equal(out, ramp(1000))
    assert counts.backend_failures == 1


def test_a_segment_without_samples_and_one_of_one_sample() -> None:
    assert len(_run(_stream(Noisereduce()), NOTHING)) == 0
    assert _run(_stream(Noisereduce(), 1.0), np.array([-32768], np.int16)).shape == (1,)


def test_a_thousand_hours_in_the_numbers_are_the_same() -> None:
    """Positions near 2^40: neither overflow nor drift."""
    position = (1 << 40) // 96 * 96
    pcm = ramp(5000)
    near = Stream(Halver(), 0.4, Counts(), 0, NOTHING)
    far = Stream(Halver(), 0.4, Counts(), position, NOTHING)
    for stream in (near, far):
        stream.feed(pcm[:2000])
        stream.set_mix(0.9)
        stream.feed(pcm[2000:])
    one, other = near.finish(), far.finish()
    assert other.start == position
    np.testing.assert_array_equal(one.pcm, other.pcm)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.sampled_from(["mix", "adaptive", "off", "halver", "amplifier"]),
            st.floats(0, 1),
        ),
        max_size=6,
    )
)
def test_no_change_at_any_time_leaves_a_click_on_a_tone(changes: list[tuple[int, str, float]]) -> None:
    """Above -60 dBFS: of mix, backend and adaptation, also in the middle of another change."""
    tone = _sine(1.6, amplitude=0.3)
    stream = _stream(Halver(), 0.5)
    out = []
    for number in range(80):
        for at, what, value in changes:
            if at != number:
                continue
            match what:
                case "mix":
                    stream.set_mix(value)
                case "adaptive":
                    stream.set_adaptive(adaptive=value > 0.5)
                case "off":
                    stream.switch(Off(), value)
                case "amplifier":
                    stream.switch(Amplifier(), value)
                case _:
                    stream.switch(Halver(), value)
        stream.feed(tone[320 * number : 320 * (number + 1)])
        out.append(stream.take().pcm)
    whole = np.concatenate([*out, stream.finish().pcm])
    assert len(whole) == len(tone)
    assert _artefact_dbfs(whole) < -60


def test_the_mix_that_adapts_is_the_same_after_a_replay() -> None:
    """To the bit, from the 6 s before it."""
    rng = np.random.default_rng(5)
    level = np.repeat(rng.choice([200.0, 2000.0, 6000.0], 110), 1600)
    pcm = np.rint(level * rng.standard_normal(len(level))).clip(-32768, 32767).astype(np.int16)
    first = Stream(Gate(), 0.7, Counts(), 0, NOTHING, adaptive=True)
    whole = _run(first, pcm)
    for position in (KEPT_SAMPLES, 100_003, 133_333):
        again = Stream(Gate(), 0.7, Counts(), position, pcm[:position], adaptive=True)
        np.testing.assert_array_equal(_run(again, pcm[position:], 777), whole[position:])


def test_adapting_that_begins_later_knows_what_was_before() -> None:
    """And once it ends the whole mix is in force again."""
    pcm = np.rint(1000 * np.random.default_rng(6).standard_normal(6 * RATE_HZ)).astype(np.int16)
    early = Stream(Halver(), 1.0, Counts(), 0, NOTHING, adaptive=True)
    late = _stream(Halver(), 1.0)
    for start in range(0, len(pcm), 320):
        if start == 5 * RATE_HZ:
            late.set_adaptive(adaptive=True)
        for stream in (early, late):
            stream.feed(pcm[start : start + 320])
        one, other = early.take(), late.take()
        if start > 5 * RATE_HZ + 2 * FADE_SAMPLES:
            np.testing.assert_array_equal(one.pcm, other.pcm)
    assert late.mix_now == early.mix_now == 1
    late.set_adaptive(adaptive=False)
    late.feed(pcm[: 4 * FADE_SAMPLES])
    late.take()
    assert late.mix_now == 1
