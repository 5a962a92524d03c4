"""A nursery of processes: one has imported what zygotes or commands import, once, and forks one for whoever asks.

Much of a test run was processes that each imported torch, five seconds of CPU time apiece, or MkDocs, one second.
One that is forked here differs from one that was started in its parent only: the same code, arguments, environment,
folder and output. `conftest.py` starts the nurseries: one of zygotes for each hash seed, and one of commands.
Without them, and in tests that take the variable away, processes are started as ever.
"""

import atexit
import contextlib
import faulthandler
import gc
import importlib
import importlib.metadata
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NoReturn

__all__ = ["COMMANDS", "FOSTERED", "VARIABLE", "Fostered", "install", "is_possible", "run", "start"]

VARIABLE = "TORCHPROOF_NURSERY"
"""The folder of the nurseries' sockets."""

FOSTERED = ("mkdocs", "torchproof", "zensical")
"""The commands that may be forked. Not pytest: it wants to import what it watches."""

COMMANDS = "commands"
"""The socket where commands are asked for; where zygotes are, it is called by their hash seed."""

ZYGOTE = "torchproof.run.zygote"

IMPORTED = (
    "html5lib.treebuilders.etree",
    "markdown.extensions.admonition",
    "markdown.extensions.codehilite",
    "markdown.extensions.fenced_code",
    "markdown.extensions.tables",
    "markdown_exec",
    "material.plugins.search.plugin",
    "mkdocs.__main__",
    "mkdocs.commands.build",
    "mkdocs_jupyter.plugin",
    "pymdownx.details",
    "pymdownx.superfences",
    "torchproof.builders.maths",
    "torchproof.builders.mkdocs",
    "torchproof.cli",
    "torchproof.reports",
    "zensical.main",
)
"""What commands import; what is missing here takes longer there, and nothing else."""

BEFORE = frozenset(os.environ)


