"""Files: a project's folder and settings, text as it should be, writing that nobody sees half done, and temporary
folders that end with their owner.
"""

import contextlib
import glob
import os
import re
import shutil
import signal
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Temporary", "find_root", "fingerprints", "names", "read_text", "settings", "sweep", "write_whole"]


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
    WRITTEN.add(str(path))
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        owner = other.name.rsplit(".", 2)[1]
        if owner.isdecimal() and not _born(int(owner)):
            other.unlink(missing_ok=True)


WRITTEN: set[str] = set()
"""What this process wrote so."""


def fingerprints(root: Path) -> dict[str, tuple[int, ...]]:
    """What changes with a page, a snippet, a transcript or a file of settings that anybody else writes."""
    files = [*root.glob("*.*"), *(path for part in ("docs", "snippets") for path in (root / part).rglob("*"))]
    found = {}
    for path in files:
        with contextlib.suppress(OSError):  # taken away meanwhile
            state = path.lstat()
            if str(path) not in WRITTEN and not path.is_dir():
                told = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
                found[path.relative_to(root).as_posix()] = told
    return found


# --- temporary folders ------------------------------------------------------------------------------------------------


class Temporary:
    """A temporary folder, locked as long as its owner lives; `sweep` takes it away when that was killed."""

    def __init__(self) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix=f"torchproof-{os.getpid()}_{_born(os.getpid())}_"))
        self.lock = _lock(self.path)

    def close(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.lock is not None:
            os.close(self.lock)


def sweep() -> None:
    """Take away the temporary folders of this user's processes that were killed, and what still runs in them."""
    if fcntl is None:  # Windows
        return
    for entry in os.scandir(tempfile.gettempdir()):
        named = re.fullmatch(r"torchproof-(\d+)_(\d+)_\w+", entry.name)
        with contextlib.suppress(OSError):  # taken away meanwhile, or another user's
            is_ours = named and entry.is_dir(follow_symlinks=False) and entry.stat().st_uid == os.getuid()
            if is_ours and _born(int(named[1])) != int(named[2]) and (lock := _lock(entry.path)) is not None:
                _end_processes(os.path.realpath(entry.path))
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(lock)


def _lock(folder: str) -> int | None:
    """A descriptor that holds the lock of a folder; None where another process has it, or no system would."""
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _born(pid: int) -> int:
    """When a process started, in ticks since the system did; 1 where the system does not say, 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except OSError:
        pass
    return 1


def _end_processes(folder: str) -> None:
    """Kill what works in a folder or has it as its home."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            home = f"HOME={folder}".encode() in (process / "environ").read_bytes().split(b"\0")
            if home or f"{os.readlink(process / 'cwd')}/".startswith(f"{folder}/"):
                os.kill(int(process.name), signal.SIGKILL)


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
