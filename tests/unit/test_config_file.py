"""The file itself: its encoding, and what is said of a file that is no TOML."""

from pathlib import Path

import pytest

from statsig_export.config import load_config
from statsig_export.errors import ConfigError

TEXT = '[source]\nname = "größe"\n'


def name_in(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    return load_config(file).source.name


@pytest.mark.fault("F279")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.encode(), id="plain"),
        pytest.param(TEXT.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(TEXT.replace("\n", "\r\n").encode("utf-8-sig"), id="Windows"),
        pytest.param(TEXT.replace("\n", "\r").encode(), id="lone CR"),
    ],
)
def test_utf_8_is_read_with_a_byte_order_mark_and_any_line_end(tmp_path: Path, content: bytes):
    assert name_in(tmp_path / "export.toml", content) == "größe"


@pytest.mark.fault("F279")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TEXT.encode("utf-16"), "is in UTF-16, as Windows writes it. save it as UTF-8"),
        (TEXT.encode("utf-16-le"), "is in UTF-16 or UTF-32"),
        (TEXT.encode("utf-16-be"), "is in UTF-16 or UTF-32"),
        (TEXT.encode("utf-32"), "is in UTF-32"),
        (TEXT.encode("latin-1"), "is not in UTF-8 (line 2)"),
        (TEXT.encode() + b"\0\0", "is damaged: line 3 has a NUL byte"),
        (bytes(512), "is damaged: line 1 has a NUL byte"),
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b'{"source": {"url": "env:DB"}}', "is JSON. export.toml is TOML"),
        (b"source:\n  url: env:DB\n", "is YAML. export.toml is TOML"),
        (b"---\n# ours\nsource: {}\n", "is YAML"),
        (b"a = " + b"[" * 100_000, "is nested too deeply to be read"),
        (b"a = " + b"{ a = " * 20_000, "is nested too deeply to be read"),
        (b"[webhook]\nmax_events = " + b"9" * 5_000, "has a number of more digits than can be read"),
        (b"[source\nurl = 1\n", "is not valid TOML: Expected ']' at the end of a table declaration (at line 1"),
    ],
)
def test_a_file_that_is_no_toml_is_named_for_what_it_is(tmp_path: Path, content: bytes, said: str):
    with pytest.raises(ConfigError) as caught:
        name_in(tmp_path / "export.toml", content)

    assert f"{tmp_path / 'export.toml'} {said}" in str(caught.value)


@pytest.mark.fault("F279")
def test_what_is_no_file_is_named_for_what_it_is(tmp_path: Path):
    (tmp_path / "broken.toml").symlink_to("nowhere.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    said = {
        tmp_path: "is a folder. name the file in it",
        tmp_path / "none.toml": "no configuration at",
        tmp_path / "broken.toml": "it is a symbolic link to nothing",
        tmp_path / "loop.toml": "cannot be read (ELOOP",
        tmp_path / "none.toml" / "export.toml": "no configuration at",
        tmp_path / ("n" * 300): "cannot be read (ENAMETOOLONG",
        Path(f"{tmp_path}/a\0b"): "a character that no path can have",
        Path("~nobody-of-this-name/export.toml"): "the home folder",
    }
    for path, words in said.items():
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert words in str(caught.value)


@pytest.mark.fault("F277")
def test_the_home_folder_stands_in_the_variable_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "export.toml").write_text(TEXT)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load_config(environ={"STATSIG_EXPORT_CONFIG": "~/export.toml"}).storage_url().startswith(str(tmp_path))
