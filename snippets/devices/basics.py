"""Devices: where tensors live, how they travel, and what happens on a GPU."""

# %% Is there a GPU here?
import torch

print(f"{torch.cuda.is_available() = }")
print(f"{torch.cuda.device_count() = }")

# %% A device is only a name
gpu = torch.device("cuda")
second = torch.device("cuda", 1)
print(gpu, second)
print(f"{gpu.type = }, {gpu.index = }")
print(f"{second.type = }, {second.index = }")

# %% A comparison that is never true
numbers = torch.tensor([1.0, 2.0, 3.0])
print(f"{numbers.device == 'cpu' = }")
print(f"{numbers.device.type == 'cpu' = }")

# %% One choice, two spellings
classic = "cuda" if torch.cuda.is_available() else "cpu"
device = torch.accelerator.current_accelerator(check_available=True)
device = device or torch.device("cpu")
print(f"{classic = }")
print(f"{device = }")

# %% The rest does not ask again
lengths = torch.tensor([1.0, 2.0, 3.0], device=device)
doubled = 2 * lengths
print(doubled)

# %% Where there is no GPU tags=["cpu"]
refusals = {
    "Torch not compiled with CUDA enabled": AssertionError,
    "Found no NVIDIA driver on your system": RuntimeError,
    "No CUDA GPUs are available": RuntimeError,
}
try:
    torch.zeros(3, device="cuda")
except tuple(refusals.values()) as error:
    print([words in str(error) for words in refusals].count(True), "of these three")

# %% Made there, carried there tags=["cuda"]
made = torch.tensor([1.0, 2.0, 3.0], device="cuda")
carried = numbers.to("cuda")
print(made)
print(f"{made.is_cuda = }, {carried.is_cuda = }, {numbers.is_cuda = }")
print(f"{made.get_device() = }, {numbers.get_device() = }")

# %% Nothing to move, nothing copied tags=["facts-differ"]
moved = numbers.to(device)
print(f"{numbers.is_cuda = }, {moved.is_cuda = }")
print(f"{moved is numbers = }")

# %% The move that nobody kept
plan = torch.zeros(2, 3)
plan.to("meta")
print(plan.device)
plan = plan.to("meta")
print(plan.device)

# %% A module moves itself
layer = torch.nn.Linear(3, 2)
before = layer.weight
layer.to("meta")
print(layer.weight.device)

# %% The parameter is still the same tags=["cuda"]
model = torch.nn.Linear(3, 2)
weight = model.weight
model.to("cuda")
print(f"{weight.device = }")
print(f"{model.weight is weight = }")


# %% One tensor stays behind
class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("scale", torch.full((3,), 2.0))
        self.shift = torch.zeros(3)


scaled = Scaled().to("meta")
for name in ("weight", "scale", "shift"):
    print(f"{name:7}{getattr(scaled, name).device}")

# %% No data to carry tags=["raises-exception"]
scaled.to("cpu")

# %% Two devices do not mix tags=["cuda", "raises-exception"]
made + numbers

# %% Copying and indexing cross over tags=["cuda"]
shelf = torch.zeros(3, device="cuda")
shelf.copy_(numbers)
print(shelf)
print(shelf[torch.tensor([0, 2])])

# %% An index from the GPU tags=["cuda", "raises-exception"]
numbers[torch.tensor([0, 2], device="cuda")]

# %% A tensor that pretends
from torch._subclasses import FakeTensorMode

with FakeTensorMode():
    actor = torch.ones(2, 3, device="cuda")
    print(actor)
    print(actor.sum(dim=0))

# %% The rehearsal stops at the same line tags=["raises-exception"]
with FakeTensorMode():
    torch.ones(3, device="cuda") + torch.ones(3)

# %% Which pairs may meet
from itertools import product


def meet(left, right):
    """The device of left * right, each given as shape and device."""
    a = torch.ones(left[0], device=left[1])
    b = torch.ones(right[0], device=right[1])
    try:
        return str((a * b).device)
    except RuntimeError:
        return "refused"


