"""Modules: what a model is made of, and what it finds by itself."""

# %% A model in ten lines
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 3)
        self.output = nn.Linear(3, 2)

    def forward(self, x):
        return self.output(self.hidden(x).relu())


torch.manual_seed(0)
model = Classifier()
batch = torch.rand(5, 4)  # (example, feature)
logits = model(batch)  # (example, class)
print(logits.shape)

# %% A module is a tree tags=["hide-input"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 1.8))
ax.axis("off")
ax.set(xlim=(-0.3, 2.5), ylim=(-0.5, 3.5))
places = {"": (0, 1.5), "hidden": (1, 2.5), "output": (1, 0.5)}
boxes = {"boxstyle": "round", "facecolor": "C0", "alpha": 0.3}
for name, module in model.named_modules():
    x, y = places[name]
    if name:
        ax.plot([0.25, x - 0.2], [1.5, y], color="C0")
    ax.text(x, y, f"{name or 'model'}\n{type(module).__name__}", ha="center", va="center", bbox=boxes)
    for step, (leaf, tensor) in enumerate(module.named_parameters(recurse=False)):
        height = y + 0.5 - step
        ax.plot([x + 0.2, x + 0.75], [y, height], color="C1")
        ax.text(x + 0.8, height, f"{leaf}  {tuple(tensor.shape)}", va="center", color="C1")
plt.show()

# %% A name is a path
print(model)
for name, parameter in model.named_parameters():
    print(name, tuple(parameter.shape))


# %% Assigning is registering
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([2.0, 10.0]))

    def forward(self, x):
        return x * self.factor


scale = Scale()
print(scale(torch.ones(2)))
print(list(scale.parameters()))

# %% Linear is a product plus a shift
line = nn.Linear(1, 1)
with torch.no_grad():
    line.weight.fill_(3.0)
    line.bias.fill_(42.0)
print(list(line.parameters()))
print(line(torch.tensor([[0.0], [1.0], [2.0]])))

# %% Four activations, number by number
straight = torch.tensor([-2.0, 0.0, 2.0])
for activation in (nn.ReLU(), nn.GELU(), nn.Tanh(), nn.Sigmoid()):
    bent = activation(straight)
    print(type(activation).__name__, bent.numpy().round(2))

# %% A convolution keeps rows and columns
picture = torch.rand(1, 3, 28, 28)  # (example, channel, row, column)
convolution = nn.Conv2d(3, 6, kernel_size=5, stride=2, padding=1)
print(convolution(picture).shape)
print(convolution.weight.shape)

# %% The size formula, tried 72 times
from itertools import product

tried = 0
settings = product((9, 28), (1, 3, 5), (1, 2, 3), (0, 1), (1, 2))
for size, kernel, stride, padding, dilation in settings:
    span = dilation * (kernel - 1) + 1
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation)
    rows = (size + 2 * padding - span) // stride + 1
    assert layer(torch.zeros(1, 1, size, size)).shape[2] == rows
    tried += 1
print(tried, "sizes as computed")

# %% Three channels wanted, one given tags=["raises-exception"]
convolution(torch.rand(1, 1, 28, 28))

# %% Sequential calls one after another
stack = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
print(stack(batch).shape)
print([name for name, _ in stack.named_parameters()])

# %% A list is not a chain tags=["raises-exception"]
layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
layers(batch)


# %% The loop is yours
class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x).relu()
        return x


residual = Residual()
print(residual(batch).shape)
print(len(list(residual.parameters())))


# %% A plain list hides its layers
class Forgetful(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [nn.Linear(4, 4) for _ in range(3)]

    forward = Residual.forward


forgetful = Forgetful()
print(forgetful(batch).shape)
print(len(list(forgetful.parameters())))

# %% An optimizer with nothing to do tags=["raises-exception"]
torch.optim.SGD(forgetful.parameters(), lr=0.1)


# %% Four ways to keep a tensor
class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.learned = nn.Parameter(torch.ones(1))
        self.register_buffer("kept", torch.ones(1))
        self.register_buffer("scratch", torch.ones(1), persistent=False)
        self.plain = torch.ones(1)


holder = Holder().to(torch.float64)
print("         parameter  state_dict  moved")
for name in ("learned", "kept", "scratch", "plain"):
    trained = name in dict(holder.named_parameters())
    saved = name in holder.state_dict()
    moved = getattr(holder, name).dtype == torch.float64
    print(f"{name:9}{trained!s:11}{saved!s:12}{moved}")

# %% The state dict is no copy
state = model.state_dict()
with torch.no_grad():
    model.output.bias.fill_(7.0)
print(list(state))
print(state["output.bias"])

# %% Forward alone skips the hook
heard = []


def listen(module, inputs, output):
    heard.append(output.shape)


handle = model.register_forward_hook(listen)
model(batch)
model.forward(batch)
print(heard)

# %% A hook fetches the middle
features = {}


def keep(module, inputs, output):
    features["hidden"] = output.detach()


with model.hidden.register_forward_hook(keep):
    model(batch)
print(features["hidden"].shape)

# %% An in-place layer overwrites it
chain = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True))
with chain[0].register_forward_hook(keep):
    chain(batch)