class Fostered:
    """What `subprocess.Popen` would be for a process, had it been started here."""

    def __init__(self, nursery: str, argv: list[str], descriptors: list[int], cwd: str, env: dict[str, str]) -> None:
        """The last descriptor is where it writes."""
        self.told = socket.socket(socket.AF_UNIX)
        self.told.connect(os.path.join(os.environ[VARIABLE], nursery))
        wish = json.dumps({"argv": argv, "cwd": cwd, "env": env}).encode()
        socket.send_fds(self.told, [len(wish).to_bytes(4, "big")], descriptors)
        self.told.sendall(wish)
        if not (pid := self.told.recv(4)):
            raise ConnectionError("the nursery forked nothing")
        self.pid = int.from_bytes(pid, "big")
        self.returncode = None
        self.asking = threading.Lock()

    def poll(self, timeout: float | None = 0) -> int | None:
        if self.returncode is None and select.select([self.told], [], [], timeout)[0]:  # without the lock: others kill
            with self.asking:  # two sessions of one zygote hear of its end at once
                if self.returncode is None:
                    status = self.told.recv(4)
                    self.returncode = int.from_bytes(status, "big", signed=True) if status else -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll(timeout) is None:
            raise subprocess.TimeoutExpired("a fostered process", timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Popen(subprocess.Popen):
    def __new__(cls, args, **options):
        if VARIABLE in os.environ and list(args[1:5]) == ["-P", "-m", ZYGOTE, "serve"]:
            channel, log, env = int(args[5]), options["stdout"].fileno(), options["env"]
            with contextlib.suppress(OSError):  # no nursery any more
                return Fostered(env["PYTHONHASHSEED"], [ZYGOTE, *args[4:]], [channel, log], options["cwd"], env)
        return super().__new__(cls)


def is_possible() -> bool:
    """Whether a fork of a process that has imported torch and MkDocs can be trusted: on Linux it can."""
    return sys.platform == "linux"


def install() -> None:
    """Let this process get its zygotes from a nursery, where there is one."""
    if VARIABLE in os.environ:
        subprocess.Popen = _Popen


def run(command: list[str], cwd: Path, env: dict[str, str], seconds: float) -> subprocess.CompletedProcess:
    """What `subprocess.run` would return of a command, its output as text."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = Fostered(COMMANDS, command, [output.fileno()], str(cwd), env)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        output.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, output.read())


def start(folder: str, name: str, environment: dict[str, str]) -> subprocess.Popen:
    """Start a nursery; it imports when it is asked first, and ends with this process."""
    return subprocess.Popen(
        [sys.executable, "-P", __file__, os.path.join(folder, name)],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
    )


def _serve(address: str) -> Callable[[], object]:
    """Fork for everybody who asks, and tell when a fork has ended; returns, in each fork, what is left to do there."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    asked: dict[int, socket.socket] = {}
    """Who asked for each process."""
    while sys.stdin not in (ready := select.select([sys.stdin, listening, woken], [], [])[0]):
        if woken in ready:
            woken.recv(512)
            _tell_ends(asked)
        if listening in ready:
            wish, _ = listening.accept()
            wish.settimeout(30)  # of one that stands still; others wait
            with contextlib.suppress(OSError, ValueError):  # who asked may be gone
                size, descriptors, *_ = socket.recv_fds(wish, 4, 2)
                with wish.makefile("rb") as stream:
                    text = json.loads(stream.read(int.from_bytes(size, "big")))
                _import_once(os.path.basename(address))
                asked[pid := os.fork()] = wish
                if pid == 0:
                    for opened in (listening, woken, wake, *asked.values()):
                        opened.close()
                    return partial(_become, descriptors, **text)
                for descriptor in descriptors:
                    os.close(descriptor)
                wish.sendall(pid.to_bytes(4, "big"))
    return sys.exit


def _tell_ends(asked: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            with asked.pop(pid) as told, contextlib.suppress(OSError):
                told.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


@cache
def _import_once(name: str) -> None:
    from torchproof.run import zygote

    if name == COMMANDS:
        importlib.metadata.entry_points = cache(importlib.metadata.entry_points)  # 270 files, read at each call
        for module in IMPORTED:
            importlib.import_module(module)
        from torchproof.run.environment import distributions, installed

        _know_theme()
        _build_a_page()
        _convert_a_notebook()
        distributions(())
        installed()
        gc.freeze()  # what a fork does not touch is not copied
        zygote._gather_pages()
    else:
        zygote._preload()
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit("a nursery has threads after its imports, and a fork of it could hang")


def _know_theme() -> None:
    """Compile the theme's templates and list its 14,000 files here: most of what a build of a small site does.

    A template that says something else, or a theme with a folder of its own, is compiled and listed in the fork.
    """
    from jinja2 import Environment, FileSystemLoader, TemplateError
    from mkdocs.theme import Theme

    def how(environment: Environment) -> tuple:
        own = (environment.lexer, environment.autoescape, environment.optimized, environment.finalize)
        used = ((name, str(getattr(use, "__qualname__", type(use)))) for name, use in environment.filters.items())
        return (*own, *environment.extensions, *used, *environment.tests)

    Environment.compile = _remembered(Environment.compile, how)
    environment = Theme(name="material").get_env()
    for name in environment.list_templates(extensions=("html", "xml")):
        with contextlib.suppress(TemplateError):  # of plugins that bring filters of their own
            environment.get_template(name)
    # a build passes over what begins with a dot: 14,000 icons
    known = {
        folder: [name for name in FileSystemLoader(folder).list_templates() if not name.startswith(".")]
        for folder in environment.loader.searchpath
    }
    look = FileSystemLoader.list_templates
    FileSystemLoader.list_templates = lambda self: sorted(
        {name for folder in self.searchpath for name in known.get(folder) or look(FileSystemLoader(folder))}
    )


def _build_a_page() -> None:
    """Build a site, for what is made at the first one and kept: patterns, lexers, and which themes there are."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    extensions = ["admonition", "attr_list", "tables", "toc", "pymdownx.highlight", "pymdownx.superfences"]
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "docs"))
        Path(folder, "docs/index.md").write_text("# One\n\n```python\n1 + 1\n```\n", encoding="utf-8")
        file = os.path.join(folder, "mkdocs.yml")
        Path(file).write_text("site_name: One\ntheme: material\n", encoding="utf-8")
        build(load_config(file, markdown_extensions=extensions))


def _convert_a_notebook() -> None:
    """Make what nbconvert and others make at their first notebook, and keep: templates, validators, 200 patterns."""
    import nbformat
    from mkdocs_jupyter.nbconvert2 import nb2html, nb2md

    cells = [nbformat.v4.new_markdown_cell("# A title"), nbformat.v4.new_code_cell("1 + 1")]
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "one.ipynb")
        nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
        nb2html(file), nb2md(file)


def _remembered(function: Callable, how: Callable) -> Callable:
    """A method that works out once what it makes of the same arguments in objects that are alike by `how`."""
    known = {}

    def ask(self: object, *arguments: object) -> object:
        if (wish := (*arguments, how(self))) not in known:
            known[wish] = function(self, *arguments)
        return known[wish]

    return ask


def _become(descriptors: list[int], argv: list[str], cwd: str, env: dict[str, str]) -> NoReturn:
    """Be the process that somebody asked for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    imported = {name: value for name, value in os.environ.items() if name not in BEFORE}  # what imports have set
    os.environ.clear()
    os.environ.update(env | imported)
    time.tzset()
    tempfile.tempdir = None
    os.chdir(cwd)
    for stream in (1, 2):
        os.dup2(descriptors[-1], stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = argv
    if env.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    if argv[0] == ZYGOTE:
        from torchproof.run import zygote

        zygote.serve(socket.socket(fileno=descriptors[0]))
    [command] = importlib.metadata.entry_points(group="console_scripts", name=os.path.basename(argv[0]))
    try:
        sys.exit(command.load()())
    except SystemExit as end:
        if isinstance(end.code, int | None):
            _leave(end.code or 0)
        raise


def _leave(status: int) -> NoReturn:
    """End as Python does, without taking down what was imported: a fork would get a copy of every page of it first."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])()