pairs = list(product([(3,), (1,), ()], repeat=2))
with FakeTensorMode():
    rehearsed = [meet((a, "cuda"), (b, "cpu")) for a, b in pairs]
print("on cuda  on cpu")
for (a, b), result in zip(pairs, rehearsed):
    print(f"{a!s:8} {b!s:8} {result}")

# %% The GPU agrees with the rehearsal tags=["cuda"]
real = [meet((a, "cuda"), (b, "cpu")) for a, b in pairs]
print(f"{real == rehearsed = }")

# %% NumPy reads only the CPU tags=["cuda", "raises-exception"]
made.numpy()

# %% First to the CPU, then to NumPy tags=["cuda"]
print(made.cpu().numpy())
print(made.tolist(), made.sum().item())

# %% One line, two meanings tags=["facts-differ"]
readings = torch.tensor([1.0, 2.0, 3.0], device=device)
array = readings.cpu().numpy()
array[0] = 99
print(readings)

# %% Who listens to the default
here = torch.zeros(2)
makers = {
    "torch.tensor([1.0])": lambda: torch.tensor([1.0]),
    "torch.rand(2)": lambda: torch.rand(2),
    "torch.normal(0, 1, (2,))": lambda: torch.normal(0, 1, (2,)),
    "torch.asarray(array)": lambda: torch.asarray(array),
    "nn.Linear(2, 2).weight": lambda: torch.nn.Linear(2, 2).weight,
    "torch.zeros_like(here)": lambda: torch.zeros_like(here),
    "here.new_zeros(2)": lambda: here.new_zeros(2),
    "torch.from_numpy(array)": lambda: torch.from_numpy(array),
    "torch.Tensor([1.0])": lambda: torch.Tensor([1.0]),
    "torch.Generator()": lambda: torch.Generator(),
}
with torch.device("meta"):
    for name, make in makers.items():
        print(f"{name:24} {make().device}")

# %% Numbers there, generator here tags=["cuda", "raises-exception"]
with torch.device("cuda"):
    torch.randperm(4, generator=torch.Generator())

# %% Another thread keeps the CPU
from concurrent.futures import ThreadPoolExecutor

torch.set_default_device("meta")
with ThreadPoolExecutor() as others:
    print(torch.zeros(1).device, others.submit(torch.zeros, 1).result().device)
torch.set_default_device(None)

# %% The same gradient over there tags=["cuda"]
there = torch.tensor([1.0, 2.0, 3.0], device="cuda", requires_grad=True)
(there**2).sum().backward()
print(there.grad)

# %% A leaf here, no leaf there tags=["facts-differ"]
start = torch.tensor([1.0, 2.0], requires_grad=True).to(device)
print(f"{start.is_leaf = }")

# %% Equal, or as good as equal tags=["cuda"]
whole = torch.arange(4096.0).reshape(64, 64) % 7
torch.manual_seed(0)
parts = torch.rand(64, 64)
whole_there = (whole.to("cuda") @ whole.to("cuda")).cpu()
parts_there = (parts.to("cuda") @ parts.to("cuda")).cpu()
print(f"{torch.equal(whole_there, whole @ whole) = }")
torch.testing.assert_close(parts_there, parts @ parts)

# %% The same sum in another order
torch.manual_seed(0)
rows, columns = torch.randn(2, 64, 64)
order = torch.randperm(64)
in_order, shuffled = rows @ columns, rows[:, order] @ columns[order]
print(f"{torch.equal(in_order, shuffled) = }")
print(f"{torch.allclose(in_order, shuffled) = }")
torch.testing.assert_close(in_order, shuffled)

# %% One seed, two streams tags=["cuda"]
torch.manual_seed(0)
drawn_here, drawn_there = torch.rand(3), torch.rand(3, device="cuda")
torch.manual_seed(0)
again_there, again_here = torch.rand(3, device="cuda"), torch.rand(3)
print(f"{torch.equal(drawn_here, again_here) = }")
print(f"{torch.equal(drawn_there, again_there) = }")
print(f"{torch.equal(drawn_here, drawn_there.cpu()) = }")

