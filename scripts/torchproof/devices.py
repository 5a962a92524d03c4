"""The devices that sessions run on, and what a recording says of the machine it was made on.

The build runs the CPU's sessions itself; what another device printed is recorded where there is one (`recording.py`).
`test` is a device without hardware, on which the engine's own tests record.
"""

import contextlib
import os
import subprocess
import sys

__all__ = ["DEVICES", "RECORDED", "probe"]

DEVICES = ("cpu", "cuda", "test")
RECORDED = DEVICES[1:]


def probe(device: str) -> dict[str, str]:
    """Where this session runs: torch, GPU, driver, and the precision in which float32 is multiplied.

    Also names the device to the session, as the environment variable `TORCHPROOF_DEVICE`.

    Raises:
        LookupError: the device is not here; says why.
    """
    os.environ["TORCHPROOF_DEVICE"] = device
    torch = sys.modules.get("torch")
    version = torch.__version__ if torch else "none"
    if device == "test":
        return {"torch": version, "gpu": "no hardware", "driver": "none", "float32": "as on the CPU"}
    if torch is None:
        raise LookupError("torch is not installed")
    if torch.version.cuda is None:
        raise LookupError(f"torch {version} is built without CUDA")
    if not torch.cuda.is_available():
        raise LookupError(f"torch {version} finds no GPU (try nvidia-smi, and CUDA_VISIBLE_DEVICES)")
    return {
        "torch": version,
        "gpu": torch.cuda.get_device_name(0),
        "driver": _driver(),
        "float32": f"matmul {_precision(torch.backends.cuda.matmul)}, conv {_precision(torch.backends.cudnn.conv)}",
    }


def _precision(backend: object) -> str:
    """`tf32` where products of float32 are rounded to TF32, else `ieee` (which torch also calls `none`)."""
    return "tf32" if backend.fp32_precision == "tf32" else "ieee"


def _driver() -> str:
    """Version of the NVIDIA driver, as nvidia-smi tells it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        return told.split("\n")[0].strip()
    return "unknown"
