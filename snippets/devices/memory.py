"""Out of memory: what is in memory, and how to need less of it."""

# %% Four times the weights
import torch
from torch import nn

torch.manual_seed(0)
blocks = [nn.Sequential(nn.Linear(128, 128), nn.ReLU()) for _ in range(8)]
model = nn.Sequential(*blocks)
optimizer = torch.optim.Adam(model.parameters())
batch = torch.rand(512, 128)

model(batch).square().mean().backward()
optimizer.step()

weights = sum(p.nbytes for p in model.parameters())
gradients = sum(p.grad.nbytes for p in model.parameters())
adam = sum(t.nbytes for s in optimizer.state.values() for t in s.values())
print(f"{weights:,} + {gradients:,} + {adam:,}")

# %% Two training steps tags=["hide-input"]
import weakref

import matplotlib.pyplot as plt
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Meter(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, after every operation."""

    def __init__(self, *tensors):
        super().__init__()
        self.live, self.curve, self.known = 0, [], set()
        self.watch(tensors)

    @property
    def peak(self):
        return max(self.curve)

    def watch(self, results):
        for tensor in tree_leaves(results):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in self.known:
                    self.known.add(id(storage))
                    self.live += storage.nbytes()
                    weakref.finalize(storage, self.forget, id(storage), storage.nbytes())
        self.curve.append(self.live)

    def forget(self, storage_id, nbytes):
        self.known.remove(storage_id)
        self.live -= nbytes

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        self.watch(results)
        return results


optimizer = torch.optim.Adam(model.parameters())
optimizer.zero_grad()

with Meter(*model.parameters(), batch) as meter:
    marks = [0]
    for _ in range(2):
        loss = model(batch).square().mean()
        marks.append(len(meter.curve))
        loss.backward()
        marks.append(len(meter.curve))
        optimizer.step()
        optimizer.zero_grad()
        marks.append(len(meter.curve))
        del loss


def show_curves(curves, title):
    plt.figure(figsize=(5, 1.85))
    for (label, curve), style in zip(curves.items(), ["-", "--", ":"]):
        plt.plot([nbytes / 2**20 for nbytes in curve], style, label=label)
    plt.ylim(bottom=0)
    plt.xlabel("operation")
    plt.ylabel("MiB alive")
    plt.title(title)
    plt.legend()


show_curves({"two steps": meter.curve}, "Two training steps")
plt.gca().get_legend().remove()
for start, end, name in zip(marks, marks[1:], ["forward", "backward", "step"] * 2):
    plt.axvspan(start, end, alpha={"forward": 0.1, "backward": 0.25, "step": 0.0}[name], color="C1", lw=0)
    plt.text((start + end) / 2, 0.1 if name == "backward" else 0.5, name, ha="center", fontsize=8)
plt.show()


# %% A hook sees what is kept
def kept(compute, besides=()):
    """Bytes that autograd keeps for backward, besides these tensors."""
    storages = set()

    def look(tensor):
        storages.add(tensor.untyped_storage())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(look, lambda tensor: tensor):
        compute()
    storages -= {tensor.untyped_storage() for tensor in besides}
    return sum(storage.nbytes() for storage in storages)


numbers = torch.rand(1000, requires_grad=True)  # 4000 bytes


# %% Twice the batch, twice the activations
for rows in (128, 256, 512):
    part = batch[:rows].clone()
    activations = kept(lambda: model(part), besides=model.parameters())
    print(f"{rows:4} {activations:9,}")

# %% Without recording, nothing is kept
with Meter(*model.parameters(), batch) as recorded:
    model(batch)
with Meter(*model.parameters(), batch) as predicted, torch.no_grad():
    model(batch)
print(f"recorded  {recorded.peak:9,}")
print(f"predicted {predicted.peak:9,}")


# %% Four small batches, one gradient
def accumulate(parts):
    model.zero_grad()
    for part in batch.chunk(parts):
        loss = model(part).square().mean() / parts
        loss.backward()
    return model[0][0].weight.grad.clone()


for parts in (1, 2, 4):
    with Meter(*model.parameters(), batch) as meter:
        gradient = accumulate(parts)
    print(f"{parts} {meter.peak:9,}")
    torch.testing.assert_close(gradient, accumulate(1))

# %% Keep the ends, compute the middle again
from torch.utils.checkpoint import checkpoint


def run_checkpointed(model, x):
    for block in model:
        x = checkpoint(block, x, use_reentrant=False)
    return x


# %% With dropout, the same gradient to the last bit
noisy = nn.Sequential(*[nn.Sequential(nn.Linear(128, 128), nn.GELU(), nn.Dropout(0.5)) for _ in range(8)])


def measure(run):
    torch.manual_seed(0)
    noisy.zero_grad()
    with Meter(*noisy.parameters(), batch) as meter:
        run(noisy, batch).square().mean().backward()
    return meter, [p.grad for p in noisy.parameters()]


plain, plain_gradients = measure(lambda model, x: model(x))
thrifty, thrifty_gradients = measure(run_checkpointed)
print(f"plain        {plain.peak:10,}")
print(f"checkpointed {thrifty.peak:10,}")
print(all(torch.equal(a, b) for a, b in zip(plain_gradients, thrifty_gradients)))


# %% A generator of your own is not put back
import random

own, drawn, rolled = torch.Generator().manual_seed(0), [], []


def shake(x):
    drawn.append(torch.rand(9, generator=own))
    rolled.append(random.random())
    return (x * drawn[-1]).sin()


checkpoint(shake, torch.ones(9, requires_grad=True), use_reentrant=False).sum().backward()
print(len(drawn), torch.equal(drawn[0], drawn[1]), rolled[0] == rolled[1])

# %% Lower, and longer tags=["hide-input"]
show_curves({"plain": plain.curve, "checkpointed": thrifty.curve}, "Forward and backward, eight blocks")
plt.show()

# %% The old way gives no gradient
import warnings

block = nn.Linear(4, 4)
inputs = torch.rand(2, 4)
with warnings.catch_warnings(record=True) as caught:
    result = checkpoint(block, inputs, use_reentrant=True)
print(caught[0].message)
print(f"{result.requires_grad = }")

# %% Activations of two bytes
for enabled in (False, True):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        print(f"{kept(lambda: model(batch), besides=model.parameters()):9,}")

# %% A weight of two bytes stands still
weight = torch.tensor(1.0, dtype=torch.bfloat16)
print(weight - 0.001)

# %% Who remembers how much
from torch import optim

for name, make in {
    "SGD": optim.SGD,
    "SGD, momentum": lambda params: optim.SGD(params, momentum=0.9),
    "Adam": optim.Adam,
    "Adafactor": optim.Adafactor,
}.items():
    matrix = nn.Parameter(torch.rand(512, 512))
    matrix.grad = torch.rand(512, 512)
    chosen = make([matrix])
    chosen.step()
    remembered = [t for t in chosen.state[matrix].values() if t is not None]
    print(f"{name:13} {sum(t.nbytes for t in remembered) / matrix.nbytes:.2f}")

# %% A step takes room, too
for option in ({"foreach": False}, {"foreach": True}, {"fused": True}):
    adam = optim.Adam(model.parameters(), **option)
    model(batch).square().mean().backward()
    adam.step()
    held = [adam.param_groups, [p.grad for p in model.parameters()], *adam.state.values()]
    with Meter(held) as meter:
        adam.step()
    print(f"{(meter.peak - meter.curve[0]) / weights:.2f} {option}")

# %% Every loss in the list keeps a graph
with Meter(*model.parameters(), batch) as meter:
    losses = []
    for _ in range(3):
        losses.append(model(batch).square().mean())
        print(f"{meter.live:10,}")

# %% One row keeps the whole table
with Meter() as meter:
    rows = [torch.zeros(500, 500)[0] for _ in range(3)]
    print(f"{meter.live:10,}")
    rows = [row.clone() for row in rows]
    print(f"{meter.live:10,}")

# %% del takes away a name
with Meter() as meter:
    table = torch.zeros(500, 500)
    another_name = table
    del table
    print(f"{meter.live:9,}")
    del another_name
    print(f"{meter.live:9,}")

# %% The last result waits for the next one
with torch.no_grad(), Meter() as meter:
    for _ in range(3):
        result = torch.zeros(500, 500)
print(f"{meter.peak:9,}")
with torch.no_grad(), Meter() as meter:
    for _ in range(3):
        result = torch.zeros(500, 500)
        del result
print(f"{meter.peak:9,}")

# %% More than the GPU has tags=["cuda", "volatile", "raises-exception"]
torch.empty(2**50, dtype=torch.uint8, device="cuda")

# %% More than any machine has tags=["raises-exception"]
torch.empty(2**60)


# %% In the except block it is all still there
def too_much():
    table = torch.zeros(500, 500)
    raise torch.OutOfMemoryError("as a GPU would say")


with Meter() as meter:
    try:
        too_much()
    except torch.OutOfMemoryError:
        print(f"in the except block {meter.live:9,}")
    print(f"after it            {meter.live:9,}")

# %% Asked for, held, given back tags=["cuda"]
torch.cuda.empty_cache()
held = torch.cuda.memory_reserved()
table = torch.zeros(10_000, 10_000, device="cuda")
print(torch.cuda.memory_allocated() >= table.nbytes)
del table
print(torch.cuda.memory_reserved() >= held + 400_000_000)
torch.cuda.empty_cache()
print(torch.cuda.memory_reserved() == held)

# %% The peak of one step tags=["cuda"]
model.to("cuda")
there = batch.to("cuda")
model(there).mean().backward()  # the first call takes memory of its own, for the libraries
model.zero_grad()
peaks = []
for rows in (256, 512):
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    model(there[:rows]).square().mean().backward()
    peaks.append(torch.cuda.max_memory_allocated() - before)
    model.zero_grad()
print(1.2 < peaks[1] / peaks[0] < 2.2)
model = model.to("cpu")

# %% A model larger than the memory
with torch.device("meta"):
    giant = nn.Linear(500_000, 500_000)
print(f"{sum(p.nbytes for p in giant.parameters()):,}")


# %% Exercise: the bytes of training tags=["exercise"]
def training_bytes(model):
    """Bytes of the weights, their gradients and Adam's averages."""
    return sum(4 * 4 * p.numel() for p in model.parameters())


shared = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10, bias=False))
shared[1].weight = shared[0].weight
frozen = nn.Sequential(nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 2))
assert training_bytes(nn.Linear(4, 4)) == 20 * 16
assert training_bytes(nn.Linear(4, 4).double()) == 20 * 32, "float64"
assert training_bytes(shared) == 40 * 16, "one weight, two names"
assert training_bytes(frozen) == 20 * 4 + 10 * 16, "a frozen layer"
assert training_bytes(nn.BatchNorm1d(4)) == 8 * 16, "buffers are neither trained nor averaged"


