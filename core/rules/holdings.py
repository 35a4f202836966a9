"""The arrays a book lives in: limits, terms, account, positions, reports, and nothing else.

Kernels compute on them, the engine names them, the ledger keeps snapshots of them. A position slot
belongs to one instrument; the strategy that entered owns it.
"""

from typing import NamedTuple

import numpy as np

from core.types import INSTRUMENT, NEVER_NS, Int64s, Records, record

# Position.status
FLAT, PENDING_ENTRY, OPEN, PENDING_EXIT, CLOSING = range(5)  # CLOSING: out, not yet settled

# Report.kind
ENTERED, EXIT_ASKED, EXITED, ENTRY_CANCELLED = 1, 2, 3, 4

UNLIMITED = np.inf
MAX_REPORTS_PER_INSTRUMENT = 4  # in one Minute: entered, exited, exit asked, cancelled

LIMITS = record(
    [
        ("initial_cash_paise", "i8"),
        ("leverage", "f8"),
        ("max_capital", "f8"),
        ("max_daily_loss_paise", "i8"),
        ("max_entries_per_day", "i8"),
        ("max_quantity", "f8"),  # UNLIMITED: none
        ("max_notional_per_order", "f8"),  # UNLIMITED: none
        ("slippage_bps", "f8"),
        ("fill_on_close", "?"),
        ("fills_are_told", "?"),  # by a broker, between two Minutes; else they are simulated
        # The breakers of a live book (`brakes.py`); UNLIMITED: off.
        ("max_positions", "f8"),
        ("max_exposure", "f8"),  # rupees
        ("max_orders_per_minute", "f8"),
        ("max_orders_of_entries", "f8"),  # so many orders into the day no entry is sent any more
        ("max_rejects", "f8"),  # in a row
        ("max_feed_doubt_minutes", "f8"),  # in a row, as the next
        ("max_clock_doubt_minutes", "f8"),
    ]
)
BRAKES = (LIMITS.names or ())[-7:]

# What one strategy asks for its trades; its row number is the strategy's number in the book.
TERMS = record(
    [
        ("timeframe", "i4"),  # number of its decision timeframe
        ("accept_gaps", "?"),
        ("risk_per_trade", "f8"),
        ("sl_mult", "f8"),
        ("tp_mult", "f8"),
        ("time_stop_bars", "i8"),
        ("cooldown_bars", "i8"),
    ]
)

ACCOUNT = record(
    [
        ("state", "i8"),  # TradingState
        ("doubts", "i8"),  # feed, clock or store doubts now open; > 0 refuses entries
        ("day", "i8"),
        ("realised_paise", "i8"),  # net of all closed round trips
        ("day_realised_paise", "i8"),  # of those whose exit filled today
        ("entries_today", "i8"),
        ("day_loss_latched", "?"),
        ("busy", "i8"),  # instruments that are not flat
        ("signals", "i8"),  # entries submitted so far: numbers the signals
        # What the breakers of a live book count (`brakes.py`); else 0.
        ("breakers", "i8"),  # latched ones, a bit for each Refusal
        ("breakers_told", "i8"),  # those of which the ledger knows, day_loss among them
        ("orders_before", "i8"),  # asked for in the Minute before, from its close on
        ("orders_since", "i8"),  # and since the close of this one
        ("orders_today", "i8"),
        ("rejects", "i8"),  # since an order last did something
        ("feed_doubted", "?"),
        ("clock_doubted", "?"),
        ("feed_doubt_minutes", "i8"),
        ("clock_doubt_minutes", "i8"),
    ]
)

POSITION = record(
    [
        ("status", "i4"),
        ("side", "i4"),
        ("strategy", "i4"),
        ("exit_reason", "i4"),
        ("blocked", "i4"),  # doubts about this instrument; > 0 refuses entries
        ("signal", "i8"),
        ("quantity", "i8"),
        ("signal_close", "f8"),
        ("atr", "f8"),
        ("entry_ns", "i8"),
        ("entry_price", "f8"),
        ("entry_value_paise", "i8"),
        ("entry_fees_paise", "i8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("bars_held", "i8"),
        ("lowest", "f8"),
        ("highest", "f8"),
        ("last_close", "f8"),
        ("last_close_ns", "i8"),
        ("strategy_close_ns", "i8"),  # close of the owner's last strategy bar before this Minute
        # Where fills are told (`told.py`); else 0.
        ("coming", "i8"),  # shares of the entry that are not filled yet, the position being open
        ("exited", "i8"),  # shares of the position that are out
        ("exit_ns", "i8"),  # of the last of them
        ("exit_price", "f8"),  # their average
        ("exit_value_paise", "i8"),
        ("exit_fees_paise", "i8"),
        ("exit_orders", "i8"),  # sent so far
        ("withdrawn", "?"),  # the entry is to be cancelled; what came of it stays
    ]
)

# What happened in a Minute, in order. Trade columns are filled for EXITED only.
REPORT = record(
    [
        ("kind", "i4"),
        ("reason", "i4"),  # ExitReason
        ("instrument", "i4"),
        ("strategy", "i4"),
        ("side", "i4"),  # of the position
        ("signal", "i8"),
        ("quantity", "i8"),
        ("fill_ns", "i8"),
        ("price", "f8"),
        ("value_paise", "i8"),
        ("fees_paise", "i8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("entry_ns", "i8"),
        ("entry_price", "f8"),
        ("bars_held", "i8"),
        ("gross_paise", "i8"),
        ("round_fees_paise", "i8"),
        ("net_paise", "i8"),
        ("mae", "f8"),
        ("mfe", "f8"),
    ]
)


class Holdings(NamedTuple):
    """One book's arrays. Shape: n instruments, k strategies; limits and account are length 1."""

    limits: Records  # LIMITS[1]
    terms: Records  # TERMS[k]
    account: Records  # ACCOUNT[1]
    positions: Records  # POSITION[n]
    since_exit: Int64s  # [k, n] strategy bars since the last exit, the bar of the exit included
    instruments: Records  # INSTRUMENT[n]
    reports: Records  # REPORT[...], a bounded buffer that advance fills and its caller drains


def new_holdings(limits: Records, terms: Records, instruments: Records) -> Holdings:
    """A flat book: no position, no exit seen yet."""
    count = len(instruments)
    account = np.zeros(1, ACCOUNT)
    account["day"] = -1
    return Holdings(
        limits=limits,
        terms=terms,
        account=account,
        positions=np.zeros(count, POSITION),
        since_exit=np.full((len(terms), count), NEVER_NS // 2, np.int64),
        instruments=np.asarray(instruments, INSTRUMENT),
        reports=np.zeros(MAX_REPORTS_PER_INSTRUMENT * count, REPORT),
    )
