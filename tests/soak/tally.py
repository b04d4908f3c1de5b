"""What a run counted, and whether it kept the promise. One shape for every way to break the program."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """`broken` is the number of times that the program was broken; `faults` says in words what was then not as
    promised, and is empty where all was."""

    what: str
    broken: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return self.broken > 0 and not self.faults

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a fault unless this holds."""
        if not holds:
            self.faults.append(otherwise)
