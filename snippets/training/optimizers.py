"""Optimizers: from the gradients to the next weights, and how large a step to take."""

# %% Two hundred steps to a line
import torch
from torch import nn

x = torch.linspace(-1, 1, 20)[:, None]  # (example, 1)
y = 3 * x + 1
torch.manual_seed(0)
model = nn.Linear(1, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(200):
    loss = (model(x) - y).square().mean()
    optimizer.zero_grad()  # forget the old gradients
    loss.backward()  # compute new ones
    optimizer.step()  # change the weights
print(f"{model.weight.item():.2f} {model.bias.item():.2f}")

# %% Three ways down a valley tags=["hide-input"]
import matplotlib.pyplot as plt

ways = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.035),
    "SGD, momentum=0.9": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.3),
}
plt.figure(figsize=(5, 1.9))
across, along = torch.meshgrid(torch.linspace(-5, 3, 41), torch.linspace(-2, 2, 41), indexing="xy")
plt.contour(across, along, across**2 + 25 * along**2, levels=[1, 5, 15, 30, 60], colors="C7", alpha=0.4)
for (name, make), style in zip(ways.items(), ["o-", "s-", "^-"]):
    place = torch.tensor([-4.0, 1.5], requires_grad=True)
    walker = make([place])
    path = [place.detach().clone()]
    for _ in range(40):
        walker.zero_grad()
        (place**2 * torch.tensor([1.0, 25.0])).sum().backward()
        walker.step()
        path.append(place.detach().clone())
    plt.plot(*torch.stack(path).T, style, markersize=3, label=name)
plt.ylim(-2, 2)
plt.yticks([-2, 0, 2])
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% One step, by hand and by SGD
w = torch.tensor([1.0, 2.0], requires_grad=True)
loss = (w**2).sum()
loss.backward()
print(w.detach() - 0.1 * w.grad)
optimizer = torch.optim.SGD([w], lr=0.1)
optimizer.step()
print(w.detach())

# %% A step too small, right, too large
for lr in (0.01, 0.4, 0.99, 1.1):
    w = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr)
    for _ in range(20):
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
    print(f"{lr:4}: {w.item():7.4f}")

# %% Empty means None
w = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=0.5)
(w**2).sum().backward()
optimizer.zero_grad()
print(w.grad)

# %% The old way to forget tags=["raises-exception"]
w.grad.zero_()

# %% None stands still, zero may move
optimizer.step()
print(w.detach())
w.grad = torch.zeros(2)
optimizer.step()
print(w.detach())

# %% Four small batches make a large one
model.zero_grad()
(model(x) - y).square().mean().backward()
large = model.weight.grad.clone()
model.zero_grad()
for small_x, small_y in zip(x.split(5), y.split(5)):
    loss = (model(small_x) - small_y).square().mean() / 4
    loss.backward()  # adds up
torch.testing.assert_close(model.weight.grad, large)

# %% Momentum picks up speed
w = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=1, momentum=0.9)
for _ in range(4):
    before = w.item()
    w.grad = torch.ones(1)
    optimizer.step()
    print(f"{before - w.item():.3f}")

# %% Adam begins with a step of lr
w = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.Adam([w], lr=0.1)
w.grad = torch.tensor([0.0001, 1.0, -1000.0])
optimizer.step()
print(w.detach())


# %% Three recipes by hand
def momentum(w, gradients, lr):
    speed = 0
    for g in gradients:
        speed = 0.9 * speed + g
        w = w - lr * speed
    return w


def rmsprop(w, gradients, lr):
    size = 0  # of the squared gradients, averaged
    for g in gradients:
        size = 0.99 * size + 0.01 * g**2
        w = w - lr * g / (size.sqrt() + 1e-8)
    return w


def adam(w, gradients, lr):
    speed = size = 0
    for t, g in enumerate(gradients, 1):
        speed = 0.9 * speed + 0.1 * g
        size = 0.999 * size + 0.001 * g**2
        fair_speed, fair_size = speed / (1 - 0.9**t), size / (1 - 0.999**t)
        w = w - lr * fair_speed / (fair_size.sqrt() + 1e-8)
    return w


# %% Thirty steps, no difference tags=["hide-input"]
def take_steps(optimizer_class, start, gradients, **options):
    w = start.clone().requires_grad_()
    optimizer = optimizer_class([w], **options)
    for g in gradients:
        w.grad = g.clone()
        optimizer.step()
    return w.detach()


