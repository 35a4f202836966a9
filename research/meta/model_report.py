"""The evidence for a meta-model as one self-contained HTML file, and as lines for a terminal."""

from collections.abc import Iterator

import polars as pl

from backtest.html import ACCENT, DOWN, QUIET, UP, Chart, Facts, Section, Table, page
from research.meta.training import Trained, verdict

R_BINS = {"start": -2.0, "end": 3.0, "size": 0.1}


def report(trained: Trained, compared: pl.DataFrame | None = None) -> str:
    """The page. `compared`: the running model beside this one on the same unseen events."""
    told = trained.description
    sections = [
        Section("What it learned from", [Facts(facts_of(trained))]),
        Section(
            "Fold by fold",
            [
                Table(
                    trained.folds, signed=("mean_r", "mean_r_passed", "mean_r_refused"), decimals=3
                )
            ],
            "Each row trains strictly before its test. Purged: held into the test. Embargoed: over"
            " within a day before it. Precision is the share of passed events that won.",
        ),
        Section("Passed and refused", [histogram(trained)], "R of the events of all test folds."),
        Section(
            "Threshold curve",
            [curve_chart(trained.curve), Table(trained.curve[::5], signed=("mean_r",), decimals=3)],
            "What one mark for both sides would have passed, out of sample. The marks of the"
            " settings are not tuned on it: the best point of a curve is luck in part.",
        ),
        Section(
            "Calibration",
            [calibration_chart(trained.calibration), Table(trained.calibration, decimals=3)],
            "On the diagonal a P of 0.4 wins four times in ten.",
        ),
        Section(
            "Importance",
            [importance_chart(trained.importance), Table(trained.importance, decimals=3)],
            "Share of the fall in impurity. A feature that leads in one fold only is noise.",
        ),
    ]
    if compared is not None:
        note = (
            "On the events of the test folds, which neither had learned from: the new model was"
            " trained on the days before them, what ran had its model before the day."
        )
        columns = ("mean_r", "mean_r_passed", "mean_r_refused")
        sections.insert(1, Section("Beside what ran", [Table(compared, columns, 3)], note))
    title = f"Meta-model of {told['strategy']}"
    span = told["span"]
    return page(title, f"{', '.join(told['symbols'])}, {span['from']} to {span['to']}", sections)


def facts_of(trained: Trained) -> dict[str, object]:
    told, pooled = trained.description, verdict(trained.tested)
    settings = told["settings"]
    return {
        "events": told["events"],
        "won": f"{told['won'] / told['events']:.1%}",
        "forest": f"{told['forest']['trees']} trees, depth {told['forest']['depth']}",
        "marks": f"{settings.get('long_threshold')} / {settings.get('short_threshold')}",
        "tested events": pooled["events"],
        "passed": pooled["passed"],
        "mean R passed": _three(pooled["mean_r_passed"]),
        "mean R refused": _three(pooled["mean_r_refused"]),
        "mean R of all": _three(pooled["mean_r"]),
        "data": told["data_hash"][:16],
        "scikit-learn": told["versions"]["scikit-learn"],
    }


def report_lines(trained: Trained) -> Iterator[str]:
    """The folds and what they come to."""
    told = trained.description
    span = told["span"]
    yield (
        f"events       {told['events']} labelled, {told['won']} won, {span['from']} to {span['to']}"
    )
    for row in [*trained.folds.rows(named=True), {"fold": "all", **verdict(trained.tested)}]:
        days = f", {row['from']} to {row['to']}" if "from" in row else ""
        yield (
            f"fold {row['fold']:<7} {row['passed']} of {row['events']} passed,"
            f" precision {_three(row['precision'])} of {_three(row['won'])},"
            f" mean R passed {_three(row['mean_r_passed'])},"
            f" refused {_three(row['mean_r_refused'])}{days}"
        )


def compared_lines(compared: pl.DataFrame, left_out: int) -> Iterator[str]:
    """The new model beside what ran, and how many recorded events could not be labelled."""
    if left_out:
        yield f"left out     {left_out} events whose features or bars were not stored"
    for row in compared.rows(named=True):
        yield (
            f"{row['model']:<18} {row['passed']} of {row['events']} passed,"
            f" precision {_three(row['precision'])}, mean R passed {_three(row['mean_r_passed'])},"
            f" refused {_three(row['mean_r_refused'])}"
        )


def histogram(trained: Trained) -> Chart:
    parts = {"passed": (UP, pl.col("passed")), "refused": (DOWN, ~pl.col("passed"))}
    return Chart(
        [
            {
                "type": "histogram",
                "name": name,
                "x": trained.tested.filter(which)["r"].to_list(),
                "xbins": R_BINS,
                "opacity": 0.65,
                "marker": {"color": colour},
            }
            for name, (colour, which) in parts.items()
        ],
        {"barmode": "overlay", "xaxis": {"title": {"text": "R"}}, "yaxis": _title("events")},
        280,
    )


def curve_chart(curve: pl.DataFrame) -> Chart:
    marks = curve["threshold"].to_list()

    def line(name: str, colour: str, axis: str) -> dict[str, object]:
        values = curve[name].to_list()
        return {"x": marks, "y": values, "name": name, "yaxis": axis, "line": {"color": colour}}

    return Chart(
        [line("precision", ACCENT, "y"), line("mean_r", UP, "y"), line("passed", QUIET, "y2")],
        {
            "xaxis": _title("threshold"),
            "yaxis": _title("precision, mean R"),
            "yaxis2": {**_title("passed"), "overlaying": "y", "side": "right", "showgrid": False},
            "margin": {"l": 56, "r": 56, "t": 28, "b": 36},
        },
    )


def calibration_chart(calibration: pl.DataFrame) -> Chart:
    sizes = calibration["events"].to_list()
    return Chart(
        [
            {
                "x": [0, 1],
                "y": [0, 1],
                "mode": "lines",
                "name": "perfect",
                "line": {"color": QUIET, "dash": "dot"},
            },
            {
                "x": calibration["mean_p"].to_list(),
                "y": calibration["won"].to_list(),
                "mode": "lines+markers",
                "name": "model",
                "text": [f"{size} events" for size in sizes],
                "marker": {"size": [6 + min(size, 400) ** 0.5 for size in sizes], "color": ACCENT},
            },
        ],
        {"xaxis": {**_title("mean P"), "range": [0, 1]}, "yaxis": _title("share won")},
    )


def importance_chart(importance: pl.DataFrame) -> Chart:
    ordered = importance.sort("model")
    names = ordered["feature"].to_list()
    traces: list[dict[str, object]] = [
        {"type": "bar", "orientation": "h", "y": names, "x": ordered["model"].to_list(),
         "name": "model", "marker": {"color": ACCENT}}
    ]  # fmt: skip
    for name in ordered.columns[2:]:
        values = ordered[name].to_list()
        traces.append(
            {"x": values, "y": names, "mode": "markers", "name": name, "marker": {"size": 7}}
        )
    return Chart(traces, {"xaxis": _title("share"), "yaxis": {}}, 300)


def _title(text: str) -> dict[str, object]:
    return {"title": {"text": text}}


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
