"""Writing settings back: only their lines change, and nothing invalid is ever written."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError, StorageError
from edge.web.savefile import Setting, edited, save

EXAMPLE = Path(__file__).parents[3] / "systemd" / "config.example.toml"
TEXT = """\
# My camera, above the door.
[camera]
source = "0"  # the USB one
rotate = 90

[detect]   # faces
# rate = 10.0   # detections a second
min_face = 0.08 # smallest

# [alert]
# enabled = true

[smooth]
enter = 0.5
"""


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_only_the_value_changes_and_its_comment_stays() -> None:
    after = edited(TEXT, {"detect.min_face": 0.12})
    assert changed_lines(TEXT, after) == [
        "- min_face = 0.08 # smallest",
        "+ min_face = 0.12 # smallest",
    ]


def test_a_new_key_comes_below_its_commented_default() -> None:
    lines = edited(TEXT, {"detect.rate": 5.0}).splitlines()
    assert lines[lines.index("# rate = 10.0   # detections a second") + 1] == "rate = 5.0"


def test_a_new_key_stays_out_of_the_section_that_is_commented_out_below() -> None:
    lines = edited(TEXT, {"detect.threshold": 0.6}).splitlines()
    assert lines.index("threshold = 0.6") < lines.index("# [alert]")


def test_a_new_section_comes_at_the_end() -> None:
    assert edited(TEXT, {"classify.rate": 4.0}).endswith("enter = 0.5\n\n[classify]\nrate = 4.0\n")


def test_an_empty_file_gets_its_first_section() -> None:
    assert edited("", {"camera.rotate": 180}) == "[camera]\nrotate = 180\n"


@pytest.mark.parametrize(
    "text",
    [
        "detect = { rate = 10.0 }\n",
        "detect.rate = 10.0\n",
        '["detect"]\nrate = 10.0\n',
        "[detect]\nrate = 10.0\n[camera]\ncommand = ['''\n[detect]\n''']\n[detect.more]\n",
    ],
)
def test_an_unusual_layout_is_edited_right_or_refused_with_what_to_do(text: str) -> None:
    before = tomllib.loads(text)
    try:
        after = tomllib.loads(edited(text, {"detect.rate": 5.0}))
    except ConfigError as e:
        assert "set by hand: detect.rate = 5.0" in str(e)
    else:
        before["detect"]["rate"] = 5.0
        assert after == before


@given(
    st.dictionaries(
        st.sampled_from(["camera.rotate", "detect.rate", "smooth.method", "smooth.enter"]),
        st.one_of(
            st.integers(-1000, 1000),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=20),
        ),
        min_size=1,
    )
)
def test_what_is_written_is_what_was_meant(changes: dict[str, Setting]) -> None:
    wanted = tomllib.loads(TEXT)
    for key, value in changes.items():
        section, name = key.split(".")
        wanted[section][name] = value
    assert tomllib.loads(edited(TEXT, changes)) == wanted


def test_the_shipped_example_can_be_edited() -> None:
    text = EXAMPLE.read_text()
    changes: dict[str, Setting] = {
        "camera.rotate": 180,
        "detect.rate": 3.0,
        "classify.min_face_px": 40,
        "smooth.hold_s": 2.0,
    }
    after = edited(text, changes)
    assert {line[0] for line in changed_lines(text, after)} == {"+"}
    assert len(changed_lines(text, after)) == len(changes)


def test_the_file_is_replaced_and_what_it_was_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    path.chmod(0o640)
    backup = save(path, {"smooth.enter": 0.6}, {})
    assert backup.read_text() == TEXT
    assert changed_lines(TEXT, path.read_text()) == ["- enter = 0.5", "+ enter = 0.6"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.toml", "config.toml.bak"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_an_editor_on_windows_puts_into_a_file_stays(
    mark: bytes, end: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    lines = [b"[detect]", b"rate = 5 # five", b"", b"[smooth]", b"floor = 0.2", b""]
    path.write_bytes(mark + end.join(lines))
    save(path, {"detect.rate": 7.5, "detect.width": 400}, {})
    lines[1:2] = [b"rate = 7.5 # five", b"width = 400"]
    assert path.read_bytes() == mark + end.join(lines)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path = tmp_path / "real.toml"
    path.write_text(TEXT)
    link = tmp_path / "config.toml"
    link.symlink_to(path)
    save(link, {"smooth.enter": 0.6}, {})
    assert link.is_symlink()
    assert "enter = 0.6" in path.read_text()


def test_what_would_not_be_valid_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    with pytest.raises(ConfigError, match=r"smooth\.leave: got 0\.9; allowed: 0 to smooth\.enter"):
        save(path, {"smooth.leave": 0.9}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["config.toml"]
    assert path.read_text() == TEXT


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[camera\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        save(path, {"smooth.enter": 0.6}, {})


def test_a_missing_file_and_a_missing_permission_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        save(tmp_path / "none.toml", {"smooth.enter": 0.6}, {})
    if os.geteuid() == 0:
        return  # root may write anywhere
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        save(path, {"smooth.enter": 0.6}, {})