# %% Drawn here, used anywhere
torch.manual_seed(0)
noise = torch.rand(3).to(device)
print(noise)

# %% An officer at the border
from torch.utils._python_dispatch import TorchDispatchMode


class Customs(TorchDispatchMode):
    """Counts what `to` and `cpu` carry across, and waves it through."""

    trips = bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        is_copy = func is torch.ops.aten._to_copy.default
        if is_copy and result.device != args[0].device:
            self.trips += 1
            self.bytes += result.nbytes
        return result


# %% Row by row, or all at once
def row_by_row(table):
    return sum(row.to("cuda:0").sum().cpu() for row in table)


def all_at_once(table):
    return table.to("cuda:0").sum().cpu()


for way in (row_by_row, all_at_once):
    with FakeTensorMode(), Customs() as officer:
        way(torch.ones(200, 100))
    print(f"{way.__name__:12} {officer.trips:5} trips {officer.bytes:8,} bytes")

# %% The same bytes, more time tags=["cuda", "volatile"]
from time import perf_counter

table = torch.ones(200, 100)
seconds = {}
for way in (row_by_row, all_at_once):
    way(table)  # the first call of anything on a GPU is slow
    began = perf_counter()
    way(table)
    seconds[way] = perf_counter() - began
    print(f"{way.__name__:12} {1e6 * seconds[way]:8.0f} µs")

# %% Work per byte carried
import matplotlib.pyplot as plt

sizes = torch.tensor([2.0**k for k in range(2, 13)])
carried_bytes = 3 * sizes**2 * 4  # two matrices there, one back, float32
fig, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(sizes, 2 * sizes**3 / carried_bytes, marker="o", label="a @ b")
axes.plot(sizes, sizes**2 / carried_bytes, marker="o", label="a + b")
axes.set(xlabel="rows and columns", ylabel="operations per byte")
axes.set_title("Work per byte carried, for square matrices")
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.legend()
plt.show()

# %% What kind of GPU tags=["cuda", "volatile"]
properties = torch.cuda.get_device_properties(0)
print(properties.name)
print(f"{properties.total_memory / 2**30:.0f} GiB of memory")
print(f"{properties.multi_processor_count} multiprocessors")
print(f"compute capability {properties.major}.{properties.minor}")

# %% No such GPU tags=["cuda", "raises-exception"]
torch.zeros(3, device="cuda:99")

# %% Hidden from the next program tags=["cuda"]
import os
import subprocess
import sys

question = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count())"
hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
said = subprocess.check_output([sys.executable, "-c", question], env=hidden, text=True)
print(said.strip())


# %% Exercise: a function that follows its input tags=["exercise"]
def with_positions(rows):
    """rows, with 0, 1, 2, … added along the last axis."""
    return rows + torch.arange(rows.shape[-1])


def with_positions_spec(rows):
    return torch.tensor([[x + i for i, x in enumerate(row)] for row in rows.tolist()])


for tens in (torch.full((2, 3), 10.0), torch.full((3, 5), 10.0)):
    assert torch.equal(with_positions(tens), with_positions_spec(tens))
with FakeTensorMode():
    assert with_positions(torch.ones(2, 3, device="cuda")).is_cuda
assert with_positions(torch.ones(2, 3, device="meta")).is_meta


# %% Solution: a function that follows its input tags=["solution"]
def with_positions(rows):
    """rows, with 0, 1, 2, … added along the last axis."""
    return rows + torch.arange(rows.shape[-1], device=rows.device)


for tens in (torch.full((2, 3), 10.0), torch.full((3, 5), 10.0)):
    assert torch.equal(with_positions(tens), with_positions_spec(tens))
with FakeTensorMode():
    assert with_positions(torch.ones(2, 3, device="cuda")).is_cuda
assert with_positions(torch.ones(2, 3, device="meta")).is_meta


# %% Wrong: always on the GPU tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(rows.shape[-1], device="cuda")


# %% Wrong: home to the CPU tags=["wrong"]
def with_positions(rows):
    return rows.cpu() + torch.arange(rows.shape[-1])


# %% Wrong: along the first axis tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(rows.shape[0], device=rows.device)[:, None]


