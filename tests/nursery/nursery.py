"""A nursery of zygotes: one process that imports what a zygote imports, once, and forks a zygote for whoever asks.

Much of a test run was zygotes that each imported torch, five seconds of CPU time apiece. One that is forked here differs from one that
was started in its parent only: the same code, environment, folder and log. `conftest.py` starts the nurseries, one
for each hash seed; without them, and in tests that take the variable away, zygotes are started as ever.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from functools import cache

__all__ = ["VARIABLE", "Fostered", "install", "is_possible", "start"]

VARIABLE = "TORCHPROOF_NURSERY"
"""The folder of the nurseries' sockets."""

BEFORE = frozenset(os.environ)


class Fostered:
    """What `subprocess.Popen` would be for a zygote, had it been started here."""

    def __init__(self, channel: int, log, cwd: str, env: dict[str, str]) -> None:
        with socket.socket(socket.AF_UNIX) as nursery:
            nursery.connect(_address(env))
            wish = json.dumps({"cwd": cwd, "env": env}).encode()
            socket.send_fds(nursery, [len(wish).to_bytes(4, "big")], [channel, log.fileno()])
            nursery.sendall(wish)
            self.pid = int.from_bytes(nursery.recv(4), "big")
        self.ended = os.pidfd_open(self.pid)
        self.returncode = None

    def poll(self, timeout: float | None = 0) -> int | None:
        if self.returncode is None and select.select([self.ended], [], [], timeout)[0]:
            os.close(self.ended)
            self.returncode = 0
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        return self.poll(timeout)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class _Popen(subprocess.Popen):
    def __new__(cls, args, **options):
        if VARIABLE in os.environ and list(args[1:5]) == ["-P", "-m", "torchproof.run.zygote", "serve"]:
            with contextlib.suppress(OSError):  # no nursery any more
                return Fostered(int(args[5]), options["stdout"], options["cwd"], options["env"])
        return super().__new__(cls)


def is_possible() -> bool:
    """Whether this system tells of the end of processes that are nobody's children here: Linux does."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def install() -> None:
    """Let this process get its zygotes from a nursery, where there is one."""
    if VARIABLE in os.environ:
        subprocess.Popen = _Popen


def start(folder: str, environment: dict[str, str]) -> subprocess.Popen:
    """Start the nursery of an environment; it imports when it is asked first, and ends with this process."""
    return subprocess.Popen(
        [sys.executable, "-P", __file__, os.path.join(folder, environment["PYTHONHASHSEED"])],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
    )


def _address(environment: dict[str, str]) -> str:
    return os.path.join(os.environ[VARIABLE], environment["PYTHONHASHSEED"])


def _serve(address: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a zygote
    while sys.stdin not in select.select([sys.stdin, listening], [], [])[0]:
        wish, _ = listening.accept()
        with wish, contextlib.suppress(OSError, ValueError):  # who asked may be gone
            size, (channel, log), *_ = socket.recv_fds(wish, 4, 2)
            with wish.makefile("rb") as stream:
                text = json.loads(stream.read(int.from_bytes(size, "big")))
            _import_once()
            if (pid := os.fork()) == 0:
                try:
                    listening.close()
                    wish.close()
                    _become(channel, log, **text)
                except BaseException as error:  # never go on as a nursery
                    os.write(2, f"{error}\n".encode())
                finally:
                    os._exit(1)
            os.close(channel)
            os.close(log)
            wish.sendall(pid.to_bytes(4, "big"))


@cache
def _import_once() -> None:
    from torchproof.run import zygote

    zygote._preload()
    zygote._gather_pages()


def _become(channel: int, log: int, cwd: str, env: dict[str, str]) -> None:
    """Be a zygote, as if `python -P -m torchproof.run.zygote serve` had been started."""
    from torchproof.run import zygote

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = [zygote.__file__, "serve", str(channel)]
    imported = {name: value for name, value in os.environ.items() if name not in BEFORE}  # what imports have set
    os.environ.clear()
    os.environ.update(env | imported)
    os.chdir(cwd)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    zygote.serve(socket.socket(fileno=channel))


if __name__ == "__main__":
    _serve(sys.argv[1])
