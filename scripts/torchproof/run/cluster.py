"""The workers of a Dask cluster in place of this machine's zygote: jobs go there, results come back, both as JSON.

A worker keeps a zygote as long as it lives, and runs a job with the engine that is installed there. What lies beside
a snippet travels with its job. Dask is imported when a scheduler is named, and by nothing else.
"""

import contextlib
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from ..model import wire
from ..model.devices import DEVICES
from ..model.runs import Died, Job, Run
from .cache import machine
from .environment import distributions
from .host import INTERRUPTED, LOST, Zygote
from .processes import kill

__all__ = ["Cluster", "ClusterError"]

PATIENCE = 30.0
"""Seconds that a cluster may be without a worker that can run a session: while one starts, or starts again."""

ANSWER = 10
"""Seconds that a scheduler has to answer."""

LOOK = 1.0
"""Seconds between two looks at whether a session's workers are still there."""


class ClusterError(Exception):
    """A cluster that can run nothing; says where, what, and the way out."""


@dataclass(frozen=True)
class _Worker:
    """A worker, as it describes itself."""

    machine: dict[str, str]
    """What it would run sessions with (see `cache.machine`)."""
    threads: int
    resources: dict[str, float]
    wrong: str = ""
    """Why it cannot be asked at all."""

    def unfit(self, device: str) -> str:
        """Why it runs no sessions of a device; empty where it does."""
        if self.wrong or (device != "cpu" and not self.resources.get(device)):
            return self.wrong or f"it has no resource `{device}`"
        here = machine()
        differ = [name for name in here.keys() | self.machine if here.get(name) != self.machine.get(name)]
        if device != "cpu" and "system" in differ:  # a recording says where it was made
            differ.remove("system")
        if "engine" in differ:
            return "it has another torchproof; install the one that runs here"
        sides = ((name, self.machine.get(name, "none"), here.get(name, "none")) for name in sorted(differ))
        told = [f"{name} {there}, and {ours} here" for name, there, ours in sides]
        return f"it has {', '.join(told)}; start it in an environment like this one" if differ else ""


class Cluster:
    """Runs jobs on the workers of one scheduler, as a `Zygote` runs them here; several threads may ask."""

    def __init__(self, address: str, root: Path, seconds: float, *, other: bool = False) -> None:
        """Connect; `seconds` and `other` are as a zygote's.

        Raises:
            ClusterError: no scheduler answers, or none of its workers can run a session.
        """
        self.address, self.root, self.seconds, self.other = address, root, seconds, other
        self.workers: dict[str, _Worker] = {}
        """Who has been met, by address."""
        self.served: set[str] = set()
        """Devices that some worker had: one may come back."""
        self.lock = threading.Lock()
        self.is_ended = threading.Event()
        self.client = _connect(address)
        try:
            fit = self._fit("")
        except ClusterError:
            self.client.close()
            raise
        self.at_once = 2 * sum(self.workers[worker].threads for worker in fit)
        """How many jobs to hand over: each worker finds its next one there."""
        self._hear_interrupts()

    def start(self) -> None:
        """A worker's zygote starts with its first session."""

    def run(self, job: Job) -> Run:
        """Run one job on some worker, and on another where that one is lost; `died` says what else went wrong."""
        text = wire.dump(replace(job, seconds=job.seconds or self.seconds))
        files = dict(self._files(job))
        wants = {} if job.device == "cpu" else {"resources": {job.device: 1}}
        try:
            while not self.is_ended.is_set():
                fit = self._fit(job.device)
                what = (text, files, self.other, self.client.id)
                order = self.client.submit(_work, *what, workers=fit, pure=False, retries=2, **wants)
                if self._is_done(order, fit) and (run := self._understood(*order.result())):
                    return run
        except ClusterError as error:
            return Run(died=Died(LOST, f": {error}"))
        except Exception as error:  # of Dask, or of the worker: its disk is full, say
            return Run(died=Died(LOST, f" on {self.address}: {type(error).__name__}: {error}"))
        return Run(died=Died(INTERRUPTED))

    def close(self) -> None:
        """Take back what nobody has begun, and leave."""
        self.is_ended.set()
        if signal.getsignal(signal.SIGINT) == self._interrupted:
            signal.signal(signal.SIGINT, self.before)
        self.client.close()

    def _fit(self, device: str) -> list[str]:
        """The workers that can run sessions of a device, or, with none named, of any.

        Raises:
            ClusterError: there are none.
        """
        deadline = monotonic() + PATIENCE
        while True:
            with self.lock:
                there = self._met()
            unfit = {address: self._why_not(address, device) for address in there}
            if fit := [address for address, why in unfit.items() if not why]:
                self.served.add(device)
                return fit
            is_hopeless = there and device not in self.served
            if is_hopeless or monotonic() > deadline or self.is_ended.wait(LOOK):
                why = "; ".join(f"{address}: {why}" for address, why in unfit.items()) or NOBODY
                way_out = START.format(self.address, "" if device in ("", "cpu") else f' --resources "{device}=1"')
                raise ClusterError(f"{self.address}: no worker for a session of {device or 'cpu'}: {why}; {way_out}")

    def _why_not(self, address: str, device: str) -> str:
        whys = [self.workers[address].unfit(each) for each in ((device,) if device else DEVICES)]
        return "" if "" in whys else whys[0]

    def _met(self) -> list[str]:
        """The workers that are there now; who is new is asked what it has, and named where it is of no use."""
        there = list(self.client.nthreads())
        new = [address for address in there if address not in self.workers]
        told = self.client.run(_describe, self.other, workers=new, on_error="return") if new else {}
        for address, worker in told.items():
            mute = _Worker({}, 0, {}, f"it cannot say what it has ({worker}); install the torchproof that runs here")
            self.workers[address] = _Worker(*worker) if isinstance(worker, tuple) else mute
            if why := self._why_not(address, ""):
                print(f"{address}: this worker is left out: {why}", file=sys.stderr, flush=True)
        return [address for address in there if address in self.workers]

    def _is_done(self, order: Any, workers: list[str]) -> bool:
        """Whether an order comes to its end before all who could do it are gone."""
        done = threading.Event()
        order.add_done_callback(lambda _: done.set())
        while not done.wait(LOOK):
            if self.is_ended.is_set() or not self.client.nthreads().keys() & set(workers):
                order.cancel()
                if self.is_ended.is_set():
                    self.client.run(_stop, self.client.id, on_error="ignore")
                return False
        return True

    def _understood(self, address: str, text: str, versions: dict[str, str]) -> Run | None:
        """The run that a worker tells of; None where its packages are others than ours, so that it is asked no more."""
        run = wire.load(text)
        if not wire.is_typed(run, Run):
            raise ValueError(f"{address} tells of no run")
        for name, version in distributions(run.modules).items():
            there = versions.get(name, version).partition("+")[0]
            if there != version.partition("+")[0]:
                wrong = f"it has {name} {there}, and {version} here; start it in an environment like this one"
                print(f"{address}: this worker is left out: {wrong}", file=sys.stderr, flush=True)
                self.workers[address] = replace(self.workers[address], wrong=wrong)
                return None
        return run

    def _files(self, job: Job) -> Any:
        for each in job.beside:
            with contextlib.suppress(OSError):  # the cell that opens it says so
                yield each.path, (self.root / each.path).read_bytes()

    def _hear_interrupts(self) -> None:
        """Let Ctrl-C end what waits for a worker, too: nothing else reaches these threads."""
        self.before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(self.before):
            signal.signal(signal.SIGINT, self._interrupted)

    def _interrupted(self, *arguments: Any) -> None:
        self.is_ended.set()
        self.before(*arguments)