# %% Wrong: two devices and no third tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(rows.shape[-1], device="cuda" if rows.is_cuda else "cpu")


# %% Wrong: three columns for ever tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(3, device=rows.device)


# %% Wrong: the input changes with it tags=["wrong"]
def with_positions(rows):
    rows += torch.arange(rows.shape[-1], device=rows.device)
    return rows


# %% Exercise: carry a whole batch tags=["exercise"]
from collections import OrderedDict, namedtuple


def to_device(batch, device):
    """The same batch, with every tensor in it on the device."""
    return {key: value.to(device) for key, value in batch.items()}


def describe(batch):
    """A batch in words: its containers, the devices of its tensors, and the rest."""
    kind = type(batch).__name__
    if isinstance(batch, torch.Tensor):
        return batch.device.type
    if isinstance(batch, dict):
        return kind, [(key, describe(value)) for key, value in batch.items()]
    if isinstance(batch, (list, tuple)):
        return kind, [describe(part) for part in batch]
    return batch


Boxes = namedtuple("Boxes", "corners sizes")
batch = {
    "pictures": torch.arange(6.0).view(2, 3),
    "boxes": Boxes([torch.zeros(1, 4), torch.zeros(5, 4)], (torch.zeros(2), 3)),
    "scales": OrderedDict(x=torch.ones(1), y={}),
    "file": "cat.jpg",
}
packed = str(describe(batch))
sent = str(describe(to_device(batch, "meta")))
assert sent == packed.replace("cpu", "meta"), sent
assert str(describe(batch)) == packed, "the original has changed"
assert to_device(batch, "cpu")["pictures"].equal(torch.arange(6.0).view(2, 3)), "other numbers"


