"""DeepFilterNet on a stream."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.backend import Backend, Denoiser, Samples
from heard.denoise.deepfilter import HOP, Deepfilter, Frames
from heard.denoise.deepfilter_rate import REACH
from heard.denoise.deepfilter_runtime import LAG
from heard.denoise.pcm import to_pcm
from heard.settings import DEFAULT_MIX

from ...support.corpus import noise, utterance
from ...support.mixing import Mixture, mix

NOTHING = np.zeros(0, np.float32)
DELAY = Deepfilter.delay_samples
THOUSAND_HOURS = 1000 * 3600 * 16_000


def delaying() -> Callable[[Samples], Samples]:
    """Return a network that changes nothing, as late as the real one."""
    late = np.zeros(LAG, np.float32)

    def network(frame: Samples) -> Samples:
        nonlocal late
        line = np.concatenate((late, frame))
        late = line[len(frame) :]
        return line[: len(frame)]

    return network


@pytest.fixture(scope="module")
def backend() -> Backend:
    return Deepfilter()


def _run(stream: Denoiser, samples: Samples, blocks: list[int]) -> Samples:
    """Return all of the output; the blocks' lengths are repeated."""
    out, at, number = [], 0, 0
    while at < len(samples):
        count = blocks[number % len(blocks)]
        stream.feed(samples[at : at + count])
        out.append(stream.take())
        at, number = at + count, number + 1
    return np.concatenate([*out, stream.finish()])


def _noisy(speech: str, disturbance: str, snr_db: float) -> Mixture:
    return mix(utterance(speech).samples(), noise(disturbance).samples(), snr_db=snr_db, seed=3)


def _samples(mixture: Mixture) -> Samples:
    return (np.rint(mixture.noisy * 32767) / 32768).astype(np.float32)


def _ratio_db(signal: Samples, rest: Samples) -> float:
    return float(10 * np.log10(np.sum(np.square(signal)) / np.sum(np.square(rest))))


def test_the_delay_is_46_ms() -> None:
    """A frame, what its filters reach ahead, and three frames in the network."""
    assert DELAY == 736
    assert Deepfilter.context_samples <= 6 * 16_000  # a replay's lead-in


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2000),
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_every_sample_comes_out_in_its_place_and_no_later_than_stated(
    count: int, blocks: list[int], position: int, context: int
) -> None:
    """Through a network that changes nothing, in any blocks, from any position, with any context."""
    times = np.arange(position - context, position + count)
    tones = (0.3 * np.sin(0.11 * times) + 0.3 * np.sin(1.3 * times)).astype(np.float32)
    before, samples = tones[:context], tones[context:]
    stream = Frames(delaying(), position, before)
    fed, out = 0, [NOTHING]
    number = 0
    while fed < count:
        size = blocks[number % len(blocks)]
        stream.feed(samples[fed : fed + size])
        fed, number = min(count, fed + size), number + 1
        out.append(stream.take())
        assert sum(map(len, out)) >= fed - DELAY
    out.append(stream.finish())
    whole = np.concatenate(out)
    assert len(whole) == count
    # At the ends the filters meet silence instead of the tone.
    first = max(0, 2 * REACH - min(position, context))
    last = max(first, count - 2 * REACH)
    np.testing.assert_allclose(whole[first:last], samples[first:last], atol=1e-3)


@pytest.mark.parametrize("number", [0, 1, 100, 159, 160, 4321])
def test_an_impulse_comes_out_where_it_should(number: int) -> None:
    samples = np.zeros(6000, np.float32)
    samples[number] = 1
    out = _run(Frames(delaying(), 0, NOTHING), samples, [320])
    assert out.argmax() == number


def test_the_delay_is_not_a_sample_longer_than_need_be() -> None:
    """The first sample that a frame makes final is the one that waits longest."""
    stream = Frames(delaying(), 0, NOTHING)
    first = HOP - REACH
    stream.feed(np.zeros(first + DELAY - 1, np.float32))
    assert len(stream.take()) == first
    stream.feed(np.zeros(1, np.float32))
    assert len(stream.take()) == HOP


def test_speech_comes_out_where_it_went_in(backend: Backend) -> None:
    """Through the real network: output and input match best without any shift."""
    samples = _samples(_noisy("lj-LJ001-0004", "street-city", 20))
    out = _run(backend.start(0, NOTHING), samples, [320])
    middle = slice(16_000, len(out) - 1000)
    lags = range(-100, 101)
    match = [float(out[middle] @ samples[middle.start + lag : middle.stop + lag]) for lag in lags]
    assert lags[int(np.argmax(match))] == 0


def test_any_chunking_gives_the_same_samples_to_the_bit(backend: Backend) -> None:
    samples = _samples(_noisy("vctk-p228-021", "babble-cafe", 5))[: 2 * 16_000 + 33]
    whole = _run(backend.start(0, NOTHING), samples, [len(samples)])
    for blocks in ([320], [1, 7, 500, 161, 3000], [7919]):
        np.testing.assert_array_equal(_run(backend.start(0, NOTHING), samples, blocks), whole)


