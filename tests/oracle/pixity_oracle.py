"""The oracle: PixityAI traded on history, written a second time from the specification.

`run` follows pixity.md 5, 6 and 8 Minute by Minute with ordinary objects and loops; where the
product disagrees with it, one of the two has misread the text. It must never import from the
product, and clarity comes before speed.
"""

import math
from dataclasses import dataclass
from datetime import date

from tests.oracle.chart import Bar, Event, Parameters, Reading
from tests.oracle.instrument import Entry, Instrument, Position
from tests.oracle.market import (
    EPOCH,
    MINUTE_NS,
    Calendar,
    Row,
    Rows,
    date_ist,
    fee_paise,
    load,
    tick_paise,
    to_tick,
    value_paise,
)

__all__ = ["Result", "load", "run"]

Record = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Result:
    signals: list[Record]
    trades: list[Record]


def run(
    rows: Rows,
    *,
    symbols: list[str],
    base_minutes: int = 1,
    session: str = "nse",
    closing_auction: str | set[str] = "all",
    from_day: str | None = None,
    to_day: str | None = None,
    strategy: str = "pixity",
    **parameters: object,
) -> Result:
    """The signals and trades of `tradingd backtest`, as cli.md 3 lists them but for signal_id.

    `rows` carry open labels; their order does not matter. `parameters` are keys of
    `Parameters`, in rupees and units of pixity.md; an unknown one is a TypeError.
    """
    if session == "24x7":
        parameters = {"slippage_bps": 5.0, "fee_profile": "bps", **parameters}
    backtest = _Backtest(
        calendar=Calendar(session, closing_auction),
        parameters=Parameters(**parameters),  # type: ignore[arg-type]
        strategy=strategy,
        base_ns=base_minutes * MINUTE_NS,
    )
    backtest.play(
        {symbol: rows[symbol] for symbol in symbols},
        first_day=_day_number(from_day, default=0),
        last_day=_day_number(to_day, default=10**9),
    )
    order = {symbol: index for index, symbol in enumerate(symbols)}
    backtest.trades.sort(key=lambda trade: (trade["entry_ns"], order[str(trade["instrument"])]))
    return Result(backtest.signals, backtest.trades)


def _day_number(day: str | None, *, default: int) -> int:
    return default if day is None else (date.fromisoformat(day) - EPOCH).days


