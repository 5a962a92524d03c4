"""Gradient descent: the same line learned with NumPy, tensors, autograd, an optimizer and a layer."""

# %% A line learned in twenty steps
import torch

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
target = 2 * x  # what w * x shall become

w = torch.tensor(0.0, requires_grad=True)
for epoch in range(20):
    loss = ((w * x - target) ** 2).mean()  # how wrong
    loss.backward()  # which way is worse
    with torch.no_grad():
        w -= 0.01 * w.grad  # a small step the other way
    w.grad = None  # the next round starts afresh
print(f"w = {w:.3f}, f(5) = {w * 5:.3f}")

# %% Down the bowl tags=["hide-input"]
import matplotlib.pyplot as plt


def losses_of(weights):
    return ((weights[:, None] * x - target) ** 2).mean(dim=1)


slopes = torch.linspace(-0.3, 4.3, 93)
walked = torch.zeros(21, requires_grad=True)
for step in range(20):
    (slope,) = torch.autograd.grad(losses_of(walked).sum(), walked)
    with torch.no_grad():
        walked[step + 1] = walked[step] - 0.01 * slope[step]
walked = walked.detach()

fig, ax = plt.subplots(figsize=(4.5, 2.2))
ax.plot(slopes, losses_of(slopes), label="loss for every w")
ax.plot(walked, losses_of(walked), "o-", label="20 steps from w = 0")
ax.set(xlabel="w", ylabel="loss")
ax.legend()
plt.show()

# %% By hand, in NumPy
import numpy as np

x_np = np.array([1, 2, 3, 4], dtype=np.float32)
target_np = 2 * x_np


def loss_of(w):
    return ((w * x_np - target_np) ** 2).mean()


def gradient_of(w):
    return (2 * x_np * (w * x_np - target_np)).mean()


print(loss_of(0.0), gradient_of(0.0))

# %% Twenty steps in NumPy
w_np = 0.0
path_numpy = [w_np]
for epoch in range(20):
    loss_np = loss_of(w_np)
    w_np -= 0.01 * gradient_of(w_np)
    path_numpy.append(w_np)
    if epoch % 5 == 0:
        print(f"Epoch {epoch + 1}: w = {w_np:.3f}, loss = {loss_np:.4f}")
print(f"f(5) = {w_np * 5:.3f}")


# %% Summed twice, divided never
def gradient_from_an_old_page(w, x, target):
    return np.dot(2 * x, w * x - target).mean()


print(gradient_from_an_old_page(0.0, x_np, target_np))
print(gradient_of(0.0))

# %% A difference decides
h = 0.001
rise = loss_of(0.0 + h) - loss_of(0.0 - h)
print(f"{rise / (2 * h):.1f}")

# %% The famous log
w_log = 0.0
print(f"Prediction before training: f(5) = {w_log * 5:.3f}")
for epoch in range(20):
    loss_log = loss_of(w_log)
    w_log -= 0.01 * gradient_from_an_old_page(w_log, x_np, target_np)
    if epoch % 2 == 0:
        print(f"Epoch {epoch + 1}: w = {w_log:.3f}, loss = {loss_log:.4f}")
print(f"Prediction after training: f(5) = {w_log * 5:.3f}")

# %% Ten times the data, and it bursts
x_more = np.tile(x_np, 10)  # the same four points, ten times
w_more = 0.0
for epoch in range(5):
    w_more -= 0.01 * gradient_from_an_old_page(w_more, x_more, 2 * x_more)
    print(f"{w_more:.0f}")

# %% Tensors, the same formula
w_t = torch.tensor(0.0)
path_tensors = [w_t.item()]
for epoch in range(20):
    w_t -= 0.01 * (2 * x * (w_t * x - target)).mean()
    path_tensors.append(w_t.item())
print(f"w = {w_t:.3f}")

# %% Autograd in place of the formula
w = torch.tensor(0.0, requires_grad=True)
path_autograd = [w.item()]
for epoch in range(20):
    ((w * x - target) ** 2).mean().backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
    path_autograd.append(w.item())
print(f"w = {w:.3f}")

# %% An optimizer takes the step
w = torch.tensor(0.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.01)
path_optim = [w.item()]
for epoch in range(20):
    loss = ((w * x - target) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    path_optim.append(w.item())
print(f"w = {w:.3f}")

# %% A layer holds the weight
from torch import nn

model = nn.Linear(1, 1, bias=False)
nn.init.zeros_(model.weight)
loss_function = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
path_nn = [model.weight.item()]
for epoch in range(20):
    guess = model(x[:, None])  # (example, 1)
    loss = loss_function(guess, target[:, None])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    path_nn.append(model.weight.item())
print(f"w = {model.weight.item():.3f}")

# %% Five ways, one path
by_hand = [path_numpy, path_tensors]
paths = torch.tensor([*by_hand, path_autograd, path_optim, path_nn])
for path in paths:
    print([round(w, 3) for w in path[:4].tolist()], "…", round(path[-1].item(), 3))
torch.testing.assert_close(paths, paths[:1].expand(5, -1), rtol=0, atol=1e-5)

# %% The formula against autograd
torch.manual_seed(0)
for dtype in [torch.float32, torch.float64]:
    for examples in [1, 4, 100]:
        at, truth = torch.randn(2, examples, dtype=dtype)
        some_w = torch.randn((), dtype=dtype, requires_grad=True)
        ((some_w * at - truth) ** 2).mean().backward()
        by_hand = (2 * at * (some_w.detach() * at - truth)).mean()
        torch.testing.assert_close(by_hand, some_w.grad)

# %% Before and after
torch.manual_seed(0)
model = nn.Linear(1, 1)  # w and b, drawn at random
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
five = torch.tensor([[5.0]])
print(f"before: f(5) = {model(five).item():.3f}")
for epoch in range(100):
    loss = loss_function(model(x[:, None]), target[:, None])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"after:  f(5) = {model(five).item():.3f}, loss = {loss:.4f}")

