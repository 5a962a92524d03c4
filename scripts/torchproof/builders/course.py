"""A course of one's own: a new one that builds and tests, or an existing site that shows cells from now on.

The files of a new one lie in `course/`. What its cells do is written by the run that follows, as `accept` does.
"""

import re
from importlib import metadata
from pathlib import Path

from ..files import SITES, read_text, write_whole

__all__ = ["prepare", "write_course"]

FILES = {
    "mkdocs.yml": "mkdocs.yml",
    "pyproject.toml": "pyproject.toml",
    "gitignore": ".gitignore",
    "site.yml": ".github/workflows/site.yml",
    "index.md": "docs/index.md",
    "walk.txt": "docs/walk.py",
    "index.txt": "snippets/index.py",
}
"""What lies in `course/`, and where a course has it."""

ENGINE = "torchproof[mkdocs,notebooks] @ git+https://github.com/torchproof/torchproof"


def write_course(folder: Path) -> list[str]:
    """Write a small course into a new folder; returns the paths of its files.

    Raises:
        FileExistsError: there is something in the folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists; give another name")
    title = re.sub(r"[-_\s]+", " ", folder.resolve().name).strip().capitalize()
    texts = {path: Path(__file__).with_name("course").joinpath(name) for name, path in FILES.items()}
    written = {path: file.read_text(encoding="utf-8").replace("COURSE", f'"{title}"') for path, file in texts.items()}
    written["requirements.txt"] = "\n".join([ENGINE, *_torch(), ""])
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / path, text)
    return sorted(written)


def _torch() -> list[str]:
    """The torch that the first transcripts come from; any, where none is installed."""
    try:
        return [f"torch=={metadata.version('torch').partition('+')[0]}"]
    except metadata.PackageNotFoundError:
        return ["torch"]


def prepare(root: Path) -> list[str]:
    """Add what is missing to an existing site; returns what was changed, and what is left to do, as lines."""
    file = next((root / name for name in SITES if (root / name).is_file()), None)
    if file is None:
        return [f"{root} has no {SITES[0]}; write one, or let torchproof new write a course"]
    text = read_text(file).text
    said = []
    if file.suffix == ".toml":
        if "torchproof" not in text:
            said.append(f"{file.name}: add the line `[project.markdown_extensions.torchproof]` at its end")
    elif not re.search(r"^\s*- +torchproof\b(?!\.)|^plugins: *\[.*\btorchproof\b", _plugins(text), re.M):
        changed = _with_plugin(text)
        said.append(f"{file.name}: " + ("plugin torchproof added" if changed else "add `- torchproof` under `plugins`"))
        if changed:
            write_whole(file, changed)
    ignored = root / ".gitignore"
    lines = read_text(ignored).text if ignored.exists() else ""
    if not re.search(r"^/?\.cache/?$", lines, re.M):
        write_whole(ignored, lines + "\n" * (bool(lines) and not lines.endswith("\n")) + "/.cache/\n")
        said.append(".gitignore: /.cache/ added")
    return said


def _plugins(text: str) -> str:
    """What a configuration says of plugins; empty where it says nothing."""
    found = re.search(r"^plugins:.*\n?(?:[ \t]*\n|[ \t]+.*\n?|-.*\n?|#.*\n?)*", text, re.M)
    return found[0] if found else ""


def _with_plugin(text: str) -> str:
    """A configuration with our plugin as the first; empty where its list is written in a way that is not known here."""
    if not _plugins(text):  # MkDocs has the search where no plugins are listed
        return text + "\n" * (not text.endswith("\n")) + "\nplugins:\n  - search\n  - torchproof\n"
    listed = re.sub(r"^(plugins: *)\[(?=.*\])", r"\1[torchproof, ", _plugins(text), count=1)
    listed = re.sub(
        r"^(plugins:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*)([ \t]*)- ", r"\1\2- torchproof\n\2- ", listed, count=1
    )
    return text.replace(_plugins(text), listed, 1) if listed != _plugins(text) else ""
