"""The broker's list of instruments: read, and asked what a person means by a symbol or a key.

Decides which row of the list a written name is, and which instruments may be traded. A key is
copied as the list has it, never put together; a name that could mean two things is refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, Self

from core.errors import ConfigError, ProtocolViolation
from core.types import Instrument, InstrumentId, SessionClass
from providers.upstox.master_rows import rows_of

SHARES, INDICES = "NSE_EQ", "NSE_INDEX"
COMMON_SHARE = "EQ"  # the series that is meant when a symbol stands for several rows
NAMED = 10  # faults in a message
MAX_TICK_PAISE = 100_000

# Stricter than the list is known to be long: what does not fit is kept out, and never in a path.
KEY = re.compile(r"NSE_EQ\|[A-Z0-9]{6,20}|NSE_INDEX\|[A-Za-z0-9][A-Za-z0-9 &_.:/+-]{0,59}")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 &_.:/+-]{0,59}")


class Renamed(NamedTuple):
    """A key or symbol that people still write, and what it is called since `day`."""

    written: str
    now: str
    day: str
    source: str


RENAMED: Mapping[str, Renamed] = {
    one.written: one
    for one in (
        Renamed(
            "NSE_EQ|INE296A01024",
            "NSE_EQ|INE296A01032",
            "2025-06-16",
            "Bajaj Finance split its share: a new ISIN (market.md 5)",
        ),
        Renamed(
            "TATAMOTORS",
            "TMPV",
            "2025-10-24",
            "Tata Motors became Tata Motors Passenger Vehicles (market.md 5)",
        ),
    )
}


class Margin(NamedTuple):
    """What the broker asks for an intraday position."""

    percent: float
    leverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of the list, of a share or an index; `margin` None: it may not be traded intraday."""

    key: str
    symbol: str
    name: str
    series: str  # instrument_type: EQ, BE, SM ..., INDEX
    security: str = ""  # NORMAL, SME, PCA, IPO
    tick_paise: int | None = None  # None: an index, or not told
    lot: int = 1
    freeze_quantity: int | None = None
    closing_auction: bool = False
    margin: Margin | None = None

    @property
    def is_index(self) -> bool:
        return self.key.startswith(INDICES)

    def __str__(self) -> str:
        """Symbol and key, as they are shown together everywhere."""
        return f"{self.symbol} ({self.key})"

    def instrument(self, *, is_watched: bool = False) -> Instrument:
        """As the core has it. An index keeps the hours of its shares, which have the auction."""
        has_auction = self.closing_auction or self.is_index
        session_class = SessionClass.CASH_AUCTION if has_auction else SessionClass.CASH
        return Instrument(
            InstrumentId(self.key),
            self.symbol,
            session_class,
            self.tick_paise,
            is_watched=is_watched,
        )


class Resolved(NamedTuple):
    """What configured names mean, in their order, and what a person should know of them."""

    listed: tuple[Listed, ...]
    notices: tuple[str, ...]