# %% Solution: the bytes of training tags=["solution"]
def training_bytes(model):
    """Bytes of the weights, their gradients and Adam's averages."""
    return sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())


print(training_bytes(frozen))


# %% Wrong: four bytes for each number tags=["wrong"]
def training_bytes(model):
    return sum((16 if p.requires_grad else 4) * p.numel() for p in model.parameters())


# %% Wrong: the frozen ones too tags=["wrong"]
def training_bytes(model):
    return sum(4 * p.nbytes for p in model.parameters())


# %% Wrong: by names, and not by weights tags=["wrong"]
def training_bytes(model):
    named = model.state_dict(keep_vars=True).values()
    return sum((4 if p.requires_grad else 1) * p.nbytes for p in named if isinstance(p, nn.Parameter))


# %% Wrong: buffers too tags=["wrong"]
def training_bytes(model):
    return sum(t.nbytes * (4 if t.requires_grad else 1) for t in [*model.parameters(), *model.buffers()])


# %% Wrong: the frozen ones not at all tags=["wrong"]
def training_bytes(model):
    return sum(4 * p.nbytes for p in model.parameters() if p.requires_grad)


# %% Exercise: keep a row, and nothing else tags=["exercise"]
def best_rows(model, batches):
    """From each batch the row of the output with the largest sum."""
    rows = []
    for batch in batches:
        output = model(batch)
        rows.append(output[output.sum(dim=1).argmax()])
    return rows


