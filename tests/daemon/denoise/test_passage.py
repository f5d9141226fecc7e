"""One source's blocks: passes, segments, lead-in, holes and times."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.gate import Gate
from heard.denoise.noisereduce import SHAPE
from heard.denoise.off import Off
from heard.denoise.passage import Passage
from heard.denoise.pcm import Pcm
from heard.denoise.profile import Profile, ProfileError, Profiles, write
from heard.denoise.registry import BackendError, Registry
from heard.settings import Denoise
from heard.wire.audio import Block, End

from .made import Breaking, Halver, block, ramp

LEAD_IN = 6 * 16_000
NOWHERE = Path("/nowhere")


def _passage(
    backend: str = "halver",
    mix: float | None = 1.0,
    *,
    noise: str = "tracked",
    adaptive: bool = False,
    state: Path = NOWHERE,
) -> Passage:
    registry = Registry({"halver": Halver, "off": Off, "breaking": Breaking, "gate": Gate})
    configured = Denoise(backend=backend, mix=mix, noise=noise, adaptive=adaptive)
    return Passage("mic", registry, configured, Profiles(state))


def _hiss(count: int, seed: int = 0) -> Pcm:
    return np.rint(300 * np.random.default_rng(seed).standard_normal(count)).astype(np.int16)


def _real() -> Passage:
    return Passage("mic", Registry(), Denoise(mix=1.0), Profiles(NOWHERE))


def _feed(passage: Passage, blocks: list[Block]) -> list[Block]:
    out = []
    for each in blocks:
        passage.feed(each)
        out += [passed.block for passed in passage.take()]
    return out


def _cut(pcm: Pcm, first: int = 0, size: int = 320, **fields: int) -> list[Block]:
    """Return `pcm` as raw blocks; its first sample has number `first`."""
    return [
        replace(block(pcm[at : at + size], first + at), **fields)  # type: ignore[arg-type]  # all are numbers
        for at in range(0, len(pcm), size)
    ]


def _ended(blocks: list[Block], why: End) -> list[Block]:
    return [*blocks[:-1], replace(blocks[-1], end=why)]


def _pcm(blocks: list[Block]) -> Pcm:
    return np.frombuffer(b"".join(each.pcm for each in blocks), "<i2").astype(np.int16)


@pytest.mark.parametrize("backend", ["off", "halver", "gate"])
@pytest.mark.parametrize("adaptive", [False, True])
def test_memory_does_not_grow_with_the_time_that_a_source_runs(backend: str, *, adaptive: bool) -> None:
    """Half a minute takes what a quarter took: whoever listens for a month has no more than at first."""
    passage = _passage(backend, adaptive=adaptive)

    def after(first_s: int, last_s: int) -> int:
        for second in range(first_s, last_s):
            _feed(passage, _cut(_hiss(16_000, second), 16_000 * second))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = after(0, 15)
        assert after(15, 30) - before < 64 * 1024
    finally:
        tracemalloc.stop()


def test_samples_come_out_under_their_numbers_without_a_hole() -> None:
    out = _feed(_passage(), _ended(_cut(ramp(5000)), End.ENDED))
    expected = 0
    for each in out:
        assert each.sample == each.follows == expected
        expected = each.stop
    assert expected == 5000
    assert [each.end for each in out[:-1]] == [End.NO] * (len(out) - 1)
    assert out[-1].end is End.ENDED


def test_the_delay_is_taken_out_of_every_time() -> None:
    for each in _feed(_passage(), _ended(_cut(ramp(5000)), End.ENDED)):
        assert each.time == pytest.approx(1000 + each.sample / 16_000, abs=1e-6)


def test_a_block_says_when_its_last_sample_was_handed_over() -> None:
    blocks = _ended(_cut(ramp(5000)), End.ENDED)
    for each in _feed(_passage(), blocks):
        assert each.handed == blocks[(each.stop - 1) // 320].handed


def test_no_block_spans_a_jump_in_time() -> None:
    first, second = _cut(ramp(640)), _cut(ramp(640, 640), 640)
    jumped = [replace(each, time=each.time + 0.7) for each in second]
    out = _feed(_passage(), _ended([*first, *jumped], End.LOST))
    assert 640 in [each.sample for each in out]
    for each in out:
        late = 0.7 if each.sample >= 640 else 0
        assert each.time == pytest.approx(1000 + each.sample / 16_000 + late, abs=1e-6)


def test_a_segment_that_ends_in_an_empty_block_is_passed_on_ended() -> None:
    out = _feed(_passage(), [*_cut(ramp(640)), block(ramp(0), 640, end=End.MUTED)])
    assert (out[-1].stop, out[-1].end) == (640, End.MUTED)
    assert _pcm(out).size == 640


def test_an_end_behind_all_samples_is_passed_on_in_an_empty_block() -> None:
    out = _feed(_passage("off"), [*_cut(ramp(640)), block(ramp(0), 640, end=End.MUTED)])
    last = out[-1]
    assert (last.sample, last.samples, last.follows, last.end) == (640, 0, 640, End.MUTED)
    assert last.time == pytest.approx(1000 + 640 / 16_000)


def test_a_new_segment_begins_a_new_grid_and_keeps_its_marks() -> None:
    passage = _passage()
    one = _ended(_cut(ramp(1000)), End.MUTED)
    two = _ended(_cut(ramp(1000), 1000, segment=1, segment_start=1000), End.SHUTDOWN)
    out = _feed(passage, [*one, *two])
    assert [each.segment for each in out] == sorted(each.segment for each in out)
    np.testing.assert_array_equal(_pcm(out[: len(out) // 2]), _pcm(out[len(out) // 2 :]))
    assert out[-1].stop == 2000


def test_a_segment_whose_end_went_missing_comes_out_whole() -> None:
    passage = _passage()
    out = _feed(passage, [*_cut(ramp(1000)), *_cut(ramp(320), 1000, segment=1, segment_start=1000)])
    assert _pcm([each for each in out if each.segment == 0]).size == 1000
    assert next(each.sample for each in out if each.segment == 1) == 1000
    assert all(each.end is End.NO for each in out)


def test_a_new_pass_with_lead_in_gives_the_same_samples() -> None:
    """To the bit, with the real backend: whichever process of the stage they went through."""
    rng = np.random.default_rng(4)
    pcm = (3000 * rng.standard_normal(8 * 16_000 + 777)).astype(np.int16)
    origin, wanted = 5000, 5000 + 7 * 16_000 + 55
    fields = {"segment_start": origin}
    whole = _feed(_real(), _ended(_cut(pcm, origin, **fields), End.ENDED))
    lead = wanted - LEAD_IN
    again = _cut(pcm[lead - origin :], lead, pass_no=1, wanted=wanted, follows=wanted, **fields)
    out = _feed(_real(), _ended(again, End.ENDED))
    assert (out[0].sample, out[0].follows) == (wanted, wanted)
    np.testing.assert_array_equal(_pcm(out), _pcm(whole)[wanted - origin :])
    assert SHAPE.context <= LEAD_IN


def test_only_what_is_wanted_comes_out_of_a_pass_and_what_the_last_one_held_is_dropped() -> None:
    passage = _passage()
    first = _feed(passage, _cut(ramp(1000)))
    again = _cut(ramp(3000, 200), 200, pass_no=1, wanted=500, follows=500)
    out = _feed(passage, _ended(again, End.ENDED))
    assert first[-1].stop < 1000
    assert out[0].sample == out[0].follows == 500
    assert {each.pass_no for each in out} == {1}
    np.testing.assert_allclose(_pcm(out), ramp(2700, 500) / 2, atol=0.51)


def test_a_pass_that_ends_before_what_is_wanted_still_passes_its_end_on() -> None:
    out = _feed(_passage(), [block(ramp(320), 0, pass_no=1, wanted=320, end=End.LOST)])
    assert [(each.sample, each.samples, each.end) for each in out] == [(320, 0, End.LOST)]


def test_a_hole_that_was_meant_is_passed_on_as_such() -> None:
    """The ring was full: what lies between was dropped, and nobody should ask for it."""
    passage = _passage()
    out = _feed(passage, [*_cut(ramp(640)), block(ramp(320), 2000, follows=640, end=End.ENDED)])
    numbers = [(each.follows, each.sample) for each in out if each.follows != each.sample]
    assert numbers == [(640, 2000)]
    assert out[-1].stop == 2320
    assert _pcm(out).size == 960


def test_a_hole_that_was_not_meant_is_seen_further_on() -> None:
    """Blocks were lost on the way: `follows` lies above what was passed on."""
    passage = _passage()
    out = _feed(passage, [*_cut(ramp(640)), block(ramp(320), 960, follows=960, end=End.ENDED)])
    before = [each for each in out if each.sample < 960]
    assert before[-1].stop == 640
    assert out[len(before)].follows == 960


def test_a_pass_that_begins_behind_expired_samples_says_so() -> None:
    out = _feed(_passage("off"), [block(ramp(320), 2000, pass_no=2, wanted=2000, follows=1500)])
    assert (out[0].follows, out[0].sample) == (1500, 2000)


def test_blocks_that_come_twice_are_cut_off() -> None:
    passage = _passage("off")
    out = _feed(passage, [*_cut(ramp(640)), block(ramp(320, 480), 480)])
    assert [(each.sample, each.stop) for each in out] == [(0, 320), (320, 640), (640, 800)]


def test_mix_and_backend_change_while_running() -> None:
    passage = _passage("halver", mix=None)
    assert (passage.backend, passage.mix) == ("halver", 0.5)
    blocks = _cut(ramp(16_000))
    _feed(passage, blocks[:10])
    passage.set_backend("off")
    assert (passage.backend, passage.mix, passage.delay_ms) == ("off", 0.0, 0.0)
    passage.set_mix(0.7)
    passage.set_backend("halver")
    assert (passage.backend, passage.mix, passage.delay_ms) == ("halver", 0.7, 8.0)
    out = _feed(passage, _ended(blocks[10:], End.ENDED))
    np.testing.assert_allclose(_pcm(out)[-10_000:], ramp(10_000, 6000) * 0.65, atol=0.51)


def test_a_backend_that_does_not_exist_changes_nothing() -> None:
    passage = _passage("halver", mix=0.4)
    with pytest.raises(BackendError, match="must be one of breaking, gate, halver, off"):
        passage.set_backend("rnnoise")
    assert (passage.backend, passage.mix) == ("halver", 0.4)


def test_a_source_goes_on_with_off_when_its_backend_throws_and_tries_again_when_told() -> None:
    """In this segment and in the ones that follow."""
    passage = _passage("breaking")
    assert passage.fault is None
    out = _feed(passage, _ended(_cut(ramp(2000)), End.MUTED))
    assert passage.backend == "off"
    assert passage.fault == (
        "mic: breaking failed (RuntimeError: out of cheese): goes on with off until denoise.backend is set"
    )
    assert passage.counts.backend_failures == 1
    assert _pcm(out).size == 2000
    out = _feed(passage, _ended(_cut(ramp(2000), 2000, segment=1, segment_start=2000), End.MUTED))
    np.testing.assert_array_equal(_pcm(out), ramp(2000))
    passage.set_backend("breaking")
    assert passage.backend == "breaking"
    assert passage.fault is None
    passage.configure(Denoise(backend="halver"))
    assert (passage.backend, passage.fault) == ("halver", None)


def test_a_backend_that_cannot_be_had_at_the_start_is_replaced_by_off() -> None:
    passage = _passage("gone")
    assert passage.backend == "off"
    assert passage.fault is not None
    assert passage.fault.startswith("mic: denoise.backend: must be one of breaking, gate, halver, off, not")
    passage.set_backend("off")
    assert passage.fault is None


def test_one_that_cannot_be_had_later_is_replaced_by_off_too() -> None:
    """Who configures it was told before, by `missing`; what was in force is not what anybody wants now."""
    passage = _passage("halver")
    passage.configure(Denoise(backend="gone", mix=1.0))
    assert passage.backend == "off"
    assert passage.fault is not None
    assert passage.fault.endswith("goes on with off")
    assert passage.counts.backend_failures == 1


def test_what_is_missing_can_be_asked_before(tmp_path: Path) -> None:
    """Every reason, and nothing changes."""
    passage = _passage("halver", state=tmp_path)
    assert passage.missing("gate", "tracked") == []
    assert passage.missing("off", "/gone.wav") == []
    gone, backend = passage.missing("gone", "/gone.wav")
    assert gone == "denoise.noise: /gone.wav: cannot be read: No such file or directory"
    assert backend.startswith("denoise.backend: must be one of ")
    assert (passage.backend, passage.fault) == ("halver", None)


def test_finish_gives_what_was_held() -> None:
    passage = _passage()
    out = _feed(passage, _cut(ramp(1000)))
    out += [passed.block for passed in passage.finish()]
    assert _pcm(out).size == 1000
    assert passage.finish() == []


def test_sample_numbers_of_a_thousand_hours_pass_unchanged() -> None:
    far = 1 << 40
    blocks = _ended(_cut(ramp(5000), far, segment_start=far - 96), End.ENDED)
    out = _feed(_passage(), blocks)
    assert (out[0].sample, out[-1].stop) == (far, far + 5000)


def test_a_pass_that_begins_further_on_lets_the_one_before_run_out() -> None:
    """What lies between is settled: nobody sends again what is still in here."""
    passage = _passage()
    first = _cut(ramp(1000))
    lead = _cut(ramp(1000, 4000), 4000, pass_no=1, wanted=5000, follows=1000)
    then = _cut(ramp(640, 5000), 5000, pass_no=1, wanted=5000)
    out = _feed(passage, [*first, *lead, *_ended(then, End.ENDED)])
    assert _pcm([each for each in out if each.pass_no == 0]).size == 1000
    behind = [each for each in out if each.pass_no == 1]
    assert (behind[0].sample, behind[0].follows) == (5000, 1000)
    assert _pcm(behind).size == 640


def test_the_mix_in_force_follows_the_noise() -> None:
    """All of it in mere noise, once that is known; `mix` is what was chosen."""
    passage = _passage("halver", 0.8)
    passage.set_value("denoise.adaptive", True)
    assert (passage.mix, passage.mix_now) == (0.8, 0.0)
    _feed(passage, _cut(_hiss(2 * 16_000)))
    assert passage.mix_now == 0
    _feed(passage, _cut(_hiss(4 * 16_000, 1), 2 * 16_000))
    assert passage.mix == 0.8
    assert passage.mix_now == pytest.approx(0.8)
    passage.set_value("denoise.adaptive", False)
    assert passage.values()["denoise.adaptive"] is False


def test_a_profile_is_chosen_and_left_while_running(tmp_path: Path) -> None:
    """No sample is lost, and what comes out then is what that profile makes of it."""
    profile = Profile(_hiss(16_000, 9))
    write(Profiles(tmp_path).path("mic"), profile)
    passage = _passage("gate", 1.0, state=tmp_path)
    pcm = _hiss(6 * 16_000, 2)
    blocks = _cut(pcm)
    out = _feed(passage, blocks[:100])
    passage.set_value("denoise.noise", "learned")
    assert passage.noise_in_force == "learned"
    out += _feed(passage, _ended(blocks[100:], End.ENDED))
    told = _feed(_passage("gate", 1.0, noise="learned", state=tmp_path), _ended(blocks, End.ENDED))
    assert _pcm(out).size == len(pcm)
    np.testing.assert_array_equal(_pcm(out)[3 * 16_000 :], _pcm(told)[3 * 16_000 :])
    passage.set_value("denoise.noise", "tracked")
    assert passage.noise_in_force == "tracked"


def test_with_a_profile_a_new_pass_gives_the_same_samples(tmp_path: Path) -> None:
    write(Profiles(tmp_path).path("mic"), Profile(_hiss(16_000, 9)))
    pcm = _hiss(8 * 16_000, 3)
    wanted = 7 * 16_000 + 55
    whole = _feed(_passage("gate", noise="learned", state=tmp_path), _ended(_cut(pcm), End.ENDED))
    again = _cut(pcm[wanted - LEAD_IN :], wanted - LEAD_IN, pass_no=1, wanted=wanted, follows=wanted)
    out = _feed(_passage("gate", noise="learned", state=tmp_path), _ended(again, End.ENDED))
    np.testing.assert_array_equal(_pcm(out), _pcm(whole)[wanted:])


def test_without_its_profile_a_source_goes_on_with_off(tmp_path: Path) -> None:
    """And says so; it is tried again when anything of it is set, and when it is configured."""
    passage = _passage("gate", noise="learned", state=tmp_path)
    fault = "mic: denoise.noise: nothing was learned yet: heardctl learn-noise mic: goes on with off"
    assert (passage.backend, passage.noise_in_force, passage.fault) == ("off", "tracked", fault)
    with pytest.raises(ProfileError, match="nothing was learned yet"):
        passage.set_backend("gate")
    assert (passage.backend, passage.fault) == ("off", fault)
    passage.set_noise("tracked")
    assert (passage.backend, passage.noise_in_force, passage.fault) == ("gate", "tracked", None)
    passage.configure(Denoise(backend="gate", noise="learned"))
    assert (passage.backend, passage.fault) == ("off", fault)
    profile = Profile(_hiss(16_000))
    passage.learned(profile)
    assert (passage.backend, passage.noise_in_force, passage.fault) == ("gate", "learned", None)
    passage.configure(Denoise(backend="gate", noise="/gone.wav"))
    assert passage.backend == "off"
    write(Profiles(tmp_path).path("mic"), profile)
    passage.set_noise("learned")
    assert (passage.backend, passage.noise_in_force, passage.fault) == ("gate", "learned", None)


def test_a_profile_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    write(Profiles(tmp_path).path("mic"), Profile(_hiss(16_000)))
    passage = _passage("gate", noise="learned", state=tmp_path)
    with pytest.raises(ProfileError, match=r"/gone\.wav: cannot be read"):
        passage.set_noise("/gone.wav")
    assert passage.noise_in_force == "learned"
    passage.set_backend("halver")
    assert passage.noise_in_force == "tracked"
    with pytest.raises(ProfileError, match="halver takes no noise profile; the backends that do are gate, "):
        passage.set_noise("learned")
    passage.set_backend("gate")
    assert passage.noise_in_force == "learned"


class Choosy(Halver):
    """Takes no profile, though it says that it does."""

    def with_noise(self, noise: Samples) -> Halver:
        """Break."""
        raise RuntimeError(f"{len(noise)} samples are not to my taste")


def test_a_backend_that_breaks_on_a_profile_is_not_used(tmp_path: Path) -> None:
    """Set, nothing changes; configured, the source goes on with off, and says so."""
    write(Profiles(tmp_path).path("mic"), Profile(_hiss(16_000)))
    registry = Registry({"choosy": Choosy, "off": Off})
    passage = Passage("mic", registry, Denoise(backend="choosy"), Profiles(tmp_path))
    with pytest.raises(BackendError, match="choosy: RuntimeError: 16000 samples are not to my taste"):
        passage.set_noise("learned")
    assert (passage.backend, passage.noise_in_force) == ("choosy", "tracked")
    assert not passage.fault
    passage.configure(Denoise(backend="choosy", noise="learned"))
    assert (passage.backend, passage.noise_in_force) == ("off", "tracked")
    assert passage.fault is not None
    assert passage.fault.endswith("not to my taste: goes on with off")


@pytest.mark.parametrize(
    ("key", "value", "wants"),
    [
        ("denoise.adaptive", 1, "must be true or false, not 1"),
        ("denoise.noise", 3, "must be tracked, learned or an absolute path, not 3"),
        ("denoise.mix", "0.3", "must be a number from 0 to 1, not '0.3'"),
        ("denoise.backend", None, "must be a name, not None"),
        (
            "denoise.strength",
            1,
            "must be one of denoise.backend, denoise.mix, denoise.noise, denoise.adaptive",
        ),
    ],
)
def test_a_value_of_another_kind_is_refused(key: str, value: object, wants: str) -> None:
    with pytest.raises(ValueError, match=wants):
        _passage().set_value(key, value)