print(torch.equal(features["hidden"], chain[0](batch)))
print(torch.equal(features["hidden"], chain[0](batch).relu()))

# %% Eval reaches every layer
dropper = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(0.5)))
dropper.eval()
print([module.training for module in dropper.modules()])
print(torch.equal(dropper(batch), dropper(batch)))

# %% Count what is learned
print(sum(parameter.numel() for parameter in model.parameters()))
for name, module in model.named_children():
    count = sum(parameter.numel() for parameter in module.parameters())
    print(f"{name:8}{type(module).__name__:8}{count:3}")


# %% One tensor, two names
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.score = nn.Linear(3, 5, bias=False)
        self.score.weight = self.embed.weight

    def forward(self, words):
        return self.score(self.embed(words))


tied = Tied()
print(list(tied.state_dict()))
print(len(list(tied.parameters())))


# %% No super, no module tags=["raises-exception"]
class Hasty(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(4, 3)


Hasty()

# %% A tensor cannot replace a parameter tags=["raises-exception"]
model.output.bias = torch.zeros(2)

# %% Three times the same layer
copies = nn.ModuleList([nn.Linear(4, 4)] * 3)
print(len(copies), "layers,", len(list(copies.parameters())), "tensors")

# %% The conversion that loses a parameter
wide = nn.Module()
wide.factor = nn.Parameter(torch.ones(2)).to(torch.float64)
print(type(wide.factor).__name__)
print(len(list(wide.parameters())))

# %% Dropout that does not listen
import torch.nn.functional as F


class Deaf(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


deaf = Deaf().eval()
print(deaf(torch.ones(1000)).eq(0).any())


# %% Exercise: a linear layer by hand tags=["exercise"]
class Affine(nn.Module):
    """The same as nn.Linear, with weight (out, in) and bias (out,)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = torch.randn(outputs, inputs)
        self.bias = torch.zeros(outputs)

    def forward(self, x):
        return self.weight @ x + self.bias


def check_affine(cls):
    assert cls(2, 6).weight.shape == (6, 2), "the sizes are arguments"
    for dtype in (torch.float32, torch.float64):
        for shape in ((4,), (5, 4), (2, 5, 4), (0, 4)):
            mine, theirs = cls(4, 3).to(dtype), nn.Linear(4, 3).to(dtype)
            mine.load_state_dict(theirs.state_dict())
            x = torch.rand(shape, dtype=dtype)
            torch.testing.assert_close(mine(x), theirs(x))
            mine(x).square().sum().backward()
            theirs(x).square().sum().backward()
            torch.testing.assert_close(mine.weight.grad, theirs.weight.grad)
            torch.testing.assert_close(mine.bias.grad, theirs.bias.grad)


check_affine(Affine)


# %% Solution: a linear layer by hand tags=["solution"]
class Affine(nn.Module):
    """The same as nn.Linear, with weight (out, in) and bias (out,)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight.T + self.bias


check_affine(Affine)


# %% Wrong: no bias tags=["wrong"]
class Affine(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight.T


# %% Wrong: a bias that is no parameter tags=["wrong"]
class Affine(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = torch.zeros(outputs)

    def forward(self, x):
        return x @ self.weight.T + self.bias


# %% Wrong: sizes of its own tags=["wrong"]
class Affine(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x @ self.weight.T + self.bias


# %% Wrong: one row at a time tags=["wrong"]
class Affine(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return self.weight @ x + self.bias


# %% Exercise: standardise the input tags=["exercise"]
class Standardise(nn.Module):
    """Subtracts each column's mean, divides by its spread."""

    def __init__(self, data):
        super().__init__()
        self.mean = data.mean(dim=0)
        self.std = data.std(dim=0)

    def forward(self, x):
        return (x - self.mean) / self.std


def check_standardise(cls):
    data = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0]])
    layer = cls(data)
    torch.testing.assert_close(layer(data).mean(dim=0), torch.zeros(2))
    torch.testing.assert_close(layer(data).std(dim=0), torch.ones(2))
    assert torch.equal(layer(data[:2]), layer(data)[:2]), "the spread of the training data, not of the batch"
    assert not list(layer.parameters()), "nothing here is learned"
    assert len(layer.state_dict()) == 2, "a saved model must bring both along"
    fresh = cls(torch.rand(3, 2))
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(data), layer(data))
    assert layer.to(torch.float64)(data.double()).dtype == torch.float64
    assert layer.mean.dtype == torch.float64, "to must reach the mean"


check_standardise(Standardise)


# %% Solution: standardise the input tags=["solution"]
class Standardise(nn.Module):
    """Subtracts each column's mean, divides by its spread."""

    def __init__(self, data):
        super().__init__()
        self.register_buffer("mean", data.mean(dim=0))
        self.register_buffer("std", data.std(dim=0))

    def forward(self, x):
        return (x - self.mean) / self.std


check_standardise(Standardise)


# %% Wrong: parameters that are frozen tags=["wrong"]
class Standardise(nn.Module):
    def __init__(self, data):
        super().__init__()
        self.mean = nn.Parameter(data.mean(dim=0), requires_grad=False)
        self.std = nn.Parameter(data.std(dim=0), requires_grad=False)

    def forward(self, x):
        return (x - self.mean) / self.std


# %% Wrong: buffers that are not saved tags=["wrong"]
class Standardise(nn.Module):
    def __init__(self, data):
        super().__init__()
        self.register_buffer("mean", data.mean(dim=0), persistent=False)
        self.register_buffer("std", data.std(dim=0), persistent=False)

    def forward(self, x):
        return (x - self.mean) / self.std


# %% Wrong: the numbers of the batch tags=["wrong"]
class Standardise(nn.Module):
    def __init__(self, data):
        super().__init__()
        self.register_buffer("mean", data.mean(dim=0))
        self.register_buffer("std", data.std(dim=0))

    def forward(self, x):
        return (x - x.mean(dim=0)) / x.std(dim=0)


# %% Exercise: features by name tags=["exercise"]
def output_of(model, name, x):
    """What the submodule called `name` returns while `model` works on `x`."""
    return model.get_submodule(name)(x)


class Backwards(nn.Sequential):
    def forward(self, x):
        return self[0](self[1](x))


def check_output_of(function):
    nested = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 2)), nn.ReLU(inplace=True))
    nested[1][1].bias = nn.Parameter(torch.tensor([-2.0, 2.0]))  # one column below 0, one above
    x = torch.rand(5, 4)
    torch.testing.assert_close(function(nested, "0", x), nested[0](x))
    torch.testing.assert_close(function(nested, "1.0", x), nested[0](x).tanh())
    torch.testing.assert_close(function(nested, "1", x), nested[1](nested[0](x)))
    torch.testing.assert_close(function(nested, "1.1", x), nested[1](nested[0](x)))
    torch.testing.assert_close(function(nested, "", x), nested(x))
    backwards = Backwards(nn.Linear(3, 2), nn.Linear(4, 3))
    torch.testing.assert_close(function(backwards, "0", x), backwards(x))
    try:
        function(nested, "1", torch.rand(5, 3))  # wrong size: raises on the way
    except RuntimeError:
        pass
    else:
        raise AssertionError("the error belongs to the caller")
    hooks = [module._forward_hooks or module._forward_pre_hooks for module in nested.modules()]
    assert not any(hooks), "a hook was left behind"
    assert not any("forward" in vars(module) for module in nested.modules()), "a forward was replaced"


