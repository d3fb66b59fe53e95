"""Names stay in the project."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.annotate.names import inside, safe_method, safe_name, same_key


@pytest.mark.parametrize("name", ["a", "my photo", "Zoë", "写真 1", "a.b", "naïve café", "😀", "a..b", "-x"])
def test_names_of_any_script(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../a",
        "a/b",
        "/etc",
        "a\\b",
        "..\\a",
        ".hidden",
        "a\0b",
        "a\nb",
        "\u2028",
        "x" * 201,
        None,
    ],
)
def test_names_that_are_none(name):
    with pytest.raises(ValueError, match="name is"):
        safe_name(name)


@given(st.text(max_size=30))
def test_a_name_that_is_accepted_is_one_part_of_a_path(name):
    try:
        safe_name(name)
    except ValueError:
        return
    assert Path("root", name).parent == Path("root")
    assert Path("root", name).name == name


@pytest.mark.parametrize("method", ["", "Knn", "a b", "-a", "a-", "a--b", "../knn", "a/b", "knn\n", None, "é"])
def test_methods_that_are_none(method):
    with pytest.raises(ValueError, match="method is"):
        safe_method(method)


def test_keys():
    assert same_key("É") == same_key("e\u0301")
    assert same_key("a") != same_key("b")


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/etc/passwd", "a/../..", ".", "", "a\0b"])
def test_paths_that_leave(tmp_path, path):
    with pytest.raises(ValueError, match=r"leaves the project|no path relative"):
        inside(tmp_path, path)


def test_links(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "secret").write_text("")
    (root / "own").write_text("")
    (root / "good").symlink_to(root / "own")
    (root / "bad").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    assert inside(root, "good") == (root / "own").resolve()
    for name in ("bad", "loop"):
        with pytest.raises(ValueError, match=r"leaves the project|cannot be followed"):
            inside(root, name)
    (tmp_path / "alias").symlink_to(root)
    assert inside(tmp_path / "alias", "own") == (root / "own").resolve(), "the project itself may be a link"
