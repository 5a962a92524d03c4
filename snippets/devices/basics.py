"""Devices: where tensors live, how they travel, and what happens on a GPU."""

# %% Choose once, then send
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
model = torch.nn.Linear(3, 1).to(device)
batch = torch.ones(4, 3).to(device)
guess = model(batch)
print(f"{guess.device == batch.device = }")
print(f"{guess.detach().cpu().numpy().shape = }")


# %% Two memories, one narrow way tags=["hide-input"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(figsize=(6, 2.2))
for left, name, parts in [(0, "CPU", "memory of the computer"), (3.4, "GPU", "memory of the GPU")]:
    axes.add_patch(plt.Rectangle((left, 0), 1.8, 1, alpha=0.2))
    axes.text(left + 0.9, 0.78, name, ha="center", weight="bold")
    axes.text(left + 0.9, 0.5, parts, ha="center", size="small")
there, back = {"arrowstyle": "->", "color": "C0"}, {"arrowstyle": "<-", "color": "C0"}
for height, arrow, call in [(0.65, there, 'x.to("cuda")'), (0.2, back, "x.cpu(), x.item()")]:
    axes.annotate("", (3.3, height), (1.9, height), arrowprops=arrow)
    axes.text(2.6, height + 0.08, call, ha="center", size="small", family="monospace")
axes.text(0.9, 0.22, "NumPy, files, print", ha="center", size="small", style="italic")
axes.text(4.3, 0.22, "thousands of calculators", ha="center", size="small", style="italic")
axes.set(xlim=(-0.1, 5.3), ylim=(-0.05, 1.05))
axes.set_axis_off()
plt.show()


# %% There and back tags=["facts-differ"]
numbers = torch.tensor([1.0, 2.0, 3.0])
doubled = numbers.to(device) * 2  # there
print(doubled.cpu().numpy())  # and back
print(doubled.sum().item())


# %% Nothing to move, nothing copied tags=["facts-differ"]
moved = numbers.to(device)
print(f"{numbers.is_cuda = }, {moved.is_cuda = }")
print(f"{moved is numbers = }")


# %% Made there, carried there tags=["cuda"]
made = torch.arange(1.0, 4.0, device="cuda")
carried = numbers.to("cuda")
print(made)
print(f"{made.is_cuda = }, {carried.is_cuda = }, {numbers.is_cuda = }")
print(f"{made.get_device() = }, {numbers.get_device() = }")


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


# %% Two devices do not mix tags=["cuda", "raises-exception"]
made + numbers


# %% No data to carry tags=["raises-exception"]
scaled.to("cpu")


# %% An index from the GPU tags=["cuda", "raises-exception"]
numbers[torch.tensor([0, 2], device="cuda")]


# %% NumPy reads only the CPU tags=["cuda", "raises-exception"]
made.numpy()


# %% Numbers there, generator here tags=["cuda", "raises-exception"]
with torch.device("cuda"):
    torch.randperm(4, generator=torch.Generator())


# %% No such GPU tags=["cuda", "raises-exception"]
torch.zeros(3, device="cuda:99")


# %% Is there a GPU here?
print(f"{torch.cuda.is_available() = }")
print(f"{torch.cuda.device_count() = }")


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


# %% One choice, two spellings
classic = "cuda" if torch.cuda.is_available() else "cpu"
found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
print(f"{classic = }")
print(f"{found = }")


# %% A device is only a name
gpu = torch.device("cuda")
second = torch.device("cuda", 1)
print(gpu, second)
print(f"{gpu.type = }, {gpu.index = }")
print(f"{second.type = }, {second.index = }")


# %% A comparison that is never true
print(f"{numbers.device == 'cpu' = }")
print(f"{numbers.device.type == 'cpu' = }")


# %% First to the CPU, then to NumPy tags=["cuda"]
print(made.cpu().numpy())
print(made.tolist(), made.sum().item())


# %% One line, two meanings tags=["facts-differ"]
readings = torch.tensor([1.0, 2.0, 3.0], device=device)
array = readings.cpu().numpy()
array[0] = 99
print(readings)


# %% Who listens to the default
array = numbers.numpy()
with torch.device("meta"):
    born = [torch.tensor([1.0]), torch.rand(2), torch.arange(3), torch.nn.Linear(2, 2).weight]
    deaf = [torch.normal(0, 1, (2,)), torch.zeros_like(numbers), numbers.new_zeros(2)]
    deaf += [torch.from_numpy(array), torch.Tensor([1.0]), torch.Generator()]
print([str(thing.device) for thing in born])
print([str(thing.device) for thing in deaf])


# %% The same gradient over there tags=["cuda"]
there = torch.tensor([1.0, 2.0, 3.0], device="cuda", requires_grad=True)
(there**2).sum().backward()
print(there.grad)


# %% A leaf here, no leaf there tags=["facts-differ"]
start = torch.tensor([1.0, 2.0], requires_grad=True).to(device)
print(f"{start.is_leaf = }")


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


# %% Exercise: a function that follows its input tags=["exercise"]
def with_positions(rows):
    """rows, with 0, 1, 2, … added along the last axis."""
    return rows + torch.arange(rows.shape[-1])


