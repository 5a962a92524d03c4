"""Standby: a session stops before a cell, and copies of it run that cell and the rest, one for each edit.

A copy must do what the session would do. So a session stands by only where no part of its state is lost in a copy, or
is shared with it: beside no other thread and no process, without sockets, shared memory and files that are written.
Where it reads in a file, a copy moves on, and the session moves back.
"""

import fcntl
import os
import socket
import stat
import sys

from ..model import wire
from ..model.runs import Ended, Started
from . import workers
from .environment import TOKEN
from .processes import children, kill, lead

__all__ = ["Standby"]


class Standby:
    """What a session that is ready for its first cell has in common with a copy of it."""

    def __init__(self) -> None:
        self.shared = _shared() if sys.platform == "linux" else None

    def is_possible(self) -> bool:
        """Whether a copy of this session would go on as the session does."""
        if self.shared is None:
            return False
        return workers.let_go() == 1 and not children() and _shared() == self.shared

    def copied(self, control: socket.socket) -> tuple[socket.socket, bytes]:
        """Make a copy for each job that is asked for; returns in the copy only, with its connection and token."""
        while True:
            token, descriptors, *_ = socket.recv_fds(control, TOKEN, 2)
            if not token:
                os._exit(0)
            connection, status = (socket.socket(fileno=number) for number in descriptors)
            read = workers.places()
            pid = workers.fork(1)
            if pid == 0:
                control.close()
                status.close()
                lead()
                return connection, token
            connection.close()
            with status:
                status.sendall(wire.dump(Started(pid)).encode() + b"\n")
                _, ended = os.waitpid(pid, 0)
                kill(pid)
                workers.put_back(set(), read)
                status.sendall(wire.dump(Ended(os.waitstatus_to_exitcode(ended))).encode() + b"\n")


def _shared() -> list[str]:
    """What else a copy would read from and write to: descriptors, and memory."""
    others = [number for number, status in workers.descriptors().items() if not _is_read(number, status)]
    found = [f"{number} {os.readlink(f'/proc/self/fd/{number}')}" for number in others]
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        return sorted(found + [line for line in maps if line.split(maxsplit=2)[1].startswith("rw-s")])


def _is_read(number: int, status: os.stat_result) -> bool:
    """Whether a descriptor is that of a file which is read only."""
    return stat.S_ISREG(status.st_mode) and fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
