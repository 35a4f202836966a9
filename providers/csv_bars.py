"""CSV files of bars, read into `RawBars` block by block, so that memory does not grow with a line.

It decides what a CSV may look like: UTF-8, commas, a header with the seven names, every line ended,
plain decimal numbers, ISO-8601 times with an offset (or a declared zone). It never guesses: the
first line that is anything else is refused by its number; the header is row 1.
"""

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import DataError
from providers.raw_bars import (
    COLUMNS,
    FIRST_YEAR,
    LAST_YEAR,
    PRICES,
    RawBars,
    SourceLayout,
    joined,
    require_sound,
)

MAX_FILE_BYTES = 2 << 30
MAX_LINE_BYTES = 4 << 10
BLOCK_BYTES = 4 << 20
NS_PER_S = 1_000_000_000

COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
PRICE = r"^-?[0-9]{1,15}(\.[0-9]{1,30})?$"
VOLUME = r"^([0-9]{1,18}(\.0{1,15})?)?$"  # none: 0
CLOCK = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
OFFSET = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
QUOTED_LINE = re.compile(rb'(?:"[^",\n]*"|[^",\n]*)(?:,(?:"[^",\n]*"|[^",\n]*))*')


def read_csv(path: Path, chosen: Sequence[str] | None, layout: SourceLayout) -> RawBars:
    """Read one CSV file.

    Args:
        chosen: symbols whose rows are wanted and checked; None: all. The form of every line is
            checked in any case.

    Raises:
        DataError: naming file, row, value and reason.
    """
    reader = _Reader(path, chosen, layout)
    parts = [reader.rows(first_row, block) for first_row, block in reader.blocks()]
    if not parts:
        raise DataError(f"{path}: has a header and no rows")
    return joined(parts, frozenset(reader.symbols))


