"""Faster: measure, call less, autocast, GradScaler, compile."""

# %% A training step in bfloat16
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
model.to(device)
optimizer = torch.optim.AdamW(model.parameters(), fused=True)
x = torch.rand(32, 64, device=device)
labels = torch.randint(10, (32,), device=device)

with torch.autocast(device, dtype=torch.bfloat16):
    logits = model(x)
    loss = F.cross_entropy(logits, labels)
loss.backward()
optimizer.step()
print(logits.dtype, loss.dtype, model[0].weight.dtype)

# %% Two bytes on the way, four where digits count tags=["hide-input"]
import matplotlib.pyplot as plt


def stations(step):
    """The dtypes that the step above meets, in their order."""
    yield "x", step.dtype
    with torch.autocast(device, dtype=torch.bfloat16):
        for layer in model:
            step = layer(step)
            yield type(layer).__name__, step.dtype
        yield "loss", F.cross_entropy(step, labels).dtype
    yield "weights", model[0].weight.dtype
    yield "gradients", model[0].weight.grad.dtype


names, dtypes = zip(*stations(x))
fig, ax = plt.subplots(figsize=(4.8, 1.5), layout="constrained")
colours = ["C1" if dtype == torch.bfloat16 else "C0" for dtype in dtypes]
bars = ax.bar(range(len(names)), [dtype.itemsize for dtype in dtypes], color=colours, alpha=0.6)
ax.bar_label(bars, [str(dtype).removeprefix("torch.") for dtype in dtypes], fontsize=8)
ax.set(ylabel="bytes a number", yticks=[0, 2, 4], ylim=(0, 5.5), xticks=range(len(names)), xticklabels=names)
ax.tick_params(labelsize=8)
plt.show()


# %% A loop of a thousand steps
def one_by_one(numbers):
    total = torch.tensor(0.0)
    for number in numbers:
        total = total + number
    return total


numbers = torch.arange(1000.0)
print(one_by_one(numbers), numbers.sum())

# %% Repeated, and the best one counts
from time import perf_counter


def seconds(function, *inputs, repeats=5):
    times = []
    for _ in range(repeats):
        began = perf_counter()
        function(*inputs)
        times.append(perf_counter() - began)
    return min(times)


print(seconds(one_by_one, numbers) > 5 * seconds(numbers.sum))

# %% The call returns before the work is done tags=["cuda"]
from torch.utils.benchmark import Timer

large = torch.rand(8192, 8192, device="cuda")
large @ large  # warm up
torch.cuda.synchronize()
began = perf_counter()
large @ large
asked = perf_counter() - began
torch.cuda.synchronize()
done = perf_counter() - began
print(done > 10 * asked)
print(Timer("large @ large", globals={"large": large}).timeit(10).median > 10 * asked)

# %% The profiler counts operations tags=["cpu"]
import os

from torch.profiler import profile

os.environ["KINETO_LOG_LEVEL"] = "99"  # or it says when it starts and stops


def operations(function, *inputs):
    """How often each operation ran."""
    with profile() as prof:
        function(*inputs)
    return {event.key: event.count for event in prof.key_averages()}


print(operations(one_by_one, numbers)["aten::add"])
print(operations(numbers.sum)["aten::sum"])

# %% What a model is made of tags=["cpu"]
counted = operations(model, x)
for name in ("aten::linear", "aten::addmm", "aten::relu"):
    print(name, counted[name])

# %% vmap: write it for one, run it for all
left, right = torch.rand(100, 8), torch.rand(100, 8)
dots = torch.func.vmap(torch.dot)(left, right)
print(dots.shape)
torch.testing.assert_close(dots, torch.stack([torch.dot(a, b) for a, b in zip(left, right)]))


# %% Ask an operation for its dtype
def dtype_of(operation):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return operation().dtype


grid = torch.rand(8, 8)
half = grid.bfloat16()

# %% On CUDA, more stays in float32 tags=["cuda"]
with torch.autocast("cuda", dtype=torch.bfloat16):
    product = half.to("cuda") @ half.to("cuda")
    for result in (product, product.softmax(1), product.sum(), product.exp()):
        print(result.dtype)

# %% After the block, the dtypes do not fit tags=["raises-exception"]
layer = nn.Linear(8, 3)
with torch.autocast("cpu", dtype=torch.bfloat16):
    features = layer(grid)
nn.Linear(3, 2)(features)


# %% Small gradients are 0 in float16
def tiny_loss(dtype):
    with torch.autocast("cpu", dtype=dtype):
        guess = weight(torch.ones(1, 1))
    return guess.float().sum() * 1e-8


weight = nn.Linear(1, 1, bias=False)
nn.init.ones_(weight.weight)
for dtype in (torch.float16, torch.bfloat16):
    weight.zero_grad()
    tiny_loss(dtype).backward()
    print(dtype, weight.weight.grad.item() > 0)

