"""What the model replied, kept so that it is never asked the same thing twice.

One synced line a reply, keyed by a digest of all that can change it: the model, the messages, the schema.
A run that was killed goes on, and a recording made by the real model is replayed without one. A replay that
meets a prompt that was never recorded fails: nothing is made up.
"""

import json
import math
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.answer_file import LineFile
from simulator.errors import InputError, ModelRefusedError, SimulatorError, UnusableReplyError
from simulator.methods import Judge
from simulator.models import Lane, Message, Typed, YesNo
from simulator.prompts import digest_of

RECORDINGS = Path(__file__).parent / "recordings"


class MissingRecordingError(SimulatorError):
    """A prompt has changed, or is new, and no reply of this model to it is recorded."""


class _Speaker(Protocol):
    """What speaks, of a model."""

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = ...) -> Iterator[str]: ...


class Journal:
    """A judge that looks its replies up, and asks the model behind it (if any) for those that are not there."""

    def __init__(self, path: Path, name: str, model: Judge | None = None, also: Sequence[Path] = ()) -> None:
        """`also` are further recordings that replies are looked up in, and never written to."""
        self.name = name
        self.asked = 0
        self.replayed = 0
        self.seconds = 0.0
        """Time that the model took in this run."""
        self._model = model
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines = LineFile(path, "seconds")
        self._kept = {key: reply for one in (*also, path) for key, reply in _kept(one).items()}
        self._lock = threading.Lock()
        self._spent = threading.local()
        self._last = ""

    def yes_no(
        self, messages: Sequence[Message], lane: Lane = Lane.BACKGROUND, *, fresh: bool = False, take: str = ""
    ) -> YesNo:
        """The log-odds of yes. A `take` with a name is another reply to the same words, kept beside the first."""
        key = digest_of(self.name, *_texts(messages), *([take] if take else []))
        if (kept := self._found(key)) is not None:
            return YesNo(kept["odds"], kept.get("mass", math.nan))
        # A first look at these words is fresh also where a run goes on in their middle.
        words = messages[-1][1].rpartition("\n\n")[0]
        fresh, self._last = fresh or words != self._last, words
        started = time.monotonic()
        reply = self._behind(messages).yes_no(messages, lane, fresh=fresh)
        self._keep(key, {"odds": round(reply.log_odds, 4), "mass": round(reply.mass, 3)}, started)
        return YesNo(round(reply.log_odds, 4), round(reply.mass, 3))

    def typed(
        self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.BACKGROUND, *, take: str = ""
    ) -> Typed:
        """The typed reply; `take` as for `yes_no`."""
        key = digest_of(self.name, json.dumps(kind.model_json_schema()), *_texts(messages), *([take] if take else []))
        if (kept := self._found(key)) is not None:
            return kind.model_validate(kept["typed"])
        started = time.monotonic()
        reply = self._behind(messages).typed(messages, kind, lane)
        self._keep(key, {"typed": reply.model_dump(mode="json")}, started)
        return reply

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> Iterator[str]:
        """The reply in pieces. As much of it is kept as was listened to, and why it was of no use, if it was not."""
        key = digest_of(self.name, str(max_tokens), *_texts(messages))
        if (kept := self._found(key)) is not None:
            yield kept["said"]
            if kept["useless"]:
                raise UnusableReplyError(kept["useless"])
            return
        started, said, useless, whole = time.monotonic(), "", "", False
        try:
            for piece in cast(_Speaker, self._behind(messages)).stream(messages, max_tokens, lane):
                said += piece
                yield piece
            whole = True
        except GeneratorExit:  # the listener has heard enough
            whole = True
            raise
        except (UnusableReplyError, ModelRefusedError) as error:
            useless, whole = error.problem, True
            raise
        finally:
            if whole:
                self._keep(key, {"said": said, "useless": useless}, started)

    @property
    def spent(self) -> tuple[int, float]:
        """Replies that this thread was given so far, and the seconds that the model took for them when asked."""
        return getattr(self._spent, "calls", 0), getattr(self._spent, "seconds", 0.0)

    def _count(self, seconds: float) -> None:
        calls, before = self.spent
        self._spent.calls, self._spent.seconds = calls + 1, before + seconds

    def _found(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            kept = self._kept.get(key)
            self.replayed += kept is not None
        if kept is not None:
            self._count(float(kept["seconds"]))
        return kept

    def _behind(self, messages: Sequence[Message]) -> Judge:
        if self._model is None:
            raise MissingRecordingError(
                f"No reply of {self.name} is recorded to: “{messages[-1][1][-120:].strip()}”.",
                "Record it: python -m evals record.",
            )
        return self._model

    def _keep(self, key: str, reply: dict[str, Any], started: float) -> None:
        seconds = time.monotonic() - started
        line = {"id": key, **reply, "seconds": round(seconds, 2)}
        self._count(seconds)
        with self._lock:
            self._lines.add(line)
            self._kept[key] = line
            self.asked += 1
            self.seconds += seconds


def recording_of(model_name: str) -> Path:
    """Where the recordings of one model are kept."""
    safe = "".join(c if c.isalnum() or c in ".-_" else "-" for c in model_name)
    return RECORDINGS / f"{safe}.jsonl"


def _texts(messages: Sequence[Message]) -> list[str]:
    return [text for message in messages for text in message]


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {line["id"]: line for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a recording of replies.", "Remove it, or name another.") from error


class KeptEmbeddings(Embeddings):
    """Embeddings whose vectors are remembered, also from run to run: the same sentences come up all the time."""

    def __init__(self, behind: Embeddings, path: Path) -> None:
        self._behind = behind
        self._path = path
        self._new = False
        self._vectors: dict[str, Any] = {}
        # A store that is damaged is as good as none: all of it can be made again.
        with suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error), np.load(path) as kept:
            self._vectors = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        keys = [digest_of(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            vectors = self._behind.embed_documents(list(missing.values()))
            self._vectors |= {key: np.asarray(one, np.float32) for key, one in zip(missing, vectors, strict=True)}
            self._new = True
        return [self._vectors[key] for key in keys]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def save(self) -> None:
        """Write what came new, so that the next run starts with it."""
        if self._new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            vectors = np.stack(list(self._vectors.values()))
            fresh = self._path.with_suffix(".new.npz")
            np.savez(fresh, keys=np.array(list(self._vectors)), vectors=vectors)
            fresh.replace(self._path)
            self._new = False