# %% Solution: carry a whole batch tags=["solution"]
def to_device(batch, device):
    """The same batch, with every tensor in it on the device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return type(batch)((key, to_device(value, device)) for key, value in batch.items())
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


sent = str(describe(to_device(batch, "meta")))
assert sent == packed.replace("cpu", "meta"), sent
assert str(describe(batch)) == packed, "the original has changed"
assert to_device(batch, "cpu")["pictures"].equal(torch.arange(6.0).view(2, 3)), "other numbers"


# %% Wrong: every sequence a list tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [to_device(part, device) for part in batch]
    return batch


# %% Wrong: the original is changed tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        batch.update({key: to_device(value, device) for key, value in batch.items()})
    if isinstance(batch, list):
        batch[:] = [to_device(part, device) for part in batch]
    if isinstance(batch, tuple):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Wrong: the right places, other numbers tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return torch.zeros_like(batch, device=device)
    if isinstance(batch, dict):
        return type(batch)((key, to_device(value, device)) for key, value in batch.items())
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Wrong: ones for whatever it was tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return torch.ones_like(batch, device=device)
    if isinstance(batch, dict):
        return type(batch)((key, to_device(value, device)) for key, value in batch.items())
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Exercise: who stayed behind tags=["exercise"]
def stragglers(module, device):
    """Names of all tensors in a module that are on another device."""
    named = module.named_parameters()
    return [name for name, value in named if value.device.type != device]


house = torch.nn.Sequential(Scaled(), torch.nn.Linear(3, 2), Scaled())
assert len(stragglers(house, "meta")) == 8, stragglers(house, "meta")
assert stragglers(house.to("meta"), "meta") == ["0.shift", "2.shift"]
assert stragglers(Scaled().to("meta"), "meta") == ["shift"]


# %% Solution: who stayed behind tags=["solution"]
def stragglers(module, device):
    """Names of all tensors in a module that are on another device."""
    found = []
    for path, part in module.named_modules():
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device.type != device:
                found.append(f"{path}.{name}".lstrip("."))
    return found


house = torch.nn.Sequential(Scaled(), torch.nn.Linear(3, 2), Scaled())
assert len(stragglers(house, "meta")) == 8, stragglers(house, "meta")
assert stragglers(house.to("meta"), "meta") == ["0.shift", "2.shift"]
assert stragglers(Scaled().to("meta"), "meta") == ["shift"]


# %% Wrong: what would be saved tags=["wrong"]
def stragglers(module, device):
    saved = module.state_dict().items()
    return [name for name, value in saved if value.device.type != device]


# %% Wrong: without their path tags=["wrong"]
def stragglers(module, device):
    found = []
    for part in module.modules():
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device.type != device:
                found.append(name)
    return found


# %% Wrong: a device against its string tags=["wrong"]
def stragglers(module, device):
    found = []
    for path, part in module.named_modules():
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device != device:
                found.append(f"{path}.{name}".lstrip("."))
    return found


# %% Wrong: a dot before the module's own tags=["wrong"]
def stragglers(module, device):
    found = []
    for path, part in module.named_modules():
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device.type != device:
                found.append(f"{path}.{name}")
    return found


# %% Exercise: predict the meeting tags=["exercise"]
def predict(left, right):
    """What meet(left, right) will say, without asking PyTorch."""
    return left[1] if left[1] == right[1] else "refused"


guests = list(product([(3,), (1,), ()], ["cpu", "cuda:0"]))
with FakeTensorMode():
    for left, right in product(guests, guests):
        assert predict(left, right) == meet(left, right), (left, right)


# %% Solution: predict the meeting tags=["solution"]
def predict(left, right):
    """What meet(left, right) will say, without asking PyTorch."""
    if left[1] == right[1] or right == ((), "cpu"):
        return left[1]
    return right[1] if left == ((), "cpu") else "refused"


with FakeTensorMode():
    for left, right in product(guests, guests):
        assert predict(left, right) == meet(left, right), (left, right)


# %% Wrong: a single number goes anywhere tags=["wrong"]
def predict(left, right):
    if left[1] == right[1] or right[0] == ():
        return left[1]
    return right[1] if left[0] == () else "refused"


# %% Wrong: one number, with an axis or without tags=["wrong"]
def predict(left, right):
    single = [((), "cpu"), ((1,), "cpu")]
    if left[1] == right[1] or right in single:
        return left[1]
    return right[1] if left in single else "refused"


# %% Wrong: the CPU takes whatever has an axis tags=["wrong"]
def predict(left, right):
    if left[1] == right[1] or left[0] == ():
        return right[1]
    return left[1] if right[0] == () else "refused"


# %% Exercise: two trips tags=["exercise"]
def column_means(table, device):
    """The mean of each column, computed on the device, returned on the CPU."""
    return torch.stack([column.to(device).mean().cpu() for column in table.unbind(1)])


known = torch.tensor([[1.0, 2.0], [3.0, 8.0]])
assert column_means(known, "cpu").tolist() == [2, 5]
with FakeTensorMode(), Customs() as officer:
    means = column_means(torch.ones(1000, 100), "cuda:0")
    assert means.shape == (100,) and not means.is_cuda
assert (officer.trips, officer.bytes) == (2, 400_400), (officer.trips, officer.bytes)


# %% Solution: two trips tags=["solution"]
def column_means(table, device):
    """The mean of each column, computed on the device, returned on the CPU."""
    return table.to(device).mean(dim=0).cpu()


assert column_means(known, "cpu").tolist() == [2, 5]
with FakeTensorMode(), Customs() as officer:
    means = column_means(torch.ones(1000, 100), "cuda:0")
    assert means.shape == (100,) and not means.is_cuda
assert (officer.trips, officer.bytes) == (2, 400_400), (officer.trips, officer.bytes)


# %% Wrong: two trips, and the work at home tags=["wrong"]
def column_means(table, device):
    return table.mean(dim=0).to(device).cpu()


# %% Wrong: sums for means tags=["wrong"]
def column_means(table, device):
    return table.to(device).sum(dim=0).cpu()


# %% Wrong: no officer sees a list tags=["wrong"]
def column_means(table, device):
    return torch.tensor([sum(column) / len(column) for column in zip(*table.tolist())])


# %% Wrong: one mean for all columns tags=["wrong"]
def column_means(table, device):
    return table.to(device).mean().cpu().expand(table.shape[1])