# %% How far off a rounded number is tags=["hide-input"]
values = 10 ** torch.linspace(-12, 8, 4000, dtype=torch.float64)
plt.figure(figsize=(6, 2.2))
for dtype, style in [(torch.float32, ":"), (torch.bfloat16, "--"), (torch.float16, "-")]:
    rounded = values.to(dtype).double()
    miss = ((rounded - values).abs() / values).reshape(100, 40).amax(dim=1)
    miss[~miss.isfinite()] = float("nan")  # too large for the dtype
    plt.plot(values[::40], miss, style, label=str(dtype).removeprefix("torch."))
plt.xscale("log")
plt.yscale("log")
plt.xlabel("a number")
plt.ylabel("part of it lost by rounding")
plt.title("float16 has more digits, and ends early")
plt.legend(loc="center left")
plt.show()

# %% Scaled up, carried back, scaled down
scaler = torch.amp.GradScaler("cpu")  # "cuda" on a GPU
optimizer = torch.optim.SGD(weight.parameters(), lr=1.0)
optimizer.zero_grad()

scaler.scale(tiny_loss(torch.float16)).backward()
print(f"{scaler.get_scale():.0f} {weight.weight.grad.item():.6f}")
scaler.unscale_(optimizer)
print(f"{weight.weight.grad.item():.1e}")
scaler.step(optimizer)
scaler.update()

# %% inf: the step is skipped, the scale halved
before = weight.weight.clone()
optimizer.zero_grad()
scaler.scale(tiny_loss(torch.float16) * float("inf")).backward()
scaler.step(optimizer)
scaler.update()
print(torch.equal(weight.weight, before), scaler.get_scale())

# %% Clipped before it was unscaled
optimizer.zero_grad()
scaler.scale(weight(torch.ones(1, 1)).sum()).backward()
nn.utils.clip_grad_norm_(weight.parameters(), 1.0)  # too early
scaler.unscale_(optimizer)
print(f"{weight.weight.grad.item():.6f}")
scaler.update()

# %% float16 weights are refused tags=["raises-exception"]
halved = nn.Linear(1, 1).half()
optimizer = torch.optim.SGD(halved.parameters(), lr=0.1)
scaler.scale(halved(torch.ones(1, 1).half()).float().sum() / 1000).backward()
scaler.step(optimizer)


# %% One line, the same numbers
def wave(x):
    return torch.sin(x) ** 2 + torch.cos(x) ** 2


quick_wave = torch.compile(wave, backend="eager")
print(torch.equal(quick_wave(grid), wave(grid)))

# %% The first call compiles
fresh = torch.compile(lambda x: (x * 2).relu(), backend="eager")
first = seconds(fresh, grid, repeats=1)
print(first > 5 * seconds(fresh, grid))

# %% See what it has captured
graphs = []


def keep(graph, inputs):
    graphs.append(graph)
    return graph


torch.compile(wave, backend=keep)(grid)
print(graphs[0].code.strip())


# %% A question breaks the graph
def shrink(x):
    x = x * 2
    if x.sum() > 10:
        x = x / 10
    return x + 1


graphs.clear()
torch.compile(shrink, backend=keep)(grid)
print(len(graphs))


# %% where asks without stopping
def shrink_in_one(x):
    x = x * 2
    x = torch.where(x.sum() > 10, x / 10, x)
    return x + 1


graphs.clear()
whole = torch.compile(shrink_in_one, backend=keep, fullgraph=True)
print(torch.equal(whole(grid), shrink(grid)), len(graphs))


# %% Asked in a loop, it leaves no graph
def shrink_often(x):
    for _ in range(3):
        if x.sum() > 10:
            x = x / 10
    return x


graphs.clear()
torch.compile(shrink_often, backend=keep)(grid)
print(len(graphs), torch._dynamo.explain(shrink_often)(grid).break_reasons)


# %% fullgraph=True does not let it pass
try:
    torch.compile(shrink, backend="eager", fullgraph=True)(grid)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")


# %% A new size, a new graph, and then no more
def double(x):
    return x * 2


graphs.clear()
counting = torch.compile(double, backend=keep)
for rows in (5, 6, 7, 8, 1):
    counting(torch.rand(rows))
    print(rows, len(graphs))


# %% TF32: faster, with fewer digits tags=["cuda"]
torch.manual_seed(0)
a, b = torch.rand(512, 512), torch.rand(512, 512)
exact = a.double() @ b.double()
misses = []
for precision in ("highest", "high"):
    torch.set_float32_matmul_precision(precision)
    misses.append((a.to("cuda") @ b.to("cuda")).cpu().sub(exact).abs().max())
torch.set_float32_matmul_precision("highest")
print(misses[1] >= misses[0])

# %% Two ways to ask for TF32, and they quarrel tags=["raises-exception"]
torch.backends.cuda.matmul.fp32_precision = "tf32"
torch.backends.cuda.matmul.allow_tf32

# %% Exercise: one call for all rows tags=["exercise"]
calls = []


def share(row):
    """Each number's part of the sum of its row."""
    calls.append("share")
    return row / row.sum()


def shares(grid):
    """`share` of each row."""
    return torch.stack([share(row) for row in grid])


assert torch.allclose(shares(grid), grid / grid.sum(dim=1, keepdim=True))
assert len(calls) == 1, f"{len(calls)} calls"


