"""Two accounts of the same day, layer by layer: the first row that differs, with both values.

Decides in which order layers are looked at (that of cause and effect) and how a row is named.
Knows nothing of where the rows come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from core.session import ist_text
from stores.chain import canonical_json

Row = dict[str, object]

# From cause to effect. Opening, state and closing are those of strategies and account: before the
# first Minute, as they show in the gates of each strategy bar, and after the last Minute.
LAYERS = (
    "tick",
    "minute",
    "opening",
    "bar",
    "state",
    "signal",
    "refusal",
    "order",
    "fill",
    "trade",
    "breaker",
    "closing",
    "cash",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """Rows of one kind in order.

    Args:
        key: columns that name a row.
        parts: the finer rows of a row that is known by its digest only.
        part_key: columns that name these.
    """

    name: str
    key: tuple[str, ...]
    rows: Sequence[Row]
    parts: Callable[[int], Sequence[Row]] | None = None
    part_key: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the rows as lines of canonical JSON."""
        digest = sha256()
        for row in self.rows:
            digest.update(f"{canonical_json(row, self.name)}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that is not the same. A value None: there is no such row."""

    layer: str
    row: str
    field: str
    ours: object
    theirs: object

    def text(self, ours: str, theirs: str) -> str:
        """One line; `ours` and `theirs` name the two sides."""
        what = f"{self.layer}: {self.row}"
        if self.field:
            what += f", {self.field}"
        return f"{what}: {ours} {_value(self.ours)}, {theirs} {_value(self.theirs)}"


def first_difference(ours: Layer, theirs: Layer) -> Difference | None:
    """Row by row, inside a row column by column: those that both sides have."""
    for number in range(max(len(ours.rows), len(theirs.rows))):
        if number >= len(ours.rows):
            return Difference(ours.name, _named(theirs, number), "", None, "there is one")
        if number >= len(theirs.rows):
            return Difference(ours.name, _named(ours, number), "", "there is one", None)
        mine, other = ours.rows[number], theirs.rows[number]
        for field in [name for name in mine if name in other]:
            if not _same(mine[field], other[field]):
                found = _finer(ours, theirs, number)
                row = _named(ours, number)
                return found or Difference(ours.name, row, field, mine[field], other[field])
    return None


def _finer(ours: Layer, theirs: Layer, number: int) -> Difference | None:
    """The difference inside a row, if both sides can tell what it is made of."""
    if ours.parts is None or theirs.parts is None:
        return None
    parts = [
        Layer(side.name, side.part_key, side.parts(number)) for side in (ours, theirs) if side.parts
    ]
    return first_difference(parts[0], parts[1])


def known_to(theirs: Layer, ours: Layer) -> Layer:
    """The rows of `ours` whose key `theirs` has too."""
    known = {tuple(row.get(name) for name in theirs.key) for row in theirs.rows}
    kept = [
        number
        for number, row in enumerate(ours.rows)
        if tuple(row.get(name) for name in ours.key) in known
    ]
    parts = ours.parts
    return replace(
        ours,
        rows=[ours.rows[number] for number in kept],
        parts=None if parts is None else lambda number: parts(kept[number]),
    )


def _same(ours: object, theirs: object) -> bool:
    return ours == theirs or repr(ours) == repr(theirs)  # NaN, also inside a list, is itself


def _named(layer: Layer, number: int) -> str:
    row = layer.rows[number]
    words = [
        ist_text(int(str(row[name]))) if name.endswith("_ns") else str(row[name])
        for name in layer.key
        if row.get(name) is not None
    ]
    return " ".join(words) or f"row {number + 1}"


def _value(value: object) -> str:
    return "has none" if value is None else f"{value}"
