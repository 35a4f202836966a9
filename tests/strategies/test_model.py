"""A model on disk: what is written is read, and whatever does not fit is one line."""

import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from strategies import model
from strategies.forest import DTYPES
from strategies.model import FOREST_FILE, MODEL_FILE
from strategies.pixity import PixitySettings, wanted
from strategies.settings import RiskSettings, resolve
from tests.strategies.forests import forest_of, lively_forest, stump, with_model, write_model


def load(folder: Path, **changes: Any) -> model.Model:
    return model.load(str(folder), wanted(PixitySettings(**changes).model_dump()))


def settings(folder: Path, **changes: Any) -> PixitySettings:
    return PixitySettings(skip_meta_model=False, model_path=str(folder), **changes)


def test_what_is_written_is_read_and_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    one, other = (write_model(tmp_path / name) for name in ("one", "other"))
    read = load(one)

    assert [a.tobytes() for a in lively_forest()] == [a.tobytes() for a in read.forest]
    assert "pixity" == read.description["strategy"]
    for name in (FOREST_FILE, MODEL_FILE):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_settings_know_the_hash_of_their_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    known = settings(folder).model_hash

    assert load(folder).sha256 == known
    assert known == settings(folder, model_hash=known).model_hash
    assert PixitySettings().model_hash is None
    assert PixitySettings(model_path=str(tmp_path / "none")).model_hash is None


def test_settings_of_a_run_refuse_another_model_at_the_same_place(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    row = settings(folder).model_dump(mode="json")
    write_model(folder, forest_of(stump(3, 40.0, 0.3, 0.9)))

    with pytest.raises(ConfigError, match=f"model {folder}: is [0-9a-f]{{16}}, these settings"):
        PixitySettings.model_validate(row)


def test_a_model_is_named_by_assignments(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    _, own = resolve(RiskSettings(), PixitySettings(), with_model(folder))
    assert load(folder).sha256 == own.model_hash
    with pytest.raises(ConfigError, match="needs model_path"):
        resolve(RiskSettings(), PixitySettings(), ["skip_meta_model=false"])


def test_a_file_that_changes_under_a_process_changes_nothing_in_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    sha256 = load(folder).sha256
    before = model.forest_of(str(folder), sha256)
    (folder / FOREST_FILE).write_bytes(b"another")

    assert before is model.forest_of(str(folder), sha256)
    with pytest.raises(ConfigError, match="changed while it was read"):
        model.forest_of(str(folder), "0" * 64)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"format": "tradingd forest 0"}, 'its format is "tradingd forest 0", here'),
        ({"strategy": "ema_cross"}, 'its strategy is "ema_cross", here "pixity"'),
        ({"features": ["vwap_dist"]}, r'its features is \["vwap_dist"\], here \["vwap_dist", "'),
        ({"forest_sha256": "0" * 64}, "forest.npz is not the one model.json tells of"),
        ({"settings": None}, 'trained with timeframe = null, the strategy has "15m"'),
    ],
)
def test_a_model_made_for_something_else_is_refused(
    tmp_path: Path, described: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        load(write_model(tmp_path / "model", described=described))


@pytest.mark.parametrize("key", ["ema_fast", "atr_period", "adx_period"])
def test_a_model_of_other_features_is_refused_and_one_of_other_exits_is_not(
    tmp_path: Path, key: str
) -> None:
    folder = write_model(tmp_path / "model", assignments=[f"{key}=9", "tp_mult=3"])

    assert load(folder, **{key: 9}, tp_mult=2.0)
    with pytest.raises(ConfigError, match=f"trained with {key} = 9, the strategy has"):
        load(folder)


def test_arrays_that_are_no_forest_are_refused(tmp_path: Path) -> None:
    bad = lively_forest()._replace(left=np.zeros(6, np.int32))
    with pytest.raises(ConfigError, match="holds no forest: left leads"):
        load(write_model(tmp_path / "model", bad))


def write_arrays(folder: Path, content: bytes) -> None:
    """`content` as the arrays that the description tells of."""
    told = json.loads((folder / MODEL_FILE).read_text())
    told["forest_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / MODEL_FILE).write_text(json.dumps(told))
    (folder / FOREST_FILE).write_bytes(content)


class Trap:
    """A pickle that leaves a trace where it is opened."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def pickled() -> bytes:
    body = io.BytesIO()
    arrays: dict[str, Any] = dict.fromkeys(DTYPES, np.array([Trap()], dtype=object))
    np.savez(body, **arrays)
    return body.getvalue()


def bomb() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("roots.npy", bytes(model.MAX_BYTES + 1))
    return body.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 and no more", "cannot be read"),
        (pickle.dumps(Trap()), "cannot be read"),
        (pickled(), "cannot be read: Object arrays cannot be loaded"),
        (bomb(), "holds more than"),
    ],
    ids=["empty", "cut short", "pickle", "pickled arrays", "bomb"],
)
def test_foreign_arrays_are_refused_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_model(tmp_path / "model")
    write_arrays(folder, content)

    with pytest.raises(ConfigError, match=said):
        load(folder)
    assert not (tmp_path / "sprung").exists()


def test_missing_files_and_other_texts_are_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / FOREST_FILE).rename(tmp_path / "away")
    with pytest.raises(ConfigError, match=r"forest\.npz: No such file"):
        load(folder)
    for text, said in (("{", "not JSON"), ("[]", "not a table")):
        (folder / MODEL_FILE).write_text(text)
        with pytest.raises(ConfigError, match=said):
            load(folder)
    (folder / MODEL_FILE).unlink()
    with pytest.raises(ConfigError, match=r"model\.json: No such file"):
        load(folder)
    with (folder / MODEL_FILE).open("wb") as file:
        file.truncate(model.MAX_BYTES + 1)
    with pytest.raises(ConfigError, match="larger than"):
        load(folder)