# %% Two parameters, unpacked
[weight, bias] = model.parameters()
print(f"w = {weight.item():.2f}, b = {bias.item():.2f}")
print(weight.shape, bias.shape)

# %% Squares do not mind the order
guess = torch.tensor([0.9, 0.2])
truth = torch.tensor([1.0, 0.0])
print(f"{loss_function(guess, truth):.3f} {loss_function(truth, guess):.3f}")
print(f"{nn.BCELoss()(guess, truth):.3f} {nn.BCELoss()(truth, guess):.3f}")

# %% Other bricks, the same loop
valley = (x - 2.5).abs()[:, None]  # no line fits
for seed, rate in [(5, 0.05), (1, 0.01), (1, 0.05)]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for epoch in range(600):
        loss = loss_function(model(x[:, None]), valley)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(model(x[:, None]).detach().flatten().round(decimals=1))


# %% Six learning rates
def descend(rate, steps=20):
    path = [0.0]
    for _ in range(steps):
        path.append(path[-1] - rate * float(gradient_of(path[-1])))
    return path


for rate in [0.001, 0.01, 1 / 15, 0.12, 0.13, 0.14]:
    print(f"{rate:.3f}  w = {descend(rate)[-1]:.3f}")

# %% Too small, too large, just right tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.6), sharey=True)
for ax, rate in zip(axes, [0.001, 0.05, 0.135]):
    walked = torch.tensor(descend(rate, 8))
    across = torch.linspace(-0.6, 4.6, 105)
    ax.plot(across, 7.5 * (across - 2) ** 2)
    ax.plot(walked, 7.5 * (walked - 2) ** 2, "o-", markersize=4)
    ax.set(title=f"learning rate {rate:g}", xlabel="w", ylim=(-2, 45))
axes[0].set_ylabel("loss")
plt.show()

# %% Larger and larger, then nan
w = torch.tensor(0.0, requires_grad=True)
losses = []
while not losses or losses[-1] == losses[-1]:  # nan is the number that is not itself
    loss = ((w * x - target) ** 2).mean()
    (slope,) = torch.autograd.grad(loss, w)
    with torch.no_grad():
        w -= 1.0 * slope
    losses.append(loss.item())
print([f"{loss:.2g}" for loss in losses[:3]], "…", losses[-2:])

# %% Never cleared
w = torch.tensor(0.0, requires_grad=True)
for epoch in range(20):
    ((w * x - target) ** 2).mean().backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    if epoch % 5 == 0:
        print(f"Epoch {epoch + 1}: w = {w:.3f}")

# %% A new w has no gradient tags=["raises-exception"]
w = torch.tensor(0.0, requires_grad=True)
for epoch in range(20):
    ((w * x - target) ** 2).mean().backward()
    w = w - 0.01 * w.grad

# %% A layer wants columns tags=["raises-exception"]
nn.Linear(1, 1)(x)


# %% Exercise: a line with a bias tags=["exercise"]
def gradients(w, b, x, target):
    """The slopes of the mean of (w·x + b - target)² for w and b, by a formula."""
    error = w * x + b - target
    return torch.dot(x, error), error.sum()  # not quite


torch.manual_seed(0)
for examples in [1, 4, 50]:
    at, truth = torch.randn(2, examples)
    w, b = torch.randn(2, requires_grad=True)
    loss = ((w * at + b - truth) ** 2).mean()
    expected = torch.stack(torch.autograd.grad(loss, [w, b]))
    found = torch.stack(gradients(w.detach(), b.detach(), at, truth))
    assert torch.allclose(found, expected, atol=1e-5), f"wrong for {examples}"


# %% Solution: a line with a bias tags=["solution"]
def gradients(w, b, x, target):
    """The slopes of the mean of (w·x + b - target)² for w and b, by a formula."""
    error = w * x + b - target
    return (2 * error * x).mean(), (2 * error).mean()


for examples in [1, 4, 50]:
    at, truth = torch.randn(2, examples)
    w, b = torch.randn(2, requires_grad=True)
    loss = ((w * at + b - truth) ** 2).mean()
    expected = torch.stack(torch.autograd.grad(loss, [w, b]))
    found = torch.stack(gradients(w.detach(), b.detach(), at, truth))
    assert torch.allclose(found, expected, atol=1e-5), f"wrong for {examples}"


