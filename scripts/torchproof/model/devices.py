"""The devices that sessions run on: how each is found, what hides it from other sessions, and what it is called.

The build runs the CPU's sessions itself; what another device printed is recorded where there is one
(`compare/recordings.py`). To add a device, write its `Device` here, with its probe.
"""

import contextlib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CPU", "DEVICES", "RECORDED", "Device"]


@dataclass(frozen=True)
class Device:
    """A kind of device, and all that the engine needs to know of it."""

    name: str
    """As torch, a tag and the end of a transcript's name have it."""
    machine: str = ""
    """What a recording waits for, with its article."""
    available: str = "True"
    """The expression by which a script asks whether it is there."""
    hide: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that keep it from the sessions of other devices: what those print must not depend on it."""
    facts: tuple[str, ...] = ()
    """What a recording says of its machine besides torch and the date; the machine's own name first."""
    makers: tuple[str, ...] = ()
    """What a machine's name begins with: a volatile cell may print another one."""
    probe: Callable[[Any], tuple[str, ...]] = lambda torch: ()
    """The values of `facts`, given torch or None, in a session; raises LookupError, saying why, where it is not."""
    forks: bool = False
    """Whether a fork of a session can go on using it."""
    rehearses: bool = False
    """Whether fake tensors can stand for its own where it is not."""
    internal: bool = False
    """Whether it is for the engine's own tests, and named to nobody."""

    @property
    def label(self) -> str:
        """As pages write it."""
        return self.name.upper()

    @property
    def run(self) -> str:
        """What a cell without a recording waits for."""
        return f"{self.machine} run"

    @property
    def provenance(self) -> tuple[str, ...]:
        """The names of what the first line of a recording says of its run."""
        return ("torch", *self.facts, "date") if self.facts else ("torch",)


def _probe_cuda(torch: Any) -> tuple[str, ...]:
    if torch is None:
        raise LookupError("torch is not installed")
    if torch.version.cuda is None:
        raise LookupError(f"torch {torch.__version__} is built without CUDA")
    if not torch.cuda.is_available():
        raise LookupError(f"torch {torch.__version__} finds no GPU (try nvidia-smi, and CUDA_VISIBLE_DEVICES)")
    precisions = f"matmul {_precision(torch.backends.cuda.matmul)}, conv {_precision(torch.backends.cudnn.conv)}"
    return torch.cuda.get_device_name(0), _driver(), precisions


def _precision(backend: Any) -> str:
    """`tf32` where products of float32 are rounded to TF32, else `ieee` (which torch also calls `none`)."""
    return "tf32" if backend.fp32_precision == "tf32" else "ieee"


def _driver() -> str:
    """Version of the NVIDIA driver, as nvidia-smi tells it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        return told.split("\n")[0].strip()
    return "unknown"


CPU = Device("cpu", forks=True)

CUDA = Device(
    "cuda",
    machine="a GPU",
    available="torch.cuda.is_available()",
    hide={"CUDA_VISIBLE_DEVICES": ""},
    facts=("gpu", "driver", "float32"),
    makers=("NVIDIA", "AMD", "Tesla", "GeForce"),
    probe=_probe_cuda,
    rehearses=True,
)

TEST = Device(
    "test",
    machine="a GPU",
    facts=("gpu", "driver", "float32"),
    probe=lambda torch: ("no hardware", "none", "as on the CPU"),
    internal=True,
)
"""A device without hardware, on which the engine's own tests record."""

DEVICES = {device.name: device for device in (CPU, CUDA, TEST)}
RECORDED = {name: device for name, device in DEVICES.items() if device is not CPU}
