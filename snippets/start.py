"""Start here: install PyTorch, a tensor, a gradient, and twelve lines that learn."""

# %% It works if this adds up
import torch

ones = torch.ones(2, 3)
ones.sum()


# %% The line turns to the points tags=["hide-input"]
import matplotlib.pyplot as plt

inputs = torch.linspace(-1, 1, steps=20)[:, None]
targets = 2 * inputs + 1
learner = torch.nn.Linear(1, 1)
teacher = torch.optim.SGD(learner.parameters(), lr=0.5)
with torch.no_grad():
    learner.weight.fill_(-1)
    learner.bias.fill_(0)
fig, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.plot(inputs, targets, "o", label="points")
for step in range(21):
    if step in (0, 1, 3, 20):
        axes.plot(inputs, learner(inputs).detach(), label=f"step {step}")
    teacher.zero_grad()
    torch.nn.functional.mse_loss(learner(inputs), targets).backward()
    teacher.step()
axes.set(xlabel="input", ylabel="output", title="A line learns where to lie")
axes.legend(loc="lower right", fontsize="small")
plt.show()


# %% Only the last line is shown
torch.zeros(2, 2)
torch.eye(2)


# %% A file that hides torch tags=["raises-exception"]
import types

impostor = types.ModuleType("torch")  # what an empty torch.py would be
impostor.ones(2, 3)


# %% A script called torch.py
import subprocess
import sys
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    script = Path(folder, "torch.py")
    script.write_text("import torch\n\nprint(torch.ones(2, 3))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
print(done.returncode)


# %% A folder called torch
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "torch").mkdir()
    code = "import torch; print(torch.__file__); torch.ones(2, 3)"
    command = [sys.executable, "-S", "-c", code]  # -S: as if nothing were installed
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
print(done.stdout, end="")
print(done.stderr.splitlines()[-1])


# %% There is no package called pytorch tags=["raises-exception"]
import pytorch

# %% Four points on a line
x = torch.tensor([-1.0, 0.0, 1.0, 2.0])
y = 2 * x + 1
y


# %% Which way, and how steeply
slope = torch.tensor(0.0, requires_grad=True)
loss = ((slope * x + 1 - y) ** 2).mean()
loss.backward()
print(loss)
print(slope.grad)


# %% One step downhill
with torch.no_grad():
    slope -= 0.1 * slope.grad
print(slope)
print(((slope * x + 1 - y) ** 2).mean())


# %% Twelve lines that learn
import torch

torch.manual_seed(0)
inputs = torch.linspace(-1, 1, steps=20)[:, None]  # (example, feature)
targets = 2 * inputs + 1
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(100):
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{model.weight.item():.3f} {model.bias.item():.3f}")


# %% Round and round the loop tags=["hide-input"]
sizes = ", ".join(str(tuple(p.grad.shape)) for p in model.parameters())
stops = [
    (f"model\n{type(model).__name__}", (0, 1), "forward"),
    (f"outputs\n{tuple(model(inputs).shape)}", (2, 1), "compare with targets"),
    (f"loss\n{loss.grad_fn.name()}", (4.3, 1), "backward"),
    (f"gradients\n{sizes}", (4.3, 0), "read"),
    (f"optimizer\n{type(optimizer).__name__}", (2, 0), "step"),
    ("new weights", (0, 0), "again"),
]
arrow = {"arrowstyle": "->", "color": "C0", "shrinkA": 45, "shrinkB": 45}
level = {"arrowstyle": "->", "color": "C0", "shrinkA": 20, "shrinkB": 20}
fig, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for (stop, (x0, y0), step), (_, (x1, y1), _) in zip(stops, stops[1:] + stops[:1]):
    axes.text(x0, y0, stop, ha="center", va="center")
    axes.annotate("", (x1, y1), (x0, y0), arrowprops=arrow if y0 == y1 else level)
    if y0 == y1:
        axes.text((x0 + x1) / 2, y0 + 0.14, step, ha="center", style="italic")
    else:
        axes.text(x0 + 0.1, 0.5, step, va="center", style="italic")
