"""A shortlist stands for its symbols; one that cannot be read is named, never skipped."""

from pathlib import Path

import pytest

from providers.shortlist import MAX_BYTES, expanded


def test_a_file_stands_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# pixity: 90 tried\n\nTCS\n M&M  # second\n")
    assert expanded(["SBIN", f"@{path}", "WIPRO"]) == ["SBIN", "TCS", "M&M", "WIPRO"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# none\n", "names no symbol"),
        (b"\xff\xfe", "cannot be read"),
        (b"A" * (MAX_BYTES + 1), "no list of symbols"),
        (None, "No such file"),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        expanded([f"@{path}"])
