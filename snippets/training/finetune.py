"""Fine-tuning: a new head on a trained body, what freezing stops and what it does not."""

# %% A new head on a frozen body
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 10))  # trained

model.requires_grad_(False)  # freeze all of it
model[2] = nn.Linear(3, 2)  # a new head for two classes, not frozen
optimizer = torch.optim.AdamW(model[2].parameters(), lr=0.01)

before = {name: p.clone() for name, p in model.named_parameters()}
loss = F.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 2)
loss.backward()
optimizer.step()
for name, old in before.items():
    print(name, "kept" if model.get_parameter(name).equal(old) else "moved")

# %% Gradients stop at the head tags=["hide-input"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 1.5))
ax.axis("off")
ax.set(xlim=(-0.5, 4.5), ylim=(-1.1, 0.6))
stations = [("numbers", None), *((f"{name}  {type(layer).__name__}", layer) for name, layer in model.named_children())]
for place, (title, layer) in enumerate([*stations, ("loss", None)]):
    weights = list(layer.parameters()) if layer else []
    learns = any(p.grad is not None for p in weights)
    color = "C1" if learns else "C0" if weights else "C7"
    box = {"boxstyle": "round", "facecolor": color, "alpha": 0.3}
    ax.text(place, 0, title, ha="center", va="center", bbox=box)
    if title != "loss":
        ax.annotate("", (place + 0.65, 0.38), (place + 0.35, 0.38), arrowprops={"arrowstyle": "->", "color": "C7"})
    if weights:
        ax.text(place, -0.75, "gradient: learns" if learns else "no gradient: kept", ha="center")
    if learns:
        ax.annotate("", (place + 0.35, -0.38), (place + 0.65, -0.38), arrowprops={"arrowstyle": "->", "color": color})
plt.show()

# %% Ten digits in two halves tags=["hide-input"]
bars = {"a": (0, slice(4)), "g": (3, slice(4)), "d": (6, slice(4))}
bars |= {"f": (slice(4), 0), "b": (slice(4), 3), "e": (slice(3, 7), 0), "c": (slice(3, 7), 3)}
lit = "abcdef bc abged abgcd fgbc afgcd afgedc abc abcdefg abcdfg".split()  # which bars, for each digit


def draw(count):
    """Pictures of digits as a pocket calculator shows them, moved by chance, in noise."""
    shapes = torch.zeros(10, 7, 4)
    for shape, names in zip(shapes, lit):
        for name in names:
            shape[bars[name]] = 1
    labels = torch.arange(count) % 10
    images = torch.rand(count, 1, 8, 8)  # (picture, channel, row, column)
    for image, label in zip(images, labels):
        down, right = torch.randint(2, ()), torch.randint(5, ())
        image[0, down : down + 7, right : right + 4] += shapes[label]
    return images, labels


torch.manual_seed(0)
images, labels = draw(1000)
early, late = labels < 5, labels >= 5
print(images[early].shape, images[late].shape)
for row in images[[2, 7], 0].transpose(0, 1).flatten(1):  # a 2 and a 7, side by side
    print("".join(".:#"[int(2 * value)] if value < 1 else "#" for value in row))


# %% Pre-training on 0 to 4
def new_body():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),  # (picture, 64)
    )