class _Reader:
    """One pass over one file; knows the header's columns and the symbols met so far."""

    def __init__(self, path: Path, chosen: Sequence[str] | None, layout: SourceLayout) -> None:
        self.path = path
        self.chosen = None if chosen is None else list(chosen)
        self.layout = layout
        self.symbols: set[str] = set()
        self.width = 0
        self.columns: dict[str, int] = {}

    def place(self, row: int) -> str:
        return f"{self.path} row {row}"

    def refuse(self, row: int, reason: str) -> DataError:
        return DataError(f"{self.place(row)}: {reason}")

    # --- lines ---------------------------------------------------------------------------------

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines below the header, a block at a time, with the row number of the first."""
        row, rest = 1, b""
        for chunk in self._chunks():
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                row += lines.count(b"\n") + len(newline)
                raise self.refuse(row, f"a line of over {MAX_LINE_BYTES} bytes")
            block = lines + newline
            if row == 1 and block:
                header, _, block = block.partition(b"\n")
                self._read_header(header)
                row = 2
            if block:
                yield row, self._checked(row, block)
                row += block.count(b"\n")
        if rest:
            raise self.refuse(row, "the last line has no line end: the file is cut off")
        if row == 1:
            raise DataError(f"{self.path}: is empty")

    def _chunks(self) -> Iterator[bytes]:
        try:
            size = self.path.stat().st_size
            if size > MAX_FILE_BYTES:
                raise DataError(f"{self.path}: {size} bytes, over the limit of {MAX_FILE_BYTES}")
            with self.path.open("rb") as file:
                start = True
                while chunk := file.read(BLOCK_BYTES):
                    yield self._without_bom(chunk) if start else chunk
                    start = False
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error

    def _without_bom(self, chunk: bytes) -> bytes:
        for magic, kind in COMPRESSED.items():
            if chunk.startswith(magic):
                raise DataError(f"{self.path}: is {kind}-compressed; unpack it first")
        if chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{self.path}: is UTF-16; save it as UTF-8")
        return chunk.removeprefix(b"\xef\xbb\xbf")

    def _read_header(self, line: bytes) -> None:
        line = self._checked(1, line + b"\n").rstrip(b"\n")
        names = line.decode().split(",")
        self.width = len(names)
        wanted = {column: self.layout.name_of(column) for column in COLUMNS}
        missing = [name for name in wanted.values() if name not in names]
        if missing:
            other = next((sep for sep in (";", "\t", "|") if sep in names[0]), None)
            hint = f"; fields are separated by {other!r}, not by a comma" if other else ""
            raise self.refuse(1, f"the header has no column {', '.join(missing)}{hint}")
        twice = [name for name in wanted.values() if names.count(name) > 1]
        if twice:
            raise self.refuse(1, f"the header has column {twice[0]} twice")
        self.columns = {column: names.index(name) for column, name in wanted.items()}

    def _checked(self, row: int, block: bytes) -> bytes:
        """`block` with plain line ends and without quotes; refuses malformed lines."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        for byte, reason in ((b"\0", "a NUL byte"), (b"\r", "a carriage return inside the line")):
            if byte in block:
                raise self.refuse(row + block.count(b"\n", 0, block.index(byte)), reason)
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                bad_row = row + block.count(b"\n", 0, error.start)
                raise self.refuse(bad_row, "not UTF-8") from error
        if b'"' in block:
            block = self._unquoted(row, block)
        self._require_fields(row, block)
        return block

    def _unquoted(self, row: int, block: bytes) -> bytes:
        """Quotes around a whole field are harmless; any other use of them is refused."""
        for index, line in enumerate(block.split(b"\n")):
            if b'"' in line and QUOTED_LINE.fullmatch(line) is None:
                reason = "a quote inside a field, or a comma or line end inside quotes"
                raise self.refuse(row + index, reason)
        return block.replace(b'"', b"")

    def _require_fields(self, row: int, block: bytes) -> None:
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        lengths = np.diff(ends, prepend=-1) - 1
        if lengths.max() > MAX_LINE_BYTES:
            index = int(np.argmax(lengths > MAX_LINE_BYTES))
            raise self.refuse(row + index, f"a line of over {MAX_LINE_BYTES} bytes")
        if not self.width:
            return
        commas = np.flatnonzero(data == ord(","))
        fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
        wrong = fields != self.width
        if wrong.any():
            index = int(np.argmax(wrong))
            raise self.refuse(
                row + index,
                f"{fields[index]} fields, the header has {self.width} "
                "(a thousand separator, or a line cut off)",
            )

    # --- fields --------------------------------------------------------------------------------

    def rows(self, first_row: int, block: bytes) -> RawBars:
        """The chosen rows of one block, each of them sound."""
        text = pl.read_csv(
            BytesIO(block),
            has_header=False,
            schema={str(index): pl.String for index in range(self.width)},
            quote_char=None,
        ).select(**{column: pl.col(str(index)) for column, index in self.columns.items()})
        text = text.fill_null("").with_row_index("row", offset=first_row)
        self.symbols.update(text["symbol"].unique())
        if self.chosen is not None:
            text = text.filter(pl.col("symbol").is_in(self.chosen))
        self._require_forms(text)
        stamp_ns = _stamps_ns(text, self.layout.zone)
        if stamp_ns.null_count():
            index = int(stamp_ns.is_null().arg_max() or 0)
            raise self._bad_field(text, index, "ts", "is not a time that exists")
        whole = pl.col("volume").str.replace(r"\.0*$", "").replace("", "0").cast(pl.Int64)
        numbers = text.select(*(pl.col(name).cast(pl.Float64) for name in PRICES), whole)
        bars = RawBars(
            symbols=frozenset(),
            symbol=text["symbol"],
            stamp_ns=stamp_ns.to_numpy(),
            open=numbers["open"].to_numpy(),
            high=numbers["high"].to_numpy(),
            low=numbers["low"].to_numpy(),
            close=numbers["close"].to_numpy(),
            volume=numbers["volume"].to_numpy(),
            row=text["row"].to_numpy().astype(np.int64),
            null_volumes=int((text["volume"] == "").sum()),
            locate=self.place,
        )
        require_sound(bars)
        return bars

    def _require_forms(self, text: pl.DataFrame) -> None:
        """Refuse the first row with a field that is not written as it must be."""
        stamp = CLOCK + (OFFSET if self.layout.zone is None else "$")
        year = pl.col("ts").str.slice(0, 4).cast(pl.Int32, strict=False)
        well_formed = {
            "ts": pl.col("ts").str.contains(stamp) & year.is_between(FIRST_YEAR, LAST_YEAR),
            **{name: pl.col(name).str.contains(PRICE) for name in PRICES},
            "volume": pl.col("volume").str.contains(VOLUME),
        }
        verdicts = text.select(
            **{name: claim.fill_null(False) for name, claim in well_formed.items()}
        )
        sound = verdicts.select(pl.all_horizontal(pl.all()))["ts"].to_numpy()
        if sound.all():
            return
        index = int(np.argmin(sound))
        column = next(name for name in verdicts.columns if not verdicts[name][index])
        value = str(text[column][index])
        if column == "ts":
            reason = _time_complaint(value, self.layout.zone)
        elif column == "volume":
            reason = _volume_complaint(value)
        else:
            reason = _number_complaint(value)
        raise self._bad_field(text, index, column, reason)

    def _bad_field(self, text: pl.DataFrame, index: int, column: str, reason: str) -> DataError:
        told = f"{text['symbol'][index]} {text['ts'][index]}"
        return self.refuse(
            int(text["row"][index]), f"{told}: {column} {str(text[column][index])!r} {reason}"
        )