def test_sample_numbers_do_not_wear_out(backend: Backend) -> None:
    """After a thousand hours the grid and the output are those of the beginning."""
    assert THOUSAND_HOURS % HOP == 0
    samples = _samples(_noisy("vctk-p228-021", "babble-cafe", 5))[: 16_000 + 33]
    early = _run(backend.start(0, NOTHING), samples, [320])
    late = _run(backend.start(THOUSAND_HOURS, NOTHING), samples, [320])
    np.testing.assert_array_equal(late, early)


def test_a_later_start_settles_on_the_output_of_the_unbroken_stream(backend: Backend) -> None:
    """Not to the bit: the network remembers for longer. At the default mix, to 25 dB and more here."""
    samples = _samples(_noisy("jfk-inaugural", "street-city", 5))[: 8 * 16_000]
    position = 6 * 16_000 + 123
    context = samples[position - Deepfilter.context_samples : position]
    whole = _run(backend.start(0, NOTHING), samples, [320])[position:]
    later = _run(backend.start(position, context), samples[position:], [320])
    abrupt = _run(backend.start(position, NOTHING), samples[position:], [320])
    share = DEFAULT_MIX["deepfilter"]
    blended = (1 - share) * samples[position:] + share * whole
    assert _ratio_db(blended, share * (later - whole)) > 25
    assert _ratio_db(whole, later - whole) > _ratio_db(whole, abrupt - whole) + 3


def test_sources_fed_by_turns_come_out_as_if_alone(backend: Backend) -> None:
    parts = [
        _samples(_noisy(name, "car-engine", 5))[:16_000] for name in ("vctk-p225-011", "arctic-aew-a0001")
    ]
    alone = [_run(backend.start(0, NOTHING), part, [320]) for part in parts]
    streams = [backend.start(0, NOTHING) for _ in parts]
    out: list[list[Samples]] = [[], []]
    for start in range(0, 16_000, 320):
        for stream, part in zip(streams, parts, strict=True):
            stream.feed(part[start : start + 320])
        for stream, got in zip(streams, out, strict=True):
            got.append(stream.take())
    for stream, got, expected in zip(streams, out, alone, strict=True):
        np.testing.assert_array_equal(np.concatenate([*got, stream.finish()]), expected)


@pytest.mark.parametrize(
    ("speech", "disturbance", "snr_db"),
    [("vctk-p226-016", "babble-cafe", 5), ("ls-3080-5032-0000", "street-city", 0)],
)
def test_speech_stands_out_more(backend: Backend, speech: str, disturbance: str, snr_db: float) -> None:
    """Signal to distortion, whatever its scale, is 2 dB better, at the default mix and at full strength."""

    def si_sdr_db(heard: Samples) -> float:
        wanted = (heard @ clean) / (clean @ clean) * clean
        return _ratio_db(wanted, heard - wanted)

    mixture = _noisy(speech, disturbance, snr_db)
    dry, clean = _samples(mixture), mixture.clean.astype(np.float32)
    wet = _run(backend.start(0, NOTHING), dry, [320])
    share = DEFAULT_MIX["deepfilter"]
    assert si_sdr_db((1 - share) * dry + share * wet) > si_sdr_db(dry) + 2
    assert si_sdr_db(wet) > si_sdr_db(dry) + 2


@pytest.mark.parametrize("limit_db", [3.0, 6.0])
def test_a_mix_is_what_the_network_calls_an_attenuation_limit(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, limit_db: float
) -> None:
    """So that there is one control for both: a limit of 6 dB is a mix of one half."""
    samples = _samples(_noisy("vctk-p226-016", "street-city", 5))[: 3 * 16_000]
    full = _run(backend.start(0, NOTHING), samples, [320])
    monkeypatch.setattr("heard.denoise.deepfilter_runtime.UNLIMITED_DB", limit_db)
    limited = _run(backend.start(0, NOTHING), samples, [320])
    dry = 10 ** (-limit_db / 20)
    assert _ratio_db(limited, limited - (dry * samples + (1 - dry) * full)) > 38


def test_noise_alone_is_lowered(backend: Backend) -> None:
    """White noise by 20 dB and more, from the second second on."""
    hiss = (0.05 * np.random.default_rng(5).standard_normal(3 * 16_000)).astype(np.float32)
    out = _run(backend.start(0, NOTHING), hiss, [320])
    assert _ratio_db(hiss[16_000:], out[16_000:]) > 20


def test_silence_stays_silence(backend: Backend) -> None:
    out = _run(backend.start(0, NOTHING), np.zeros(16_000, np.float32), [320])
    assert len(out) == 16_000
    assert not to_pcm(out)[0].any()


def test_full_scale_comes_out_finite_and_after_silence_too(backend: Backend) -> None:
    """The loudest square wave there is, silence, and one sample at full scale."""
    square = np.where(np.arange(16_000) // 40 % 2, 1, -1).astype(np.float32)
    samples = np.concatenate((square, np.zeros(16_000, np.float32), square[:1]))
    out = _run(backend.start(0, NOTHING), samples, [320])
    assert len(out) == len(samples)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("count", [1, 159, 160, 737])
def test_the_shortest_streams_come_out_whole_and_finite(backend: Backend, count: int) -> None:
    samples = np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)
    out = _run(backend.start(0, NOTHING), samples, [320])
    assert out.shape == (count,)
    assert np.isfinite(out).all()


def test_nothing_is_counted(backend: Backend) -> None:
    assert backend.counters == {}