def check_best_rows(best_rows):
    torch.manual_seed(0)
    network, batches = nn.Linear(4, 100), torch.rand(3, 50, 4)
    right = [output[output.sum(dim=1).argmax()] for output in map(network, batches)]
    with Meter(*network.parameters(), batches) as meter:
        before = meter.live
        rows = best_rows(network, batches)
        assert meter.live - before == 1200, f"{meter.live - before:,} bytes are still there, not 1,200"
    for row, expected in zip(rows, right, strict=True):
        assert torch.allclose(row, expected), "another row"
        assert not row.requires_grad, "it still holds its history"


check_best_rows(best_rows)


# %% Solution: keep a row, and nothing else tags=["solution"]
def best_rows(model, batches):
    """From each batch the row of the output with the largest sum."""
    rows = []
    for batch in batches:
        with torch.no_grad():
            output = model(batch)
        rows.append(output[output.sum(dim=1).argmax()].clone())
    return rows


check_best_rows(best_rows)


# %% Wrong: detached, and still a view tags=["wrong"]
def best_rows(model, batches):
    outputs = [model(batch).detach() for batch in batches]
    return [output[output.sum(dim=1).argmax()] for output in outputs]


# %% Wrong: cloned, and still in the graph tags=["wrong"]
def best_rows(model, batches):
    outputs = [model(batch) for batch in batches]
    return [output[output.sum(dim=1).argmax()].clone() for output in outputs]