def with_positions_spec(rows):
    return torch.tensor([[x + i for i, x in enumerate(row)] for row in rows.tolist()])


for tens in (torch.full((2, 3), 10.0), torch.full((3, 5), 10.0)):
    assert torch.equal(with_positions(tens), with_positions_spec(tens))
assert torch.equal(with_positions(tens[0]), with_positions_spec(tens)[0]), "one row alone"
assert with_positions(torch.ones(2, 3, device="meta")).is_meta


# %% Solution: a function that follows its input tags=["solution"]
def with_positions(rows):
    """rows, with 0, 1, 2, … added along the last axis."""
    return rows + torch.arange(rows.shape[-1], device=rows.device)


for tens in (torch.full((2, 3), 10.0), torch.full((3, 5), 10.0)):
    assert torch.equal(with_positions(tens), with_positions_spec(tens))
assert torch.equal(with_positions(tens[0]), with_positions_spec(tens)[0]), "one row alone"
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


# %% Wrong: along the second axis tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(rows.shape[1], device=rows.device)


# %% Wrong: three columns for ever tags=["wrong"]
def with_positions(rows):
    return rows + torch.arange(3, device=rows.device)


# %% Wrong: the input changes with it tags=["wrong"]
def with_positions(rows):
    rows += torch.arange(rows.shape[-1], device=rows.device)
    return rows


# %% Exercise: carry a whole batch tags=["exercise"]
from collections import OrderedDict, defaultdict, namedtuple


def to_device(batch, device):
    """The same batch, with every tensor in it on the device."""
    return {key: value.to(device) for key, value in batch.items()}


def describe(batch):
    """A batch in words: its containers, the dtypes and devices of its tensors, and the rest."""
    kind = type(batch).__name__
    if isinstance(batch, torch.Tensor):
        return batch.dtype, batch.device.type
    if isinstance(batch, dict):
        return kind, [(key, describe(value)) for key, value in batch.items()]
    if isinstance(batch, (list, tuple)):
        return kind, [describe(part) for part in batch]
    return batch


Boxes = namedtuple("Boxes", "corners sizes")
batch = {
    "pictures": torch.arange(6.0).view(2, 3),
    "boxes": Boxes([torch.zeros(1, 4), torch.zeros(5, 4)], (torch.tensor([1, 5]), 3)),
    "scales": OrderedDict(x=torch.ones(1), y={}),
    "words": defaultdict(list, cat=[torch.ones(1)]),
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
        return batch | {key: to_device(value, device) for key, value in batch.items()}
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


# %% Wrong: each dictionary made anew, by its type tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return type(batch)((key, to_device(value, device)) for key, value in batch.items())
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
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
        return batch | {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Wrong: ones for whatever it was tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return torch.ones_like(batch, device=device)
    if isinstance(batch, dict):
        return batch | {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Wrong: floats, whatever they were tags=["wrong"]
def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.float().to(device)
    if isinstance(batch, dict):
        return batch | {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


# %% Exercise: who stayed behind tags=["exercise"]
def stragglers(module, device):
    """Names of all tensors in a module that are on another device."""
    named = module.named_parameters()
    return [name for name, value in named if value.device.type != device]


house = torch.nn.Sequential(Scaled(), torch.nn.Sequential(torch.nn.Linear(3, 2)), Scaled())
house.register_buffer("seen", torch.zeros(1), persistent=False)
assert len(stragglers(house, "meta")) == 9, stragglers(house, "meta")
assert stragglers(house.to("meta"), "meta") == ["0.shift", "2.shift"]
assert len(stragglers(house, "cpu")) == 7, stragglers(house, "cpu")
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


house = torch.nn.Sequential(Scaled(), torch.nn.Sequential(torch.nn.Linear(3, 2)), Scaled())
house.register_buffer("seen", torch.zeros(1), persistent=False)
assert len(stragglers(house, "meta")) == 9, stragglers(house, "meta")
assert stragglers(house.to("meta"), "meta") == ["0.shift", "2.shift"]
assert len(stragglers(house, "cpu")) == 7, stragglers(house, "cpu")
assert stragglers(Scaled().to("meta"), "meta") == ["shift"]


# %% Wrong: what would be saved tags=["wrong"]
def stragglers(module, device):
    saved = module.state_dict().items()
    return [name for name, value in saved if value.device.type != device]


# %% Wrong: what would be saved, and plain attributes tags=["wrong"]
def stragglers(module, device):
    found = [name for name, value in module.state_dict().items() if value.device.type != device]
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, torch.Tensor) and value.device.type != device:
                found.append(f"{path}.{name}".lstrip("."))
    return found


# %% Wrong: one level deep tags=["wrong"]
def stragglers(module, device):
    found = []
    for path, part in [("", module), *module.named_children()]:
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device.type != device:
                found.append(f"{path}.{name}".lstrip("."))
    return found


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


# %% Wrong: all that are on the CPU tags=["wrong"]
def stragglers(module, device):
    found = []
    for path, part in module.named_modules():
        own = part._parameters | part._buffers | vars(part)
        for name, value in own.items():
            if isinstance(value, torch.Tensor) and value.device.type == "cpu":
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