axes.set(xlim=(-0.7, 5.2), ylim=(-0.2, 1.3), title="One turn of the training loop")
axes.set_axis_off()
plt.show()


# %% The accelerator, or the CPU
device = torch.accelerator.current_accelerator(check_available=True)
device = device or torch.device("cpu")
there = torch.arange(4.0).to(device)
answer = (there * 2).sum().cpu()
answer


# %% No device is called gpu tags=["raises-exception"]
torch.zeros(3, device="gpu")


# %% Python decides, autograd follows
start = torch.tensor(100.0, requires_grad=True)
rest = start
while rest > 1:
    rest = rest / 2
rest.backward()
print(rest)
print(start.grad)


# %% Which room a name is in
from torch import autograd, func, linalg, nn, optim
from torch.utils import data

rooms = {
    "torch": torch,
    "nn": nn,
    "nn.functional": nn.functional,
    "optim": optim,
    "utils.data": data,
    "autograd": autograd,
    "func": func,
    "linalg": linalg,
    "Tensor": torch.Tensor,
}
for name in "arange relu ReLU mse_loss MSELoss SGD DataLoader grad backward inv".split():
    found = [room for room, module in rooms.items() if hasattr(module, name)]
    print(f"{name:12}{', '.join(found)}")


# %% One function, four spellings
values = torch.tensor([-2.0, 0.0, 3.0])
print(torch.relu(values), values.relu())
print(nn.functional.relu(values), nn.ReLU()(values))


# %% A capital in the wrong place tags=["raises-exception"]
data.Dataloader


# %% Names that hold a word
print([name for name in dir(torch) if "space" in name])
print([name for name in dir(torch.Tensor) if "diag" in name])


# %% The first line is the signature
print(torch.linspace.__doc__.strip().splitlines()[0])


# %% As text, 2.9 is newer than 2.13
Version = type(torch.__version__)
print(Version.__name__)
print("2.9.1" > "2.13.0")
print(Version("2.9.1") > "2.13.0")


# %% Committed, and run again
from difflib import unified_diff

committed = "tensor([0, 1], dtype=torch.uint8)"  # what torch 1.0 printed
this_run = str(torch.tensor([1, 2]) > 1)
report = unified_diff([committed], [this_run], "committed", "this run", lineterm="")
print("\n".join(report))


# %% Exercise: the slope of the loss tags=["exercise"]
def slope_of_loss(slope, x, y):
    """d/dslope of ((slope * x + 1 - y) ** 2).mean(), without autograd."""
    return (slope * x + 1 - y).mean()


for value in [0.0, 1.5, 2.0, -3.0]:
    for points, heights in [(x, y), (x, x**2), (x[:2], y[:2])]:
        guess = torch.tensor(value, requires_grad=True)
        ((guess * points + 1 - heights) ** 2).mean().backward()
        torch.testing.assert_close(slope_of_loss(value, points, heights), guess.grad)


# %% Solution: the slope of the loss tags=["solution"]
def slope_of_loss(slope, x, y):
    """d/dslope of ((slope * x + 1 - y) ** 2).mean(), without autograd."""
    return (2 * (slope * x + 1 - y) * x).mean()


for value in [0.0, 1.5, 2.0, -3.0]:
    for points, heights in [(x, y), (x, x**2), (x[:2], y[:2])]:
        guess = torch.tensor(value, requires_grad=True)
        ((guess * points + 1 - heights) ** 2).mean().backward()
        torch.testing.assert_close(slope_of_loss(value, points, heights), guess.grad)


# %% Wrong: without the inner slope tags=["wrong"]
def slope_of_loss(slope, x, y):
    return (2 * (slope * x + 1 - y)).mean()


# %% Wrong: without the 2 tags=["wrong"]
def slope_of_loss(slope, x, y):
    return ((slope * x + 1 - y) * x).mean()


# %% Wrong: the slope of these points tags=["wrong"]
def slope_of_loss(slope, x, y):
    return (2 * (slope - 2) * x * x).mean()