class _Backtest:
    def __init__(
        self, *, calendar: Calendar, parameters: Parameters, strategy: str, base_ns: int
    ) -> None:
        self.calendar = calendar
        self.p = parameters
        self.strategy = strategy
        self.base_ns = base_ns
        self.instruments: list[Instrument] = []
        self.signals: list[Record] = []
        self.trades: list[Record] = []
        self.trading = False
        self.on = EPOCH
        """The IST date that ticks and charges are looked up with."""
        self.initial_paise = round(parameters.initial_cash * 100)
        self.closed_net_paise = 0
        self.realised_today_paise = 0
        self.entries_today = 0
        self.day_loss = False

    # -------------------------------------------------------------- days and Minutes

    def play(self, rows: Rows, *, first_day: int, last_day: int) -> None:
        day_of = self.calendar.day
        self.instruments = [
            Instrument(symbol, [row for row in own if day_of(row[0]) <= last_day], self.p)
            for symbol, own in rows.items()
        ]
        opens = [open_ns for instrument in self.instruments for open_ns in instrument.rows]
        if not opens:
            return
        if self.calendar.is_nse:
            # Nothing is held or pending overnight, so a date without rows changes nothing.
            days = sorted({day_of(open_ns) for open_ns in opens})
        else:
            days = list(range(day_of(min(opens)), day_of(max(opens)) + 1))
        for day in days:
            self.trading = day >= first_day
            self.play_day(day, max(opens))

    def play_day(self, day: int, last_open_ns: int) -> None:
        self.realised_today_paise = 0
        self.entries_today = 0
        self.day_loss = False
        minutes: list[dict[int, int]] = []
        for instrument in self.instruments:
            instrument.session = self.calendar.session(day, instrument.symbol)
            own = instrument.session.minutes(self.base_ns) if instrument.session else ()
            minutes.append({close_ns: open_ns for open_ns, close_ns in own})
        for close_ns in sorted(set().union(*minutes)):
            here = [
                (instrument, own[close_ns])
                for instrument, own in zip(self.instruments, minutes, strict=True)
                if close_ns in own
            ]
            data_ends = not self.calendar.is_nse and here[0][1] == last_open_ns
            self.minute(day, close_ns, here)
            for instrument, _ in here:
                assert instrument.session is not None
                if data_ends or (self.calendar.is_nse and close_ns == instrument.session.close_ns):
                    self.finish(instrument)
            if data_ends:
                return

    def minute(self, day: int, close_ns: int, here: list[tuple[Instrument, int]]) -> None:
        self.on = date_ist(here[0][1])
        closed: list[tuple[Instrument, Bar]] = []
        for instrument, open_ns in here:  # (a)
            row = instrument.rows.get(open_ns)
            if row is not None:
                assert instrument.session is not None
                instrument.last, instrument.last_close_ns = row, close_ns
                instrument.builder.add(row, instrument.session, day)
                self.exchange(instrument, row, close_ns)
            bar = instrument.builder.close(close_ns)
            if bar is not None:
                closed.append((instrument, bar))
                if instrument.position is not None:
                    instrument.position.bars_held += 1
        for instrument, _ in here:  # (b)
            self.time_rules(instrument, close_ns)
        if self.realised_today_paise + self.unrealised_paise() <= -self.p.max_daily_loss * 100:
            self.day_loss = True
        for instrument, bar in closed:  # (c)
            reading, events = instrument.chart.add(bar)
            if self.trading:
                self.signal(instrument, reading, events)

    # -------------------------------------------------------------- (a) the exchange

    def exchange(self, instrument: Instrument, row: Row, close_ns: int) -> None:
        open_ns, opens, high, low, _, _ = row
        entered = instrument.entry is not None
        if instrument.entry is not None:
            self.enter(instrument, instrument.entry, opens, open_ns)
        position = instrument.position
        if position is None:
            return
        position.low, position.high = min(position.low, low), max(position.high, high)
        sign = position.entry.sign
        worst, best = (low, high) if sign > 0 else (high, low)
        if position.exit_reason is not None:
            price = self.market_price(opens, -sign)
            self.leave(instrument, position, price, open_ns, position.exit_reason)
        elif not entered and sign * opens <= sign * position.stop:
            self.leave(instrument, position, self.market_price(opens, -sign), open_ns, "STOP")
        elif sign * worst <= sign * position.stop:
            price = self.market_price(position.stop, -sign)
            self.leave(instrument, position, price, close_ns, "STOP")
        elif not entered and sign * opens >= sign * position.target:
            self.leave(instrument, position, opens, open_ns, "TARGET")
        elif sign * best >= sign * position.target:
            self.leave(instrument, position, position.target, close_ns, "TARGET")

    def market_price(self, price: float, sign: int) -> float:
        """The price of a market order that buys (+1) or sells (-1) where the market is `price`."""
        return self.on_tick(price * (1 + sign * self.p.slippage_bps / 10_000), sign)

    def on_tick(self, price: float, direction: int) -> float:
        tick = tick_paise(price, self.on) if self.calendar.is_nse else 1
        return to_tick(price, tick, up=direction > 0)

    def enter(self, instrument: Instrument, entry: Entry, price: float, at_ns: int) -> None:
        sign = entry.sign
        fill = self.market_price(price, sign)
        value = value_paise(entry.quantity, fill)
        instrument.entry = None
        instrument.position = Position(
            entry=entry,
            entry_ns=at_ns,
            price=fill,
            value=value,
            fee=fee_paise(self.p.fee_profile, value, self.on, is_buy=sign > 0),
            stop=self.on_tick(fill - sign * self.p.sl_mult * entry.atr, -sign),
            target=self.on_tick(fill + sign * self.p.tp_mult * entry.atr, sign),
            low=math.inf,
            high=-math.inf,
        )

    def leave(
        self, instrument: Instrument, position: Position, price: float, at_ns: int, reason: str
    ) -> None:
        entry, sign = position.entry, position.entry.sign
        value = value_paise(entry.quantity, price)
        gross = sign * (value - position.value)
        exit_fee = fee_paise(self.p.fee_profile, value, self.on, is_buy=sign < 0)
        fees = position.fee + exit_fee
        below = max(0.0, position.price - position.low)
        above = max(0.0, position.high - position.price)
        self.trades.append(
            {
                "strategy": self.strategy,
                "instrument": instrument.symbol,
                "side": _side(sign),
                "quantity": entry.quantity,
                "kind": entry.kind,
                "signal_bar_open_ns": entry.bar.open_ns,
                "entry_ns": position.entry_ns,
                "entry_price": position.price,
                "exit_ns": at_ns,
                "exit_price": price,
                "exit_reason": reason,
                "bars_held": position.bars_held,
                "gross_paise": gross,
                "fees_paise": fees,
                "net_paise": gross - fees,
                "r": (gross - fees) / 100 / self.p.risk_per_trade,
                "mae": below if sign > 0 else above,
                "mfe": above if sign > 0 else below,
            }
        )
        instrument.position = None
        instrument.exit_bar_open_ns = instrument.last[0]
        self.closed_net_paise += gross - fees
        self.realised_today_paise += gross - fees

    # -------------------------------------------------------------- (b) time rules, last Minute

    def time_rules(self, instrument: Instrument, close_ns: int) -> None:
        square_off = self.calendar.is_nse and close_ns >= self.before_close(
            instrument, self.p.square_off_minutes
        )
        if square_off:
            instrument.entry = None
        position = instrument.position
        if position is None or position.exit_reason is not None:
            return
        if square_off:
            reason = "SQUARE_OFF"
        elif position.bars_held >= self.p.time_stop_bars:
            reason = "TIME"
        else:
            return
        if self.p.fill_on == "close":
            price = self.market_price(instrument.last[4], -position.entry.sign)
            self.leave(instrument, position, price, close_ns, reason)
        else:
            position.exit_reason = reason

    def before_close(self, instrument: Instrument, minutes: int) -> int:
        assert instrument.session is not None
        return instrument.session.close_ns - minutes * MINUTE_NS

    def finish(self, instrument: Instrument) -> None:
        """After the last Minute: nothing stays open or pending."""
        instrument.entry = None
        if instrument.position is not None:
            self.on = date_ist(instrument.last[0])
            self.leave(
                instrument,
                instrument.position,
                instrument.last[4],
                instrument.last_close_ns,
                "FORCED",
            )

    # -------------------------------------------------------------- (c) from event to order

    def signal(self, instrument: Instrument, reading: Reading, events: list[Event]) -> None:
        for rank, (kind, sign) in enumerate(events):
            refusal: str | None = None
            status, quantity = "SUPPRESSED", 0
            if rank == 0:
                refusal, quantity = self.check(instrument, reading)
                status = "ACTED" if refusal is None else "REFUSED"
            self.signals.append(
                {
                    "strategy": self.strategy,
                    "instrument": instrument.symbol,
                    "kind": kind,
                    "side": _side(sign),
                    "bar_open_ns": reading.bar.open_ns,
                    "bar_close_ns": reading.bar.close_ns,
                    "close": reading.bar.close,
                    "atr": reading.atr,
                    "vwap": reading.vwap,
                    "status": status,
                    "refusal": refusal,
                }
            )
            if status == "ACTED":
                assert reading.atr is not None
                self.entries_today += 1
                instrument.entry = Entry(sign, quantity, reading.atr, kind, reading.bar)
                if self.p.fill_on == "close":
                    price, at_ns = instrument.last[4], reading.bar.close_ns
                    self.enter(instrument, instrument.entry, price, at_ns)

    def check(self, instrument: Instrument, reading: Reading) -> tuple[str | None, int]:
        """The first refusal of pixity.md 5, or the quantity to enter with."""
        p = self.p
        if self.calendar.is_nse and reading.bar.close_ns > self.before_close(
            instrument, p.last_entry_minutes
        ):
            return "last_entry", 0
        if instrument.position is not None or instrument.entry is not None:
            return "position", 0
        bars_since_exit = instrument.bars_since_exit()
        if bars_since_exit is not None and bars_since_exit < p.cooldown_bars:
            return "cooldown", 0
        if self.entries_today >= p.max_entries_per_day:
            return "max_entries", 0
        if self.day_loss:
            return "day_loss", 0
        quantity = self.quantity(reading.bar.close, reading.atr)
        return (None, quantity) if quantity >= 1 else ("quantity", 0)

    def quantity(self, close: float, atr: float | None) -> int:
        p = self.p
        if atr is None or atr <= 0:
            return 0
        limits = [
            math.floor(p.risk_per_trade / (p.sl_mult * atr)),
            math.floor(p.leverage * self.equity() / close),
            math.floor((p.leverage * p.max_capital - self.exposure()) / close),
        ]
        if p.max_quantity is not None:
            limits.append(p.max_quantity)
        if p.max_notional_per_order is not None:
            limits.append(math.floor(p.max_notional_per_order / close))
        return min(limits)

    # -------------------------------------------------------------- the account

    def unrealised_paise(self) -> int:
        return sum(
            instrument.position.unrealised_paise(instrument.last[4])
            for instrument in self.instruments
            if instrument.position is not None
        )

    def equity(self) -> float:
        return (self.initial_paise + self.closed_net_paise + self.unrealised_paise()) / 100

    def exposure(self) -> float:
        exposure = 0.0
        for instrument in self.instruments:
            if instrument.position is not None:
                exposure += instrument.position.entry.quantity * instrument.last[4]
        for instrument in self.instruments:
            if instrument.entry is not None:
                exposure += instrument.entry.quantity * instrument.entry.bar.close
        return exposure


def _side(sign: int) -> str:
    return "BUY" if sign > 0 else "SELL"
