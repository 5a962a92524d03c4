"""Every pair, wanted or not: a column meets a row, on purpose and by mistake."""

# %% None makes every pair
import torch

prices = torch.tensor([2, 5, 9])
amounts = torch.tensor([1, 10])
print(prices[:, None] * amounts)


# %% Who is dearer than whom
print(prices[:, None] > prices)


# %% One hot by asking
labels = torch.tensor([2, 0, 1, 2])
one_hot = (labels[:, None] == torch.arange(3)).int()
print(one_hot)


# %% Three guesses, nine errors
target = torch.tensor([1.0, 2.0, 3.0])
guess = target[:, None]  # every number right, shape (3, 1)
errors = guess - target
print(errors)
print((errors**2).mean())


# %% Training on every pair
distance = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])  # (ride, 1)
fare = torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0])  # 1 + 2 · distance


def fit(target):
    slope = torch.zeros(1, requires_grad=True)
    start = torch.zeros(1, requires_grad=True)
    for _ in range(200):
        guess = slope * distance + start  # (ride, 1)
        loss = ((guess - target) ** 2).mean()
        by_slope, by_start = torch.autograd.grad(loss, (slope, start))
        with torch.no_grad():
            slope -= 0.1 * by_slope
            start -= 0.1 * by_start
    return slope.item(), start.item(), loss.item()


fitted = {"(5, 1)": fit(fare[:, None]), "(5,)": fit(fare)}
for shape, (slope, start, loss) in fitted.items():
    print(f"{shape:7} slope {slope:.3f}, start {start:.3f}, loss {loss:.3f}")


# %% The line that learned nothing tags=["hide-input"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.scatter(distance, fare, label="rides")
for (shape, (slope, start, _)), style in zip(fitted.items(), ["-", "--"]):
    ax.plot(distance, slope * distance + start, style, label=f"target of shape {shape}")
ax.set(xlabel="distance", ylabel="fare", title="Same code, same numbers, another shape")
ax.legend()
plt.show()


# %% The truth scores worse
def every_pair(guess):
    return ((guess[:, None] - fare) ** 2).mean()


print("true fares: ", every_pair(fare))
print("always mean:", every_pair(fare.mean().expand(5)))


# %% The library warns, once
torch.nn.functional.mse_loss(guess, target)


# %% Two lines, one warning
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")  # as Python starts: once for each place
    loss_of = torch.nn.MSELoss()
    loss_of(guess, target)
    loss_of(guess, target)
    print(len(caught))
    loss_of(guess[:2], target[:2])
    print(len(caught))
    with warnings.catch_warnings():
        pass  # as in many a library
    loss_of(guess, target)
    print(len(caught))


# %% Who warns, who does not tags=["hide-input"]
import torch.nn.functional as F

half = torch.full((3, 1), 0.5)
losses = {
    "mse_loss": lambda: F.mse_loss(half, target),
    "l1_loss": lambda: F.l1_loss(half, target),
    "huber_loss": lambda: F.huber_loss(half, target),
    "smooth_l1_loss": lambda: F.smooth_l1_loss(half, target),
    "poisson_nll_loss": lambda: F.poisson_nll_loss(half, target),
    "gaussian_nll_loss": lambda: F.gaussian_nll_loss(half, target, target),
    "hinge_embedding_loss": lambda: F.hinge_embedding_loss(half, target),
    "multilabel_soft_margin_loss": lambda: F.multilabel_soft_margin_loss(half, target),
    "binary_cross_entropy": lambda: F.binary_cross_entropy(half, target),
}
for name, call in losses.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
            verdict = "warns" if caught else "silent"
        except ValueError:
            verdict = "raises"
    print(f"{name:29}{verdict}")


# %% An accuracy of two
answers = torch.tensor([0, 1, 1, 0])
predicted = answers[:, None]  # (4, 1), all right
(predicted == answers).sum() / len(answers)


# %% Which comparisons stretch
ones = torch.ones(3)
tower = torch.ones(3, 1)
print(f"{(ones == tower).all() = }")
print(f"{torch.allclose(ones, tower) = }")
print(f"{torch.equal(ones, tower) = }")


# %% The strict comparison tags=["raises-exception"]
torch.testing.assert_close(ones, tower)


# %% In place, no pair tags=["raises-exception"]
prices[:, None].mul_(amounts)


# %% Distances of every pair
people = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 0.0]])  # (person, xy)
shops = torch.tensor([[0.0, 0.0], [3.0, 0.0]])  # (shop, xy)
apart = people[:, None] - shops  # (person, shop, xy)
print(f"{apart.shape = }")
distances = (apart**2).sum(dim=-1).sqrt()
print(distances)
torch.testing.assert_close(distances, torch.cdist(people, shops))


# %% The square, multiplied out
people_squared = (people**2).sum(dim=1, keepdim=True)  # (person, 1)
shops_squared = (shops**2).sum(dim=1)  # (shop,)
squared = people_squared + shops_squared - 2 * people @ shops.T
print(squared)


# %% Close together, far from zero
near = 10_000 + torch.arange(26.0)[:, None] / 100  # (point, 1)
by_difference = torch.cdist(near, near, compute_mode="donot_use_mm_for_euclid_dist")
multiplied_out = torch.cdist(near, near)
for found in (by_difference, multiplied_out):
    print(((found > 0) & (found < 1)).sum())


