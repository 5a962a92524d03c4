"""Inside devices: rehearsals without a GPU, trips counted, numbers compared."""

# %% A tensor that pretends
import torch
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


# %% Copying and indexing cross over tags=["cuda"]
shelf = torch.zeros(3, device="cuda")
shelf.copy_(torch.tensor([1.0, 2.0, 3.0]))
print(shelf)
print(shelf[torch.tensor([0, 2])])


# %% The parameter is still the same tags=["cuda"]
model = torch.nn.Linear(3, 2)
weight = model.weight
model.to("cuda")
print(f"{weight.device = }")
print(f"{model.weight is weight = }")


# %% Another thread keeps the CPU
from concurrent.futures import ThreadPoolExecutor

torch.set_default_device("meta")
with ThreadPoolExecutor() as others:
    print(torch.zeros(1).device, others.submit(torch.zeros, 1).result().device)
torch.set_default_device(None)


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


# %% What kind of GPU tags=["cuda", "volatile"]
properties = torch.cuda.get_device_properties(0)
print(properties.name)
print(f"{properties.total_memory / 2**30:.0f} GiB of memory")
print(f"{properties.multi_processor_count} multiprocessors")
print(f"compute capability {properties.major}.{properties.minor}")


# %% Hidden from the next program tags=["cuda"]
import os
import subprocess
import sys

question = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count())"
hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
said = subprocess.check_output([sys.executable, "-c", question], env=hidden, text=True)
print(said.strip())


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
        way(torch.ones(50, 100))
    print(f"{way.__name__:12} {officer.trips:5} trips {officer.bytes:8,} bytes")


# %% The same bytes, more time tags=["cuda", "volatile"]
from time import perf_counter

table = torch.ones(50, 100)
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
    means = column_means(torch.ones(1000, 20), "cuda:0")
    assert means.shape == (20,) and not means.is_cuda
assert (officer.trips, officer.bytes) == (2, 80_080), (officer.trips, officer.bytes)


# %% Solution: two trips tags=["solution"]
def column_means(table, device):
    """The mean of each column, computed on the device, returned on the CPU."""
    return table.to(device).mean(dim=0).cpu()


assert column_means(known, "cpu").tolist() == [2, 5]
with FakeTensorMode(), Customs() as officer:
    means = column_means(torch.ones(1000, 20), "cuda:0")
    assert means.shape == (20,) and not means.is_cuda
assert (officer.trips, officer.bytes) == (2, 80_080), (officer.trips, officer.bytes)


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


# %% Exercise: one parcel tags=["exercise"]
def send(parts, device):
    """The float tensors of a list, on the device, in the same order and shapes."""
    return [part.to(device) for part in parts]


small = [torch.ones(2, 3), torch.tensor(4.0), torch.zeros(0), torch.arange(3.0)]
same = send(small, "cpu")
assert [part.tolist() for part in same] == [part.tolist() for part in small]
with FakeTensorMode(), Customs() as officer:
    sent = send([torch.ones(2, 3), torch.ones(()), torch.ones(0), torch.ones(3)], "cuda:0")
    assert [part.shape for part in sent] == [part.shape for part in small]
    assert all(part.is_cuda for part in sent)
assert officer.trips == 1, officer.trips


# %% Solution: one parcel tags=["solution"]
def send(parts, device):
    """The float tensors of a list, on the device, in the same order and shapes."""
    parcel = torch.cat([part.flatten() for part in parts]).to(device)
    cut = parcel.split([part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(cut, parts)]


same = send(small, "cpu")
assert [part.tolist() for part in same] == [part.tolist() for part in small]
with FakeTensorMode(), Customs() as officer:
    sent = send([torch.ones(2, 3), torch.ones(()), torch.ones(0), torch.ones(3)], "cuda:0")
assert officer.trips == 1, officer.trips


# %% Wrong: the shapes lost on the way tags=["wrong"]
def send(parts, device):
    parcel = torch.cat([part.flatten() for part in parts]).to(device)
    return list(parcel.split([part.numel() for part in parts]))


# %% Wrong: new ones over there tags=["wrong"]
def send(parts, device):
    return [torch.ones(part.shape, device=device) for part in parts]


# %% Wrong: left at home tags=["wrong"]
def send(parts, device):
    return parts
