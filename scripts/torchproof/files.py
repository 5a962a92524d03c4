"""Files: a project's folder and settings, text as it should be, writing that nobody sees half done, and temporary
folders that end with their owner.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import signal
import stat
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, wraps
from itertools import chain
from pathlib import Path
from typing import Any

__all__ = [
    "LIMITS",
    "SITES",
    "Settings",
    "Temporary",
    "Text",
    "digest",
    "digest_of",
    "find_root",
    "fingerprints",
    "kept",
    "lies_in",
    "names",
    "read_text",
    "sealed",
    "settings",
    "sweep",
    "understood",
    "unsealed",
    "write_whole",
]

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
    """The project's folder: the nearest one, from `start` upwards, with a site's configuration, or docs/ and snippets/.

    Raises:
        FileNotFoundError: there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        there = [(folder / name).exists() for name in (*SITES, "docs", "snippets")]
        if any(there[:-2]) or all(there[-2:]):
            return folder
    raise FileNotFoundError(f"{start}: neither here nor above is a folder with mkdocs.yml, or docs/ and snippets/")


SITES = ("mkdocs.yml", "mkdocs.yaml", "zensical.toml")


@dataclass(frozen=True)
class Settings:
    """What `[tool.torchproof]` of pyproject.toml says, and where the site has its pages."""

    time_limit: float = 60.0
    """CPU time that a session may take, in seconds."""
    memory_limit: float = 2.0
    """Memory that a session may allocate, in GiB."""
    snippets: str = "snippets"
    """The folder of the snippets."""
    docs: str = "docs"
    """The folder of the pages: `docs_dir` of the site's configuration."""
    attested_by: str = ""
    """The workflow whose signed recordings count as attested; empty where none does."""
    wrong: str = ""
    """What is wrong with the file, and the way out; empty when nothing is. What it says does not count then."""

    @property
    def folders(self) -> tuple[str, str]:
        return self.docs, self.snippets


@cache
def settings(root: Path) -> Settings:
    """The settings of a project; those that it leaves out, or gets wrong, are as they come."""
    file, plain = root / "pyproject.toml", Settings(docs=_docs(root))
    read = read_text(file) if os.path.lexists(file) else Text("")
    try:
        said = {} if read.wrong else tomllib.loads(read.text)
        for table in ("tool", "torchproof"):
            said = said.get(table, {})
    except (ValueError, AttributeError) as error:  # no TOML, or no table
        return replace(plain, wrong=f"cannot be read: {error}; `[tool.torchproof]` is a table of TOML")
    try:
        return replace(plain, wrong=read.wrong, **understood(said, {**LIMITS, **TEXTS}))
    except ValueError as error:
        return replace(plain, wrong=str(error))


def understood(said: object, known: dict[str, str]) -> dict[str, Any]:
    """The fields of `Settings` that a table of TOML sets.

    Raises:
        ValueError: it is no table, holds something else, or a value that is none; says what.
    """
    if not isinstance(said, dict) or set(said) - set(known):
        raise ValueError(f"says {said!r} of `tool.torchproof`; it is a table, and holds {', '.join(known)} alone")
    for name, value in said.items():
        is_limit = type(value) in (int, float) and 0 < value < float("inf")
        if not (is_limit if name in LIMITS else isinstance(value, str)):
            raise ValueError(f"says {value!r} of `{name}`; it is {known[name]}")
    return {name.replace("-", "_"): value for name, value in said.items()}


LIMITS = {"time-limit": "a number of seconds above 0", "memory-limit": "a number of GiB above 0"}
"""What a chapter may say of itself, too."""

TEXTS = {"snippets": "a folder", "attested-by": "a workflow, owner/repository/path"}


def _docs(root: Path) -> str:
    """The folder of the pages, where the site's configuration names one below the project's folder."""
    texts = (read_text(root / file).text for file in SITES if (root / file).is_file())
    found = re.search(r"^docs_dir\s*[:=]\s*[\"']?(?:\./)?(?!.*\.\.)(\w[\w./ -]*\w)", next(texts, ""), re.M)
    return found[1] if found else Settings.docs


def kept(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which keeps what it last gave for each first argument, as long as the others stay."""
    last: dict[str, tuple[Any, Any]] = {}

    @wraps(work)
    def asked(name: str, *rest: Any, **options: Any) -> Any:
        if name not in last or last[name][0] != (rest, options):
            last[name] = (rest, options), work(name, *rest, **options)
        return last[name][1]

    return asked


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
    if b"\0" in data:
        return Text("", "holds a zero byte, which no text does; save the file as UTF-8", _line(data, data.index(b"\0")))
    try:
        text = _lines(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        text = _lines(data.decode("utf-8-sig", "replace"))
        return Text(text, "not UTF-8; save the file as UTF-8", _line(data, error.start))
    if conflict := CONFLICT.search(text):
        return Text(text, "holds a merge conflict; resolve it", text.count("\n", 0, conflict.start()) + 1)
    return Text(text)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
    WRITTEN.add(str(path))
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        owner = other.name.rsplit(".", 2)[1]
        if owner.isdecimal() and not _born(int(owner)):
            other.unlink(missing_ok=True)


WRITTEN: set[str] = set()
"""What this process wrote so."""


def digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of what a file holds; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def sealed(text: str, key: str = "") -> str:
    """A text below its digest, as `unsealed` takes it; with a `key`, as the answer to that."""
    return f"{digest(key + text)}\n{text}"


def unsealed(text: str, key: str = "") -> str:
    """The text that was sealed; empty where it is not whole, or answers another key."""
    seal, _, body = text.partition("\n")
    return body if seal == digest(key + body) else ""


def fingerprints(root: Path, *, rights: bool = False) -> dict[str, tuple[int, ...]]:
    """What changes with a page, a snippet, a transcript or a file of settings that anybody else writes.

    With `rights`, what changes when it becomes another's, or others may do other things with it.
    """
    parts = (os.walk(root / part) for part in settings(root).folders)
    folders = chain([(str(root), (), os.listdir(root))], *parts)
    found, top = {}, len(f"{root}{os.sep}")
    for path in (f"{folder}{os.sep}{file}" for folder, _, files in folders for file in files if "." in file):
        try:
            s = os.lstat(path)
        except OSError:  # taken away meanwhile
            continue
        if path not in WRITTEN and not stat.S_ISDIR(s.st_mode):
            found[path[top:]] = s[:1] + s[4:6] if rights else (*s[:2], s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    return found


def lies_in(folder: str) -> dict[str, tuple[int, int]]:
    """What lies below a folder, and what changes with a file that is written."""
    found = {}
    for path, folders, files in os.walk(folder):
        for below in (os.path.join(path, name) for name in (*folders, *files)):
            with contextlib.suppress(OSError):  # taken away meanwhile
                status = os.lstat(below)
                found[below] = status.st_ino, 0 if stat.S_ISDIR(status.st_mode) else status.st_ctime_ns
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
