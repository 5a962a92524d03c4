"""Files: a project's folder and settings, text as it should be, and writing that nobody sees half done."""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["find_root", "names", "read_text", "settings", "write_whole"]


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


@cache
def settings(root: Path) -> dict[str, Any]:
    """What `[tool.torchproof]` of pyproject.toml says."""
    file = root / "pyproject.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return tomllib.loads(text).get("tool", {}).get("torchproof", {})


def names(folder: Path, suffix: str) -> list[str]:
    """The files below a folder, as paths without their suffix."""
    paths = (path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix().removesuffix(suffix) for path in paths)


def read_text(path: Path) -> tuple[str, int]:
    """A file's text, and the first line that is not UTF-8; 0 when all of it is."""
    data = path.read_bytes()
    try:
        text, wrong = data.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        text, wrong = data.decode("utf-8-sig", "replace"), data[: error.start].count(b"\n") + 1
    return text.replace("\r\n", "\n").replace("\r", "\n"), wrong


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{id(text)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