# %% Wrong: a mean of four only tags=["wrong"]
def slope_of_loss(slope, x, y):
    return (2 * (slope * x + 1 - y) * x).sum() / 4


# %% Wrong: a sum for the mean tags=["wrong"]
def slope_of_loss(slope, x, y):
    return (2 * (slope * x + 1 - y) * x).sum()


# %% Exercise: fit any line tags=["exercise"]
def fit(inputs, targets):
    """Weight and bias, as floats, of the line that a trained nn.Linear found."""
    model = torch.nn.Linear(1, 1)
    return model.weight.item(), model.bias.item()


for weight, bias in [(2.0, 1.0), (-3.0, 0.5), (0.0, 4.0)]:
    found = fit(inputs, weight * inputs + bias)
    assert all(type(number) is float for number in found), "not floats"
    assert max(abs(found[0] - weight), abs(found[1] - bias)) < 0.01, "not there yet"


# %% Solution: fit any line tags=["solution"]
def fit(inputs, targets):
    """Weight and bias, as floats, of the line that a trained nn.Linear found."""
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    return model.weight.item(), model.bias.item()


for weight, bias in [(2.0, 1.0), (-3.0, 0.5), (0.0, 4.0)]:
    found = fit(inputs, weight * inputs + bias)
    assert all(type(number) is float for number in found), "not floats"
    assert max(abs(found[0] - weight), abs(found[1] - bias)) < 0.01, "not there yet"


# %% Wrong: the line of the page tags=["wrong"]
def fit(inputs, targets):
    return 2.0, 1.0


# %% Wrong: tensors for floats tags=["wrong"]
def fit(inputs, targets):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    return model.weight, model.bias


# %% Wrong: gradients that pile up tags=["wrong"]
def fit(inputs, targets):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    return model.weight.item(), model.bias.item()


# %% Wrong: a single step tags=["wrong"]
def fit(inputs, targets):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    torch.nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
    return model.weight.item(), model.bias.item()


# %% Exercise: at least this version tags=["exercise"]
def at_least(version, wanted):
    return version >= wanted


cases = ["2.9.1", "2.13", "2.13.0+cpu", "2.10.0+cu130", "1.9.0", "1.13.1", "3.0.0"]
for version in cases:
    for wanted in ["2.9", "2.10.0", "2.13.0", "1.9.1"]:
        expected = Version(version) >= Version(wanted)
        assert at_least(version, wanted) == expected, (version, wanted)


# %% Solution: at least this version tags=["solution"]
def numbers_of(version):
    parts = [int(part) for part in version.split("+")[0].split(".")]
    return parts + [0] * (3 - len(parts))  # 2.13 is 2.13.0


def at_least(version, wanted):
    return numbers_of(version) >= numbers_of(wanted)


for version in cases:
    for wanted in ["2.9", "2.10.0", "2.13.0", "1.9.1"]:
        expected = Version(version) >= Version(wanted)
        assert at_least(version, wanted) == expected, (version, wanted)


# %% Wrong: the first number only tags=["wrong"]
def at_least(version, wanted):
    return int(version.split(".")[0]) >= int(wanted.split(".")[0])


# %% Wrong: the first two numbers only tags=["wrong"]
def at_least(version, wanted):
    first, second = ([int(part) for part in text.split(".")[:2]] for text in (version, wanted))
    return first >= second


# %% Wrong: read as decimals tags=["wrong"]
def at_least(version, wanted):
    first, second = (float(".".join(text.split(".")[:2])) for text in (version, wanted))
    return first >= second


# %% Wrong: one device's name cut off tags=["wrong"]
def at_least(version, wanted):
    first, second = ((text.removesuffix("+cpu") + ".0").split(".")[:3] for text in (version, wanted))
    return [int(part) for part in first] >= [int(part) for part in second]


# %% Wrong: lists of unequal length tags=["wrong"]
def at_least(version, wanted):
    first, second = ([int(part) for part in text.split("+")[0].split(".")] for text in (version, wanted))
    return first >= second
