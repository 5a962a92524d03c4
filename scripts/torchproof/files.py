"""Files: a project's folder and settings, text as it should be, and writing that nobody sees half done."""

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Settings", "Text", "find_root", "names", "read_text", "settings", "write_whole"]

LARGEST = 16 << 20
"""Bytes of a file at most; the largest transcript of a handbook has some hundred thousand."""


@dataclass(frozen=True)
class Text:
    """What a file holds."""

    text: str
    """Empty where the file cannot be read at all."""
    wrong: str = ""
    """What is wrong with it, and the way out; empty when nothing is."""
    line: int = 1
    """Where it is wrong."""

    @property
    def is_read(self) -> bool:
        return bool(self.text) or not self.wrong


def find_root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one, from `start` upwards, with `docs/` and `snippets/`.

    Raises:
        FileNotFoundError: there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "docs").is_dir() and (folder / "snippets").is_dir():
            return folder
    raise FileNotFoundError(f"{start}: neither here nor above is a folder with docs/ and snippets/")


@dataclass(frozen=True)
class Settings:
    """What `[tool.torchproof]` of pyproject.toml says."""

    time_limit: float = 60.0
    """CPU time that a session may take, in seconds."""
    wrong: str = ""
    """What is wrong with the file, and the way out; empty when nothing is. What it says does not count then."""


@cache
def settings(root: Path) -> Settings:
    """The settings of a project; those that it leaves out, or gets wrong, are as they come."""
    file = root / "pyproject.toml"
    read = read_text(file) if os.path.lexists(file) else Text("")
    try:
        said = {} if read.wrong else tomllib.loads(read.text)
        for table in ("tool", "torchproof"):
            said = said.get(table, {})
    except (ValueError, AttributeError) as error:  # no TOML, or no table
        return Settings(wrong=f"cannot be read: {error}; `[tool.torchproof]` is a table of TOML")
    if read.wrong:
        return Settings(wrong=read.wrong)
    if not isinstance(said, dict) or set(said) - {"time-limit"}:
        return Settings(wrong=f"says {said!r} of `tool.torchproof`; it is a table, and holds `time-limit` alone")
    limit = said.get("time-limit", Settings.time_limit)
    if type(limit) not in (int, float) or not 0 < limit < float("inf"):
        return Settings(wrong=f"says {limit!r} of `time-limit`; it is a number of seconds above 0")
    return Settings(float(limit))


def names(folder: Path, suffix: str) -> list[str]:
    """The files below a folder, as paths without their suffix."""
    paths = (path.relative_to(folder) for path in folder.rglob(f"*{suffix}"))
    seen = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(path.as_posix().removesuffix(suffix) for path in seen)


def read_text(path: Path) -> Text:
    """A file's text, whatever lies there under its name; never waits for a pipe, and never reads without end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Text("", FOLDER if path.is_dir() else PIPE)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        is_link = path.is_symlink() and not path.exists()
        return Text("", NOWHERE if is_link else f"cannot be read ({error.strerror}); make it readable")
    if len(data) > LARGEST:
        return Text("", f"holds more than {LARGEST >> 20} MB; take out what no page needs")
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if b"\0" in data:
        return Text("", "holds a zero byte, which no text does; save the file as UTF-8", _line(data, data.index(b"\0")))
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Text(text, "not UTF-8; save the file as UTF-8", _line(data, error.start))
    if conflict := CONFLICT.search(text):
        return Text(text, "holds a merge conflict; resolve it", text.count("\n", 0, conflict.start()) + 1)
    return Text(text)


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


CONFLICT = re.compile(r"^<{7} [^\n]*$(?=.*^={7}$.*^>{7} )", re.M | re.S)

FOLDER = "is a folder with the name of a file; rename it"
PIPE = "is a pipe, a socket or a device, and no file; remove it"
NOWHERE = "is a link that leads to no file; mend it, or delete it"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{id(text)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