# %% Solution: one call for all rows tags=["solution"]
def shares(grid):
    """`share` of each row."""
    return torch.func.vmap(share)(grid)


print(shares(grid).shape)


# %% Wrong: a list first tags=["wrong"]
def shares(grid):
    return torch.stack(list(map(share, grid)))


# %% Wrong: the whole grid as one row tags=["wrong"]
def shares(grid):
    return share(grid)


# %% Wrong: the columns tags=["wrong"]
def shares(grid):
    return torch.func.vmap(share, in_dims=1, out_dims=1)(grid)


# %% Exercise: without a graph break tags=["exercise"]
def limited(x, top):
    """x, scaled down where its largest value is above top."""
    largest = x.max()
    if largest > top:
        return x * (top / largest)
    return x


def check_limited(limited):
    for x in ([1.0, 2.0, 8.0], [1.0, 2.0, 3.0], [-8.0, -5.0], [-8.0, 1.0], [0.0, 0.0], [[1.0, 5.0], [2.0, 8.0]]):
        x = torch.tensor(x)
        right = x * (4.0 / x.max()) if x.max() > 4.0 else x
        found = limited(x, 4.0)
        assert torch.equal(found, right), f"{x.tolist()} becomes {found.tolist()}, not {right.tolist()}"
    seen = torch._dynamo.explain(limited)(x, 4.0)
    graphs, breaks = seen.graph_count, len(seen.break_reasons)
    assert (graphs, breaks) == (1, 0), f"graphs: {graphs}, breaks: {breaks}"


check_limited(limited)


# %% Solution: without a graph break tags=["solution"]
def limited(x, top):
    """x, scaled down where its largest value is above top."""
    largest = x.max()
    return torch.where(largest > top, x * (top / largest), x)


check_limited(limited)


# %% Wrong: cut off tags=["wrong"]
def limited(x, top):
    return x.clamp(max=top)


# %% Wrong: the factor alone tags=["wrong"]
def limited(x, top):
    return x * (top / x.max()).clamp(max=1)


# %% Wrong: always tags=["wrong"]
def limited(x, top):
    return x * (top / x.max())


# %% Wrong: by size, and not by value tags=["wrong"]
def limited(x, top):
    return x * (top / x.abs().max()).clamp(max=1)


# %% Wrong: its largest value without a sign tags=["wrong"]
def limited(x, top):
    return x * (top / x.max().abs()).clamp(max=1)


# %% Wrong: each row for itself tags=["wrong"]
def limited(x, top):
    largest = x.amax(dim=-1, keepdim=True)
    return torch.where(largest > top, x * (top / largest), x)


# %% Wrong: asked in a loop, so that nothing is compiled tags=["wrong"]
def limited(x, top):
    for largest in [x.max()]:
        if largest > top:
            x = x * (top / largest)
    return x


# %% Exercise: scale, clip, step tags=["exercise"]
def mixed_step(model, optimizer, scaler, x, labels):
    """One step in float16 by autocast, with gradients of length 1 at most."""
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


def check_mixed_step(mixed_step):
    torch.manual_seed(0)
    labels = torch.randint(3, (20,))
    for name, x in {"clipped": 30 * torch.randn(20, 4), "not clipped": torch.randn(20, 4)}.items():
        mine, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
        theirs.load_state_dict(mine.state_dict())
        F.cross_entropy(theirs(x), labels).backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        torch.optim.SGD(theirs.parameters(), lr=1.0).step()
        optimizer = torch.optim.SGD(mine.parameters(), lr=1.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=1)
        scaler.scale(mine(x).sum()).backward()  # left over from before
        mixed_step(mine, optimizer, scaler, x, labels)
        miss = max((a - b).abs().max().item() for a, b in zip(mine.parameters(), theirs.parameters()))
        assert miss < 0.05, f"{name}: {miss:.2f} away from the step in float32"
        assert scaler.get_scale() == 2048, "after a good step the scale should have doubled"
    before = mine.weight.clone()
    mixed_step(mine, optimizer, scaler, x * float("inf"), labels)
    assert torch.equal(mine.weight, before), "a step was made with gradients that are not finite"
    assert scaler.get_scale() == 1024, "after a bad step the scale should have halved"


check_mixed_step(mixed_step)


# %% Solution: scale, clip, step tags=["solution"]
def mixed_step(model, optimizer, scaler, x, labels):
    """One step in float16 by autocast, with gradients of length 1 at most."""
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


check_mixed_step(mixed_step)


# %% Wrong: no clipping tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


# %% Wrong: the optimizer steps itself tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scaler.update()


# %% Wrong: divided by hand, and again by step tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    for weight in model.parameters():
        weight.grad /= scaler.get_scale()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


# %% Wrong: each parameter clipped by itself tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    for weight in model.parameters():
        nn.utils.clip_grad_norm_(weight, 1.0)
    scaler.step(optimizer)
    scaler.update()


# %% Wrong: no scaler tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


# %% Wrong: the gradients from before are kept tags=["wrong"]
def mixed_step(model, optimizer, scaler, x, labels):
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(model(x), labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