torch.manual_seed(0)
recipes = [
    (momentum, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (rmsprop, torch.optim.RMSprop, {"lr": 0.1}),
    (adam, torch.optim.Adam, {"lr": 0.1}),
]
for by_hand, optimizer_class, options in recipes:
    for dtype in (torch.float32, torch.float64):
        for shape in [(), (3,), (4, 5)]:
            start = torch.randn(shape, dtype=dtype)
            gradients = torch.randn(30, *shape, dtype=dtype)
            theirs = take_steps(optimizer_class, start, gradients, **options)
            torch.testing.assert_close(by_hand(start, gradients, lr=0.1), theirs)

# %% Decay by Adam, decay by AdamW
start, nothing = torch.tensor([100.0]), torch.zeros(1, 1)
for optimizer_class in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
    after = take_steps(optimizer_class, start, nothing, lr=0.1, weight_decay=0.1)
    print(f"{optimizer_class.__name__:5} {after.item():.1f}")

# %% A scheduler steps after the optimizer
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
for epoch in range(5):
    print(epoch, scheduler.get_last_lr())
    optimizer.step()  # once for each batch
    scheduler.step()  # once for each epoch

# %% Warm up, then a cosine
from torch.optim import lr_scheduler


def warm_up_then_cosine(optimizer):
    up = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=10)
    down = lr_scheduler.CosineAnnealingLR(optimizer, T_max=90)
    return lr_scheduler.SequentialLR(optimizer, [up, down], milestones=[10])


# %% Four schedules tags=["hide-input"]
schedules = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=30, gamma=0.3),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=100),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 1, total_steps=100),
    "LinearLR, then cosine": warm_up_then_cosine,
}
rates = {}
for name, make in schedules.items():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    rates[name] = []
    for _ in range(100):
        rates[name].append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
plt.figure(figsize=(6, 2.1))
for (name, rate), style in zip(rates.items(), ["-", "--", "-.", ":"]):
    plt.plot(rate, style, label=name)
plt.xlabel("step")
plt.ylabel("learning rate")
plt.title("Four schedules")
plt.legend()
plt.show()

# %% Thirty epochs, counted in batches
optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
for batch in range(1, 61):
    optimizer.step()
    scheduler.step()
    if batch % 15 == 0:
        print(batch, f"{scheduler.get_last_lr()[0]:.2f}")

# %% The scheduler went first
import warnings

optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
quiet = lr_scheduler.CosineAnnealingWarmRestarts(torch.optim.SGD([torch.zeros(1)], lr=1.0), T_0=2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scheduler.step()
    quiet.step()
optimizer.step()
print(str(caught[0].message).split(". ")[0])
print(scheduler.get_last_lr())

# %% The first step was skipped
weight = torch.ones(1, requires_grad=True)
skipping = torch.optim.SGD([weight], lr=1.0)
in_order = lr_scheduler.StepLR(skipping, step_size=1)
scaler = torch.amp.GradScaler("cpu")
scaler.scale(weight * torch.inf).backward()
scaler.step(skipping)  # not taken
scaler.update()
in_order.step()
print(weight.detach())

# %% No verbose any more tags=["raises-exception"]
lr_scheduler.StepLR(optimizer, step_size=1, verbose=True)

# %% Clipping gives back the old norm
w = torch.zeros(3, requires_grad=True)
w.grad = torch.tensor([2.0, 4.0, 4.0])
norm = nn.utils.clip_grad_norm_([w], max_norm=1.0)
print(f"{norm:.2f} {w.grad.norm():.2f}")
print(w.grad)

# %% Parameters can be used up
weights = model.parameters()
optimizer = torch.optim.SGD(weights, lr=0.1)
norm = nn.utils.clip_grad_norm_(weights, max_norm=1.0)
print(norm)

# %% Two layers, two learning rates
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
optimizer = torch.optim.AdamW(
    [
        {"params": model[0].parameters(), "lr": 0.0001},
        {"params": model[2].parameters()},
    ],
    lr=0.001,
)
print([group["lr"] for group in optimizer.param_groups])

# %% What Adam remembers
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
memory = optimizer.state[model[0].weight]
print({name: tuple(kept.shape) for name, kept in memory.items()})

# %% Frozen, but the old gradient is there
model[0].requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
for _ in range(2):
    before = model[0].weight.clone()
    optimizer.step()
    print("moved:", not torch.equal(model[0].weight, before))
    optimizer.zero_grad()

# %% A layer that the optimizer never met
model[2] = nn.Linear(3, 5)  # a new head
before = model[2].weight.clone()
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
print("moved:", not torch.equal(model[2].weight, before))

# %% Nothing to optimize tags=["raises-exception"]
stack = nn.Module()
stack.layers = [nn.Linear(2, 3), nn.Linear(3, 1)]  # a plain list
torch.optim.SGD(stack.parameters(), lr=0.1)

# %% Results are not weights tags=["raises-exception"]
start = torch.randn(3, requires_grad=True) * 0.01
torch.optim.SGD([start], lr=0.1)

# %% One weight in two groups tags=["raises-exception"]
torch.optim.SGD([{"params": model.parameters()}, {"params": model[2].parameters()}], lr=0.1)

# %% One step too many tags=["raises-exception"]
scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=2)
for _ in range(3):
    optimizer.step()
    scheduler.step()