# %% Wrong: rows of zeros tags=["wrong"]
def best_rows(model, batches):
    return [torch.zeros(100) for _ in batches]


# %% Wrong: the row with the largest number tags=["wrong"]
def best_rows(model, batches):
    with torch.no_grad():
        return [output[output.amax(dim=1).argmax()].clone() for output in map(model, batches)]


# %% Exercise: half until it fits tags=["exercise"]
def run_what_fits(step, rows):
    """step(rows), with half the rows after each OutOfMemoryError."""
    try:
        return step(rows)
    except RuntimeError:
        return step(rows // 2)


def check_run_what_fits(run_what_fits):
    def step_with_room_for(room, calls):
        tables = []

        def step(rows):
            calls.append(rows)
            assert not any(table() is not None for table in tables), "the last try is still in memory"
            assert rows > 0, "no rows at all"
            table = torch.zeros(rows)
            tables.append(weakref.ref(table))
            if rows > room:
                raise torch.OutOfMemoryError(f"no room for {rows}")
            return f"{rows} fit"

        return step

    for room, tries in [(100, [64]), (32, [64, 32]), (10, [64, 32, 16, 8]), (1, [64, 32, 16, 8, 4, 2, 1])]:
        calls = []
        assert run_what_fits(step_with_room_for(room, calls), 64) == f"{tries[-1]} fit"
        assert calls == tries, f"room for {room}: tried {calls}"
    try:
        run_what_fits(step_with_room_for(0, []), 64)
        raise AssertionError("not even one row fits, and nobody is told")
    except torch.OutOfMemoryError:
        pass

    def step_with_a_mistake(rows):
        raise RuntimeError(f"{rows} rows of the wrong shape")

    try:
        run_what_fits(step_with_a_mistake, 64)
        raise AssertionError("another error, and nobody is told")
    except RuntimeError as error:
        assert "64 rows" in str(error), "another error was taken for a lack of memory"


check_run_what_fits(run_what_fits)


# %% Solution: half until it fits tags=["solution"]
def run_what_fits(step, rows):
    """step(rows), with half the rows after each OutOfMemoryError."""
    while rows > 1:
        try:
            return step(rows)
        except torch.OutOfMemoryError:
            pass
        rows //= 2
    return step(rows)


check_run_what_fits(run_what_fits)


# %% Wrong: again inside the except block tags=["wrong"]
def run_what_fits(step, rows):
    try:
        return step(rows)
    except torch.OutOfMemoryError:
        return run_what_fits(step, rows // 2)


# %% Wrong: the error is kept for later tags=["wrong"]
def run_what_fits(step, rows):
    while rows:
        try:
            return step(rows)
        except torch.OutOfMemoryError as error:
            last = error
        rows //= 2
    raise last


# %% Wrong: any error will do tags=["wrong"]
def run_what_fits(step, rows):
    while rows > 1:
        try:
            return step(rows)
        except RuntimeError:
            pass
        rows //= 2
    return step(rows)


# %% Wrong: the last one is silent tags=["wrong"]
def run_what_fits(step, rows):
    while rows:
        try:
            return step(rows)
        except torch.OutOfMemoryError:
            pass
        rows //= 2
