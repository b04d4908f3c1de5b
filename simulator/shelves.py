"""The indexes of one process: the shipped passages for all, and each user's own guides for that user alone.

A user's guides are an index of their own in a folder of their own, so that no search of another's can meet them, no
word of theirs weighs in another's scores, and a guide that comes makes nobody else's search wait.
"""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.library import Passage
from simulator.prompts import digest_of

if TYPE_CHECKING:  # heavy packages are imported where they are first used: the page is there at once
    from langchain_core.embeddings import Embeddings

    from simulator.index import PassageIndex

SHIPPED, GUIDES = "index", "guides"
MOST_OPEN = 32
"""Users whose guides are kept open; those who searched longest ago make room."""


class Shelves:
    """Safe to use from several threads."""

    def __init__(
        self, folder: Path, shipped: Sequence[Passage], embeddings: "Callable[[], tuple[Embeddings, str]]"
    ) -> None:
        """`folder` is where the program keeps its data; `embeddings` gives the embedding model and its id."""
        self._folder = folder
        self._passages = shipped
        self._embeddings = embeddings
        self._shipped: PassageIndex | None = None
        self._own: OrderedDict[str, PassageIndex] = OrderedDict()
        self._shipped_lock = threading.Lock()
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the shipped passages can be searched without a wait."""
        return self._shipped is not None

    def shipped(self) -> "PassageIndex":
        """The shipped passages alone. Raises StorageError."""
        from simulator.index import PassageIndex

        with self._shipped_lock:
            if self._shipped is None:
                self._shipped = PassageIndex(self._folder / SHIPPED, self._passages, *self._embeddings())
            return self._shipped

    def of(self, owner: str, guides: Sequence[Passage]) -> "PassageIndex":
        """What this user may find: the shipped passages and `guides`, which are all of the user's own; opened anew
        when a guide came or went. Raises StorageError."""
        from simulator.index import PassageIndex

        shipped = self.shipped()
        if not guides:
            self._close(owner)
            shutil.rmtree(self._place(owner), ignore_errors=True)  # what is left goes with the next search
            return shipped
        own = {**shipped.passages, **{passage.id: passage for passage in guides}}
        with self._lock:
            found = self._own.get(owner)
            if found is not None and found.passages == own:
                self._own.move_to_end(owner)
                return found
        found = PassageIndex(self._place(owner), guides, *self._embeddings(), shipped)
        with self._lock:
            self._own[owner] = found
            self._own.move_to_end(owner)
            while len(self._own) > MOST_OPEN:
                self._own.popitem(last=False)
        return found

    def forget(self, owner: str) -> None:
        """Remove the index of the user's guides, if there is one. Raises OSError."""
        self._close(owner)
        if (place := self._place(owner)).is_dir():
            shutil.rmtree(place)

    def _close(self, owner: str) -> None:
        with self._lock:
            self._own.pop(owner, None)

    def _place(self, owner: str) -> Path:
        return self._folder / GUIDES / digest_of(owner)