# %% Exercise: clip by hand tags=["exercise"]
def clip(parameters, max_norm):
    """Shrink all gradients by one factor, so that their common norm is `max_norm` at most."""
    for p in parameters:
        if p.grad is not None:
            p.grad *= max_norm / p.grad.norm()


def check_clip(clip):
    matrix = [[3.0, 0.0], [0.0, 4.0]]
    short = [[0.3], [0.0, 0.4]], [[0.0], [0.0, 2.0]], [[0.0], [0.0, 0.0]], []
    for gradients in ([[2.0], [4.0, 4.0]], [matrix], *short):
        shapes = [torch.tensor(g).shape for g in [*gradients, [0.0]]]
        mine, theirs = (nn.ParameterList(map(torch.zeros, shapes)) for _ in range(2))
        for a, b, g in zip(mine, theirs, gradients):  # the last one gets no gradient
            a.grad, b.grad = torch.tensor(g), torch.tensor(g)
        clip(mine.parameters(), 3.0)
        nn.utils.clip_grad_norm_(theirs.parameters(), 3.0)
        for a, b, g in zip(mine, theirs, gradients):
            assert torch.allclose(a.grad, b.grad), f"{gradients}: {a.grad}, not {b.grad}"
        assert mine[-1].grad is None, "a gradient where none was"


check_clip(clip)


# %% Solution: clip by hand tags=["solution"]
def clip(parameters, max_norm):
    """Shrink all gradients by one factor, so that their common norm is `max_norm` at most."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = sum(g.square().sum() for g in gradients) ** 0.5
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm


check_clip(clip)


# %% Wrong: no gradient at all is an error tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for g in gradients:
        g *= max_norm / norm.clamp(min=max_norm)


# %% Wrong: always shrunk tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for g in gradients:
        g *= max_norm / (norm + 1e-6)


# %% Wrong: value by value tags=["wrong"]
def clip(parameters, max_norm):
    for p in parameters:
        if p.grad is not None:
            p.grad.clamp_(-max_norm, max_norm)


# %% Wrong: to length one tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for g in gradients:
        g /= norm.clamp(min=1)


# %% Wrong: for vectors only tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = sum(g @ g for g in gradients) ** 0.5
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm


# %% Wrong: how far a matrix stretches tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = sum(torch.linalg.norm(g, ord=2) ** 2 for g in gradients) ** 0.5
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm


# %% Wrong: a generator walked twice tags=["wrong"]
def clip(parameters, max_norm):
    norm = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm()
    for p in parameters:
        if p.grad is not None:
            p.grad *= max_norm / norm.clamp(min=max_norm)


# %% Wrong: the square against the limit tags=["wrong"]
def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    squared = sum(g.square().sum() for g in gradients)
    if squared > max_norm:
        for g in gradients:
            g *= max_norm / squared**0.5


# %% Wrong: the length of the weights tags=["wrong"]
def clip(parameters, max_norm):
    weights = list(parameters)
    norm = sum(p.square().sum() for p in weights) ** 0.5
    for p in weights:
        if p.grad is not None and norm > max_norm:
            p.grad *= max_norm / norm


# %% Wrong: zeros for None tags=["wrong"]
def clip(parameters, max_norm):
    weights = list(parameters)
    for p in weights:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    nn.utils.clip_grad_norm_(weights, max_norm)


# %% Exercise: decay for matrices only tags=["exercise"]
def groups(model, weight_decay):
    """Two groups: weights with two axes or more decay, all others do not."""
    return [{"params": model.parameters(), "weight_decay": weight_decay}]


def check_groups(groups):
    layers = nn.Embedding(7, 4), nn.Linear(4, 4, bias=False), nn.LayerNorm(4), nn.Conv1d(4, 2, 3)
    model = nn.Sequential(*layers)
    model.register_parameter("scale", nn.Parameter(torch.tensor(1.0)))
    model.register_parameter("mixture", nn.Parameter(torch.ones(2, 2)))
    for weight_decay in (0.1, 0.3):
        decay = {}
        optimizer = torch.optim.AdamW(groups(model, weight_decay), lr=0.1)
        for group in optimizer.param_groups:
            decay |= dict.fromkeys(group["params"], group["weight_decay"])
        for name, p in model.named_parameters():
            right = weight_decay if p.ndim > 1 else 0.0
            assert decay.get(p) == right, f"{name} decays by {decay.get(p)}, not {right}"
        assert len(optimizer.param_groups) == 2, "two groups"


check_groups(groups)


# %% Solution: decay for matrices only tags=["solution"]
def groups(model, weight_decay):
    """Two groups: weights with two axes or more decay, all others do not."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