class Chosen(NamedTuple):
    """The instruments of a day, those that are only watched behind the others."""

    instruments: tuple[Instrument, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Master:
    """The list of a day.

    `kept_out`: rows that cannot be used, by key, with the reason. `tells_intraday`: the list of
    shares that may be traded intraday was there as well.
    """

    by_key: Mapping[str, Listed]
    by_symbol: Mapping[str, tuple[Listed, ...]]
    kept_out: Mapping[str, str]
    tells_intraday: bool

    @classmethod
    def of(cls, packed: bytes, packed_intraday: bytes | None = None) -> Self:
        """Read the files as the broker serves them. Raises ProtocolViolation, in one line."""
        by_key, kept_out = _listed(rows_of(packed, "instrument master"))
        if not by_key:
            raise ProtocolViolation(f"instrument master: no usable row of {SHARES} or {INDICES}")
        if packed_intraday is not None:
            margins = _margins(rows_of(packed_intraday, "intraday list"))
            by_key |= {
                key: replace(by_key[key], margin=margin)
                for key, margin in margins.items()
                if key in by_key
            }
        by_symbol: dict[str, tuple[Listed, ...]] = {}
        for one in by_key.values():
            by_symbol[one.symbol] = (*by_symbol.get(one.symbol, ()), one)
        return cls(by_key, by_symbol, kept_out, packed_intraday is not None)

    def choose(self, traded: Sequence[str], watched: Sequence[str] = ()) -> Chosen:
        """Raises ConfigError as `resolve`, and for what would be traded and may not be."""
        listed, notices = self.resolve([*traded, *watched])
        held = [reason for one in listed[: len(traded)] if (reason := self.untradable(one))]
        if held:
            raise ConfigError(f"{_told(held)}: name it in watch, not in symbols")
        instruments = [
            one.instrument(is_watched=number >= len(traded)) for number, one in enumerate(listed)
        ]
        return Chosen(tuple(instruments), notices)

    def resolve(self, configured: Sequence[str]) -> Resolved:
        """Each a symbol, a key, or both as `SYMBOL=KEY`.

        Raises ConfigError naming every one that is unknown, ambiguous, contradicted by the list or
        meant twice.
        """
        found: list[Listed] = []
        notices: list[str] = []
        faults: list[str] = []
        for written in configured:
            try:
                one, told = self._one(written)
            except ConfigError as error:
                faults.append(str(error))
                continue
            notices += told
            same = [other for other in found if one.symbol == other.symbol or one.key == other.key]
            faults += [f"{written} is {one}, and {other} is asked for too" for other in same]
            found.append(one)
        if faults:
            raise ConfigError(_told(faults))
        return Resolved(tuple(found), tuple(notices))

    def untradable(self, one: Listed) -> str | None:
        """Why an instrument may be watched, not traded; None: it may be traded."""
        if one.is_index:
            return f"{one}: an index is not traded"
        if not self.tells_intraday:
            return f"{one}: the list of shares that may be traded intraday is not known"
        return None if one.margin else f"{one}: the broker does not allow it intraday"

    # --- one name ----------------------------------------------------------------------------

    def _one(self, written: str) -> tuple[Listed, list[str]]:
        symbol, pair, key = written.partition("=")
        notices: list[str] = []
        if not pair:
            return self._named(written, notices), notices
        by_symbol, by_key = self._named(symbol, notices), self._named(key, notices)
        if by_symbol.key != by_key.key:
            raise ConfigError(
                f"{written} contradicts the instrument master: {symbol} is {by_symbol.key},"
                f" {key} is {by_key.symbol}"
            )
        return by_symbol, notices

    def _named(self, name: str, notices: list[str]) -> Listed:
        known = self._known(name)
        if known is None and (renamed := RENAMED.get(name)) is not None:
            known = self._known(renamed.now)
            if known is not None:
                notices.append(f"{name} is {known} since {renamed.day}: {renamed.source}")
        if known is not None:
            return known
        if name in self.kept_out:
            raise ConfigError(f"{name} cannot be used: {self.kept_out[name]}")
        raise ConfigError(f"{name} is not in the instrument master{self._nearest(name)}")

    def _known(self, name: str) -> Listed | None:
        """Raises ConfigError where a symbol stands for several rows and none of them is meant."""
        if name in self.by_key:
            return self.by_key[name]
        rows = self.by_symbol.get(name, ())
        common = [one for one in rows if one.series == COMMON_SHARE]
        meant = common if len(rows) > 1 else rows
        if rows and len(meant) != 1:
            told = ", ".join(f"{one.key} ({one.series})" for one in rows)
            raise ConfigError(f"{name} is not unique: give one of the keys {told}")
        return meant[0] if meant else None

    def _nearest(self, name: str) -> str:
        wanted, known = (name, self.by_key) if "|" in name else (name.upper(), self.by_symbol)
        rows = [self.by_key.get(one) or self.by_symbol[one][0] for one in _close(wanted, known)]
        return f"; did you mean {', '.join(map(str, rows))}?" if rows else ""


def _told(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return "; ".join(faults[:NAMED]) + more


def _close(name: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(name, list(known), n=3)


# --- rows ----------------------------------------------------------------------------------------


def _listed(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Listed], dict[str, str]]:
    """The rows of the segments we trade; of equal rows one. Raises ProtocolViolation."""
    found: dict[str, Listed] = {}
    kept_out: dict[str, str] = {}
    for row in rows:
        if row["segment"] not in (SHARES, INDICES):
            continue
        key = str(row["instrument_key"])
        try:
            one = _row(row)
        except ValueError as error:
            kept_out[key] = kept_out[str(row["trading_symbol"])] = str(error)
            continue
        before = found.setdefault(key, one)
        if before != one:
            raise ProtocolViolation(f"instrument master: two rows of {key} differ")
    return found, kept_out


def _row(row: Mapping[str, Any]) -> Listed:
    """Raises ValueError for a row that says what cannot be."""
    key, symbol = str(row["instrument_key"]), str(row["trading_symbol"])
    if not KEY.fullmatch(key) or not key.startswith(f"{row['segment']}|"):
        raise ValueError(f"key {key!r:.80} is not of the form we trade")
    if not SYMBOL.fullmatch(symbol):
        raise ValueError(f"symbol {symbol!r:.80} is not of the form we trade")
    is_index = row["segment"] == INDICES
    closing_auction = row.get("cas_eligible", False)
    if not isinstance(closing_auction, bool):
        raise ValueError(f"cas_eligible {closing_auction!r:.20} is neither true nor false")
    return Listed(
        key=key,
        symbol=symbol,
        name=str(row["name"]),
        series=str(row["instrument_type"]),
        security=str(row.get("security_type", "")),
        tick_paise=None if is_index else _count(row, "tick_size", MAX_TICK_PAISE),
        lot=1 if is_index else _count(row, "lot_size"),
        freeze_quantity=_count(row, "freeze_quantity") if "freeze_quantity" in row else None,
        closing_auction=closing_auction,
    )


def _count(row: Mapping[str, Any], name: str, largest: int = 10**12) -> int:
    """A positive whole number, which the list writes as 5.0. Raises ValueError."""
    value = row.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= largest:
        count = int(value)
        if count == value:
            return count
    raise ValueError(f"{name} {value!r:.40} is not a whole number from 1 to {largest}")


def _margins(rows: Iterable[Mapping[str, Any]]) -> dict[str, Margin]:
    """By key; a margin that is not told or cannot be is a share that may not be traded."""
    margins = {}
    for row in rows:
        told = [row.get(name) for name in ("intraday_margin", "intraday_leverage")]
        numbers = [float(one) for one in told if isinstance(one, int | float) and one > 0]
        if len(numbers) == len(told) and row["segment"] == SHARES:
            margins[str(row["instrument_key"])] = Margin(*numbers)
    return margins