NOBODY = "there is none at all"
START = "start one here or elsewhere with `dask worker {}{}`"


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError("--scheduler needs Dask; install torchproof[cluster]") from None
    try:
        return Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        way_out = "start one with `dask scheduler`, and give the address that it prints"
        raise ClusterError(f"{address}: no scheduler answers ({error}); {way_out}") from None


# --- on a worker ------------------------------------------------------------------------------------------------------

ZYGOTES: dict[bool, Zygote] = {}
"""A worker's own: that of second runs, and the other one."""

WORKING: set[str] = set()
"""The roots of the jobs at work, each named by its client."""


def _describe(other: bool, dask_worker: Any = None) -> tuple[dict[str, str], int, dict[str, float]]:
    """What this worker has, as the fields of `_Worker`."""
    ZYGOTES.setdefault(other, Zygote(Path(dask_worker.local_directory), 0, other=other))
    return machine(), dask_worker.state.nthreads, dict(dask_worker.state.total_resources)


def _work(text: str, files: dict[str, bytes], other: bool, whose: str) -> tuple[str, str, dict[str, str]]:
    """Run a client's job here: who did it, what came of it, and the versions of what it imported."""
    from distributed import get_worker

    with tempfile.TemporaryDirectory(prefix=f"torchproof-{whose}-", ignore_cleanup_errors=True) as root:
        for path, data in files.items():
            Path(root, path).parent.mkdir(parents=True, exist_ok=True)
            Path(root, path).write_bytes(data)
        WORKING.add(root)
        try:
            run = ZYGOTES[other].run(replace(wire.load(text), root=root))
        finally:
            WORKING.remove(root)
    if run.died and run.died.what == INTERRUPTED:  # with this worker, most likely
        raise InterruptedError(str(run.died))
    return get_worker().address, wire.dump(run), distributions(run.modules)


def _stop(whose: str) -> None:
    """End the sessions of a client, and those that are about to start."""

    def end() -> None:
        while any(whose in root for root in tuple(WORKING)):
            for root, pid in (each for zygote in ZYGOTES.values() for each in tuple(zygote.sessions.items())):
                if whose in root:
                    kill(pid)
            sleep(LOOK)

    threading.Thread(target=end, daemon=True).start()