def _stamps_ns(text: pl.DataFrame, zone: str | None) -> pl.Series:
    """Nanoseconds of well-formed stamps; null where there is no such date, hour or offset."""
    ts = pl.col("ts")

    def number(pattern: str) -> pl.Expr:
        return ts.str.extract(pattern).cast(pl.Int64).fill_null(0)

    def below(value: pl.Expr, limit: int) -> pl.Expr:
        return pl.when(value < limit).then(value)

    days = ts.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    hours = below(ts.str.slice(11, 2).cast(pl.Int64), 24)
    minutes = below(ts.str.slice(14, 2).cast(pl.Int64), 60)
    seconds = below(number(r"^.{16}:([0-9]{2})"), 60)
    fraction = ts.str.extract(r"\.([0-9]+)").str.pad_end(9, "0").cast(pl.Int64).fill_null(0)
    local_s = days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    local_ns = local_s * NS_PER_S + fraction
    if zone is not None:
        local = local_ns.cast(pl.Datetime("ns")).dt.replace_time_zone(
            zone, ambiguous="null", non_existent="null"
        )
        return text.select(local.to_physical().alias("ns"))["ns"]
    offset_hours = below(number(r"[+-]([0-9]{2}):?[0-9]{2}$"), 15)
    offset_minutes = below(number(r"[+-][0-9]{2}:?([0-9]{2})$"), 60)
    east = pl.when(ts.str.contains(r"-[0-9]{2}:?[0-9]{2}$")).then(-1).otherwise(1)
    offset_ns = east * (offset_hours * 60 + offset_minutes) * (60 * NS_PER_S)
    return text.select((local_ns - offset_ns).alias("ns"))["ns"]


# --- complaints --------------------------------------------------------------------------------


def _time_complaint(value: str, zone: str | None) -> str:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return "is a number: an epoch's unit would be a guess, write ISO-8601"
    if re.match(CLOCK, value) is None:
        return "is not ISO-8601 (2026-07-22T09:15:00+05:30)"
    if not FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
        return f"is not in the years {FIRST_YEAR} to {LAST_YEAR}"
    if zone is not None and re.search(OFFSET, value[16:]):
        return f"has an offset of its own, --zone {zone} is for times without one"
    if re.fullmatch(CLOCK, value):
        return "has no offset: write one, or declare --zone when importing"
    return "is not ISO-8601 (2026-07-22T09:15:00+05:30)"


def _volume_complaint(value: str) -> str:
    if re.fullmatch(r"-[0-9]+(\.[0-9]+)?", value):
        return "is negative"
    if re.fullmatch(r"[0-9]+\.[0-9]+", value):
        return "is not a whole number"
    return _number_complaint(value)


def _number_complaint(value: str) -> str:
    if not value:
        return "is missing"
    if value.lower().lstrip("+-") in {"nan", "inf", "infinity", "null", "none", "na", "n/a"}:
        return "is not a finite number"
    if re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", value):
        return "is in scientific notation"
    if re.fullmatch(r"[0-9]+([ _'\u00a0][0-9]+)+(\.[0-9]+)?", value):
        return "has thousand separators"
    return "is not a plain decimal number"