def train(model, optimizer, images, targets, steps):
    for step in range(steps):
        batch = torch.randint(len(images), (32,))
        loss = F.cross_entropy(model(images[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model, images, targets):
    model.eval()
    return (model(images).argmax(dim=1) == targets).float().mean().item()


torch.manual_seed(0)
trained = nn.Sequential(new_body(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(trained.parameters(), lr=0.1, momentum=0.9)
train(trained, optimizer, images[early][:400], labels[early][:400], 100)
known = accuracy(trained, images[early][400:], labels[early][400:])
print(f"{known > 0.9 = }")

# %% Nine is no place among five tags=["raises-exception"]
F.cross_entropy(trained(images[late][:32]), labels[late][:32])

# %% Count the classes from zero
targets = labels[late] - 5
loss = F.cross_entropy(trained(images[late][:32]), targets[:32])
print(targets.unique())

# %% The body gets no gradient
from copy import deepcopy

model = deepcopy(trained)
model.requires_grad_(False)
model[1] = nn.Linear(model[1].in_features, 5)
loss = F.cross_entropy(model(images[late][:32]), targets[:32])
loss.backward()
print([name for name, p in model.named_parameters() if p.grad is not None])

# %% None keeps a frozen body still, zero does not
for to_none in (True, False):
    pupil = deepcopy(trained)
    optimizer = torch.optim.AdamW(pupil.parameters(), lr=0.01)
    F.cross_entropy(pupil(images[late][:32]), targets[:32]).backward()
    pupil.requires_grad_(False)  # its gradients are still there
    optimizer.zero_grad(set_to_none=to_none)
    optimizer.step()
    still = torch.equal(pupil[0][0].weight, trained[0][0].weight)
    print(f"{to_none = }, {still = }")

# %% Frozen, and its statistics move
norm = model[0][1]
mean = norm.running_mean.clone()
model.train()
model(images[late])
print(torch.equal(norm.running_mean, mean))

# %% Eval for the body, train for the rest
mean = norm.running_mean.clone()
model.train()
model[0].eval()
model(images[late])
print(torch.equal(norm.running_mean, mean))

# %% The old optimizer holds the old head
model = deepcopy(trained)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
model[1] = nn.Linear(64, 5)  # too late
head = model[1].weight.clone()
F.cross_entropy(model(images[late][:32]), targets[:32]).backward()
optimizer.step()
print(torch.equal(model[1].weight, head))

# %% Everything is frozen tags=["raises-exception"]
model = deepcopy(trained).requires_grad_(False)
F.cross_entropy(model(images[late][:32]), targets[:32]).backward()

# %% Nothing left to move tags=["raises-exception"]
torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)

# %% Compute the features once
body = trained[0].eval()
with torch.no_grad():
    features = body(images[late])
head = nn.Linear(64, 5)
print(features.shape)
print(torch.equal(head(features), nn.Sequential(body, head)(images[late])))

# %% A slow body, a fast head
model = nn.Sequential(deepcopy(trained[0]), nn.Linear(64, 5))
optimizer = torch.optim.AdamW(
    [
        {"params": model[0].parameters(), "lr": 1e-3},
        {"params": model[1].parameters()},
    ],
    lr=1e-2,
)
print([group["lr"] for group in optimizer.param_groups])

# %% Thaw the body later
body = deepcopy(trained[0]).requires_grad_(False)
model = nn.Sequential(body, nn.Linear(64, 5))
optimizer = torch.optim.AdamW(model[1].parameters(), lr=1e-2)
train(model, optimizer, images[late][:100], targets[:100], 5)
print(torch.equal(body[0].weight, trained[0][0].weight))

body.requires_grad_(True)
optimizer.add_param_group({"params": body.parameters(), "lr": 1e-3})
train(model, optimizer, images[late][:100], targets[:100], 5)
print(torch.equal(body[0].weight, trained[0][0].weight))

# %% The scheduler was made for one group tags=["raises-exception"]
optimizer = torch.optim.AdamW(model[1].parameters(), lr=1e-2)
halving = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: 0.5**n)
optimizer.add_param_group({"params": body.parameters(), "lr": 1e-3})
optimizer.step()
halving.step()

# %% Added twice tags=["raises-exception"]
optimizer.add_param_group({"params": model.parameters()})

# %% Twenty pictures of each
torch.manual_seed(0)
order = torch.randperm(len(targets))
few = torch.cat([order[targets[order] == c][:20] for c in range(5)])
rest = torch.ones(len(targets), dtype=torch.bool).index_fill(0, few, False)
print(len(few), int(rest.sum()))

# %% Three starts, one race tags=["hide-input"]
steps = [0, 5, 10, 20, 40, 80]
curves = {}
for start in ("from scratch", "frozen body", "fine-tuned"):
    torch.manual_seed(0)
    body = new_body() if start == "from scratch" else deepcopy(trained[0])
    model = nn.Sequential(body, nn.Linear(64, 5))
    body.requires_grad_(start != "frozen body")
    moving = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(moving, lr=0.03, momentum=0.9)
    points = [accuracy(model, images[late][rest], targets[rest])]
    for count in torch.tensor(steps).diff().tolist():
        model.train()
        body.train(start != "frozen body")
        train(model, optimizer, images[late][few], targets[few], count)
        points.append(accuracy(model, images[late][rest], targets[rest]))
    curves[start] = torch.tensor(points)

fig, axes = plt.subplots(figsize=(6, 3.2))
for start, curve in curves.items():
    axes.plot(steps, curve, "o-", label=start)
axes.set(title="Digits 5 to 9, 20 pictures of each", xlabel="step")
axes.set(ylabel="right, of the rest", ylim=(0, 1))
axes.legend()
plt.show()

# %% Sizes must agree, strict or not tags=["raises-exception"]
saved = trained.state_dict()
ten = nn.Sequential(new_body(), nn.Linear(64, 10))
ten.load_state_dict(saved, strict=False)

# %% Load all but the head
ten = nn.Sequential(new_body(), nn.Linear(64, 10))
kept = {name: saved[name] for name in saved if not name.startswith("1.")}
print(ten.load_state_dict(kept, strict=False))


# %% Exercise: train the head only tags=["exercise"]
def head_only(model):
    """Training mode for the head; the body, model[0], keeps all its numbers."""
    model.train()
    model[0].requires_grad_(False)


model = deepcopy(trained)
F.cross_entropy(model(images[late]), targets).backward()
before = {name: value.clone() for name, value in model[0].state_dict().items()}
head_only(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
optimizer.step()
train(model, optimizer, images[late], targets, 2)
for name, value in model[0].state_dict().items():
    assert torch.equal(value, before[name]), f"{name} has moved"
assert model[1].training and all(p.requires_grad for p in model[1].parameters()), "the head"


# %% Solution: train the head only tags=["solution"]
def head_only(model):
    """Training mode for the head; the body, model[0], keeps all its numbers."""
    model.train()
    model[0].requires_grad_(False)
    model[0].eval()
    model[0].zero_grad()


model = deepcopy(trained)
F.cross_entropy(model(images[late]), targets).backward()
head_only(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
optimizer.step()
train(model, optimizer, images[late], targets, 2)
for name, value in model[0].state_dict().items():
    assert torch.equal(value, before[name]), f"{name} has moved"
assert model[1].training and all(p.requires_grad for p in model[1].parameters()), "the head"


# %% Wrong: the body without gradients, in train tags=["wrong"]
def head_only(model):
    model[0].eval()
    model.train()
    model[0].zero_grad()
    model[0].requires_grad_(False)


# %% Wrong: the body in eval, with gradients tags=["wrong"]
def head_only(model):
    model.train()
    model[0].eval().zero_grad()


# %% Wrong: frozen, and the last gradients left tags=["wrong"]
def head_only(model):
    model.train()
    model[0].eval().requires_grad_(False)


# %% Wrong: gradients of zeros tags=["wrong"]
def head_only(model):
    model.train()
    model[0].eval().requires_grad_(False)
    model[0].zero_grad(set_to_none=False)


# %% Wrong: the head without its bias tags=["wrong"]
def head_only(model):
    model.train()
    model[0].eval().zero_grad()
    model.requires_grad_(False)
    model[1].weight.requires_grad_(True)


# %% Wrong: nothing in train tags=["wrong"]
def head_only(model):
    model.eval()
    model[0].zero_grad()
    model[0].requires_grad_(False)


# %% Wrong: no momentum for the norms tags=["wrong"]
def head_only(model):
    model.train()
    model[0].zero_grad()
    model[0].requires_grad_(False)
    model[0][1].momentum = model[0][5].momentum = 0.0


# %% Exercise: each parameter once tags=["exercise"]
def two_speeds(model, lr):
    """An AdamW with rate lr for model[1], and a tenth of it for the rest."""
    return torch.optim.AdamW(model.parameters(), lr=lr)


def check_speeds(two_speeds):
    for model, lr in ((trained, 0.5), (nn.Sequential(*trained, nn.Linear(5, 5)), 0.02)):
        optimizer = two_speeds(model, lr)
        assert type(optimizer) is torch.optim.AdamW, "an AdamW"
        groups = optimizer.param_groups
        rates = {p: group["lr"] for group in groups for p in group["params"]}
        assert set(rates) == set(model.parameters()), "some are missing"
        for p in model[1].parameters():
            assert abs(rates.pop(p) - lr) < 1e-9, "the head is slow"
        assert all(abs(rate - lr / 10) < 1e-9 for rate in rates.values()), "the rest is fast"
        assert len(groups) == 2, "two groups"


check_speeds(two_speeds)


# %% Solution: each parameter once tags=["solution"]
def two_speeds(model, lr):
    """An AdamW with rate lr for model[1], and a tenth of it for the rest."""
    head = set(model[1].parameters())
    others = [p for p in model.parameters() if p not in head]
    groups = [{"params": others, "lr": lr / 10}, {"params": model[1].parameters()}]
    return torch.optim.AdamW(groups, lr=lr)


check_speeds(two_speeds)


# %% Wrong: another optimizer tags=["wrong"]
def two_speeds(model, lr):
    groups = [{"params": model[0].parameters(), "lr": lr / 10}, {"params": model[1].parameters()}]
    return torch.optim.SGD(groups, lr=lr)


# %% Wrong: numbers copied from the check tags=["wrong"]
def two_speeds(model, lr):
    groups = [{"params": model[0].parameters(), "lr": 0.05}, {"params": model[1].parameters(), "lr": 0.5}]
    return torch.optim.AdamW(groups)


# %% Wrong: two layers, whatever the model has tags=["wrong"]
def two_speeds(model, lr):
    groups = [{"params": model[0].parameters(), "lr": lr / 10}, {"params": model[1].parameters()}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Wrong: the head is what comes last tags=["wrong"]
def two_speeds(model, lr):
    *others, weight, bias = model.parameters()
    return torch.optim.AdamW([{"params": others, "lr": lr / 10}, {"params": [weight, bias]}], lr=lr)


# %% Wrong: a group for each parameter tags=["wrong"]
def two_speeds(model, lr):
    head = set(model[1].parameters())
    groups = [{"params": [p], "lr": lr if p in head else lr / 10} for p in model.parameters()]
    return torch.optim.AdamW(groups)


# %% Wrong: the head in both tags=["wrong"]
def two_speeds(model, lr):
    groups = [{"params": model.parameters(), "lr": lr / 10}, {"params": model[1].parameters()}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Wrong: a slow head tags=["wrong"]
def two_speeds(model, lr):
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": lr / 10}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Exercise: what will move tags=["exercise"]
def will_move(model, optimizer):
    """Names of the parameters that want a gradient and that the optimizer holds."""
    return [name for name, p in model.named_parameters() if p.requires_grad]


def check_move(will_move):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model[0].bias.requires_grad_(False)
    assert will_move(model, optimizer) == ["0.weight", "1.weight", "1.bias"]
    model[1] = deepcopy(model[1])  # too late
    assert will_move(model, optimizer) == ["0.weight"], "the new head is not held"
    optimizer.add_param_group({"params": model[1].parameters()})
    assert will_move(model, optimizer) == ["0.weight", "1.weight", "1.bias"], "the second group"


check_move(will_move)


# %% Solution: what will move tags=["solution"]
def will_move(model, optimizer):
    """Names of the parameters that want a gradient and that the optimizer holds."""
    held = {p for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and p in held]


check_move(will_move)


# %% Wrong: what is held, frozen or not tags=["wrong"]
def will_move(model, optimizer):
    held = {p for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p in held]


# %% Wrong: the first group only tags=["wrong"]
def will_move(model, optimizer):
    held = set(optimizer.param_groups[0]["params"])
    return [name for name, p in model.named_parameters() if p.requires_grad and p in held]


# %% Wrong: by numbers tags=["wrong"]
def will_move(model, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    return [name for name, p in model.named_parameters() if p.requires_grad and any(p.equal(q) for q in held)]