# %% Puzzle: a chessboard tags=["exercise"]
def chessboard_spec(n):
    return torch.tensor([[(i + j) % 2 for j in range(n)] for i in range(n)])


def chessboard(n):
    return torch.arange(n) % 2


for n in range(1, 9):
    assert torch.equal(chessboard(n), chessboard_spec(n)), n


# %% Solution: a chessboard tags=["solution"]
def chessboard(n):
    i = torch.arange(n)
    return (i[:, None] + i) % 2


for n in range(1, 9):
    assert torch.equal(chessboard(n), chessboard_spec(n)), n
print(chessboard(4))


# %% Wrong: right for odd sizes tags=["wrong"]
def chessboard(n):
    return torch.arange(n * n).view(n, n) % 2


# %% Wrong: stripes tags=["wrong"]
def chessboard(n):
    return (torch.arange(n) % 2).expand(n, n)


# %% Wrong: a 1 in the corner tags=["wrong"]
def chessboard(n):
    i = torch.arange(n)
    return (i[:, None] + i + 1) % 2


# %% Puzzle: look back a little tags=["exercise"]
from itertools import product


def window_spec(n, back):
    """True where word i may look at word j: itself and `back` words before."""
    return torch.tensor([[i - back <= j <= i for j in range(n)] for i in range(n)])


def window(n, back):
    raise NotImplementedError("yours to write")


for n, back in product(range(1, 7), range(4)):
    assert torch.equal(window(n, back), window_spec(n, back)), (n, back)
assert window(3, 1).dtype == torch.bool, "a table of True and False"


# %% Solution: look back a little tags=["solution"]
def window(n, back):
    i = torch.arange(n)
    steps = i[:, None] - i
    return (0 <= steps) & (steps <= back)


for n, back in product(range(1, 7), range(4)):
    assert torch.equal(window(n, back), window_spec(n, back)), (n, back)
print(window(5, 1).int())


# %% Wrong: both ways tags=["wrong"]
def window(n, back):
    i = torch.arange(n)
    return (i[:, None] - i).abs() <= back


# %% Wrong: back to the beginning tags=["wrong"]
def window(n, back):
    return torch.ones(n, n).tril() == 1


# %% Wrong: ones and zeros for True and False tags=["wrong"]
def window(n, back):
    return torch.ones(n, n).tril().triu(-back)


# %% Wrong: ahead instead of back tags=["wrong"]
def window(n, back):
    i = torch.arange(n)
    steps = i - i[:, None]
    return (0 <= steps) & (steps <= back)


# %% Wrong: one word too few tags=["wrong"]
def window(n, back):
    i = torch.arange(n)
    steps = i[:, None] - i
    return (0 <= steps) & (steps < back)


# %% Puzzle: ranks without sorting tags=["exercise"]
def ranks_spec(values):
    """The place of each value if they were sorted; of equals, the first is lower."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    return torch.tensor([order.index(i) for i in range(len(values))])


def ranks(values):
    return (values < values[:, None]).sum(dim=1)


marks = torch.tensor([30, 10, 20, 10, 50])
close = torch.tensor([0.1001, 0.1, 0.1, 0.1])
assert torch.equal(ranks(marks), ranks_spec(marks)), ranks(marks)
assert torch.equal(ranks(close), ranks_spec(close)), ranks(close)


# %% Solution: ranks without sorting tags=["solution"]
def ranks(values):
    place = torch.arange(len(values))
    lower = values < values[:, None]
    equal_but_earlier = (values == values[:, None]) & (place < place[:, None])
    return (lower | equal_but_earlier).sum(dim=1)


assert torch.equal(ranks(marks), ranks_spec(marks)), ranks(marks)
assert torch.equal(ranks(close), ranks_spec(close)), ranks(close)
assert torch.equal(ranks(marks), marks.argsort(stable=True).argsort())
print(ranks(marks))


# %% Wrong: where from, not where to tags=["wrong"]
def ranks(values):
    return values.argsort(stable=True)


# %% Wrong: equals share the last place tags=["wrong"]
def ranks(values):
    return (values <= values[:, None]).sum(dim=1) - 1


# %% Wrong: one place more for all equals but the first tags=["wrong"]
def ranks(values):
    place = torch.arange(len(values))
    seen = (values == values[:, None]) & (place < place[:, None])
    return (values < values[:, None]).sum(dim=1) + seen.any(dim=1)


# %% Wrong: a little more for those behind tags=["wrong"]
def ranks(values):
    apart = values + torch.arange(len(values)) / len(values)
    return (apart < apart[:, None]).sum(dim=1)


# %% Wrong: far apart, as if no two were close tags=["wrong"]
def ranks(values):
    apart = 1000 * values + torch.arange(len(values))
    return (apart < apart[:, None]).sum(dim=1)


# %% Wrong: the largest first tags=["wrong"]
def ranks(values):
    return values.argsort(stable=True, descending=True).argsort()


# %% Wrong: no place left out after equals tags=["wrong"]
def ranks(values):
    return values.unique(return_inverse=True)[1]