check_groups(groups)


# %% Wrong: by name tags=["wrong"]
def groups(model, weight_decay):
    biases = [p for name, p in model.named_parameters() if "bias" in name]
    others = [p for name, p in model.named_parameters() if "bias" not in name]
    return [{"params": others, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]


# %% Wrong: a group for each tags=["wrong"]
def groups(model, weight_decay):
    return [{"params": [p], "weight_decay": weight_decay if p.ndim > 1 else 0.0} for p in model.parameters()]


# %% Wrong: no word on the others tags=["wrong"]
def groups(model, weight_decay):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others}]


# %% Wrong: two axes exactly tags=["wrong"]
def groups(model, weight_decay):
    matrices = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


# %% Wrong: always a tenth tags=["wrong"]
def groups(model, weight_decay):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]


# %% Wrong: by kind of layer tags=["wrong"]
def groups(model, weight_decay):
    kinds = nn.Linear, nn.Embedding, nn.Conv1d
    matrices = {layer.weight for layer in model.modules() if isinstance(layer, kinds)}
    others = [p for p in model.parameters() if p not in matrices]
    return [{"params": list(matrices), "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


# %% Exercise: an optimizer of your own tags=["exercise"]
class SignDescent(torch.optim.Optimizer):
    """Every weight moves by lr, against the sign of its gradient."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p = p - self.defaults["lr"] * p.grad.sign()


def check_optimizer(optimizer_class):
    a, b, unused = (torch.ones(2, requires_grad=True) for _ in range(3))
    optimizer = optimizer_class([{"params": [unused, a]}, {"params": [b], "lr": 0.25}], lr=0.5)
    a.grad, b.grad = torch.tensor([7.0, -0.1]), torch.tensor([0.0, 2.0])
    optimizer.step()
    assert a.tolist() == [0.5, 1.5], f"a is {a.tolist()}"
    assert b.tolist() == [1.0, 0.75], f"b is {b.tolist()}"
    assert unused.tolist() == [1.0, 1.0]
    assert a.grad[0] == 7, "the gradient has changed"


check_optimizer(SignDescent)


# %% Solution: an optimizer of your own tags=["solution"]
class SignDescent(torch.optim.Optimizer):
    """Every weight moves by lr, against the sign of its gradient."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad.sign()


check_optimizer(SignDescent)


# %% Wrong: the first rate tags=["wrong"]
class SignDescent(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for p in (p for group in self.param_groups for p in group["params"] if p.grad is not None):
            p -= self.defaults["lr"] * p.grad.sign()


# %% Wrong: a new tensor tags=["wrong"]
class SignDescent(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p = p - group["lr"] * p.grad.sign()


# %% Wrong: the gradient instead of its sign tags=["wrong"]
class SignDescent(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad


# %% Wrong: the rest of a group goes with None tags=["wrong"]
class SignDescent(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    break
                p -= group["lr"] * p.grad.sign()


# %% Wrong: signs in place of the gradient tags=["wrong"]
class SignDescent(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad.sign_()