# %% Wrong: sums tags=["wrong"]
def gradients(w, b, x, target):
    error = w * x + b - target
    return (2 * error * x).sum(), (2 * error).sum()


# %% Wrong: no factor of two tags=["wrong"]
def gradients(w, b, x, target):
    error = w * x + b - target
    return (error * x).mean(), error.mean()


# %% Wrong: the other way tags=["wrong"]
def gradients(w, b, x, target):
    error = target - (w * x + b)
    return (2 * error * x).mean(), (2 * error).mean()


# %% Wrong: no bias in the error tags=["wrong"]
def gradients(w, b, x, target):
    error = w * x - target
    return (2 * error * x).mean(), (2 * error).mean()


# %% Exercise: the best line tags=["exercise"]
def fit(x, target, rate=0.3, steps=100):
    """w and b of the line with the smallest mean squared error."""
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        loss = ((w * x + b - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad
            b -= rate * b.grad
    return w.item(), b.item()


torch.manual_seed(0)
hours = torch.linspace(-1, 1.5, 30)
grades = 3 * hours + 1 + 0.3 * torch.randn(30)
columns = torch.stack([hours, torch.ones(30)], dim=1)
best = torch.linalg.lstsq(columns, grades[:, None]).solution.flatten()
off = (torch.tensor(fit(hours, grades)) - best).abs().max()
assert off < 1e-3, f"off by {off:.1f}"


# %% Solution: the best line tags=["solution"]
def fit(x, target, rate=0.3, steps=100):
    """w and b of the line with the smallest mean squared error."""
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        w.grad = b.grad = None
        loss = ((w * x + b - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad
            b -= rate * b.grad
    return w.item(), b.item()


off = (torch.tensor(fit(hours, grades)) - best).abs().max()
assert off < 1e-3, f"off by {off:.1f}"


# %% Wrong: gradients never cleared tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        ((w * x + b - target) ** 2).mean().backward()
        with torch.no_grad():
            w -= rate * w.grad
            b -= rate * b.grad
    return w.item(), b.item()


# %% Wrong: w alone cleared tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        w.grad = None
        ((w * x + b - target) ** 2).mean().backward()
        with torch.no_grad():
            w -= rate * w.grad
            b -= rate * b.grad
    return w.item(), b.item()


# %% Wrong: b alone cleared tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        b.grad = None
        ((w * x + b - target) ** 2).mean().backward()
        with torch.no_grad():
            w -= rate * w.grad
            b -= rate * b.grad
    return w.item(), b.item()


# %% Wrong: one step tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    w = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)
    ((w * x + b - target) ** 2).mean().backward()
    return (-rate * w.grad).item(), (-rate * b.grad).item()


# %% Wrong: the line without its noise tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    return 3.0, 1.0


# %% Wrong: the slope without b tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    return ((x * target).mean() / (x * x).mean()).item(), target.mean().item()


# %% Wrong: through the ends tags=["wrong"]
def fit(x, target, rate=0.3, steps=100):
    w = (target[-1] - target[0]) / (x[-1] - x[0])
    return w.item(), (target.mean() - w * x.mean()).item()


# %% Exercise: the edge tags=["exercise"]
def edge(x):
    """The learning rate above which the steps for `w * x` grow, not shrink."""
    return 0.1  # a constant cannot do


def last_distance(rate, x, steps=200):
    """How far from the best w, after so many steps from a distance of 1."""
    w = 3.0
    for _ in range(steps):
        w -= rate * (2 * x * (w * x - 2 * x)).mean().item()
    return abs(w - 2)


for some_x in [x, torch.tensor([1.0, 1.0]), torch.tensor([0.5, -3.0, 2.0])]:
    limit = edge(some_x)
    below = last_distance(0.98 * limit, some_x)
    above = last_distance(1.02 * limit, some_x)
    assert below < 1 < above, f"not the edge for {some_x.tolist()}"


# %% Solution: the edge tags=["solution"]
def edge(x):
    """The learning rate above which the steps for `w * x` grow, not shrink."""
    return 1 / (x**2).mean().item()


for some_x in [x, torch.tensor([1.0, 1.0]), torch.tensor([0.5, -3.0, 2.0])]:
    limit = edge(some_x)
    below = last_distance(0.98 * limit, some_x)
    above = last_distance(1.02 * limit, some_x)
    assert below < 1 < above, f"not the edge for {some_x.tolist()}"


# %% Wrong: a constant tags=["wrong"]
def edge(x):
    return 0.2


# %% Wrong: half of it tags=["wrong"]
def edge(x):
    return 0.5 / (x**2).mean().item()


# %% Wrong: the mean squared tags=["wrong"]
def edge(x):
    return 1 / x.mean().item() ** 2


# %% Wrong: a sum tags=["wrong"]
def edge(x):
    return 1 / (x**2).sum().item()