check_output_of(output_of)


# %% Solution: features by name tags=["solution"]
def output_of(model, name, x):
    """What the submodule called `name` returns while `model` works on `x`."""
    seen = []
    layer = model.get_submodule(name)
    with layer.register_forward_hook(lambda module, inputs, output: seen.append(output.clone())):
        model(x)
    return seen[0]


check_output_of(output_of)


# %% Wrong: what the next layer writes over tags=["wrong"]
def output_of(model, name, x):
    seen = []
    with model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output)):
        model(x)
    return seen[0]


# %% Wrong: an error swallowed tags=["wrong"]
def output_of(model, name, x):
    seen = []
    with model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output.clone())):
        try:
            model(x)
        except RuntimeError:
            return None
    return seen[0]


# %% Wrong: layers called in the order of their names tags=["wrong"]
def output_of(model, name, x):
    for part in name.split(".") if name else []:
        layers = dict(model.named_children())
        for before in list(layers)[: list(layers).index(part)]:
            x = layers[before](x)
        model = layers[part]
    return model(x).clone()


# %% Wrong: the input tags=["wrong"]
def output_of(model, name, x):
    seen = []
    with model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].clone())):
        model(x)
    return seen[0]


# %% Wrong: a hook that stays tags=["wrong"]
def output_of(model, name, x):
    seen = []
    model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    model(x)
    return seen[0]


# %% Wrong: a hook that stays after an error tags=["wrong"]
def output_of(model, name, x):
    seen = []
    handle = model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    model(x)
    handle.remove()
    return seen[0]


# %% Wrong: another forward tags=["wrong"]
def output_of(model, name, x):
    seen = []
    layer = model.get_submodule(name)
    forward = layer.forward
    layer.forward = lambda y: (seen.append(forward(y)), seen[-1].clone())[1]
    model(x)
    return seen[0]
