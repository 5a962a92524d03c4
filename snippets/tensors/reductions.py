"""Reductions and sorting: many numbers become one, or change places."""

# %% The axis you name disappears
import torch

scores = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]])
print(scores.sum())
print(scores.sum(dim=0))  # (round,)
print(scores.sum(dim=1))  # (player,)

# %% Down or across tags=["hide-input"]
import matplotlib.pyplot as plt

fig, axis = plt.subplots(figsize=(4.6, 2.8), layout="constrained")
style = {"ha": "center", "va": "center", "fontsize": 13}
for player, row in enumerate(scores.tolist()):
    for turn, score in enumerate(row):
        axis.text(turn, -player, score, **style)
for turn, total in enumerate(scores.sum(dim=0).tolist()):
    axis.annotate("", (turn + 0.25, -3), (turn + 0.25, 0.4), arrowprops={"arrowstyle": "->", "color": "C0"})
    axis.text(turn, -3.4, total, color="C0", **style)
for player, total in enumerate(scores.sum(dim=1).tolist()):
    axis.annotate("", (4.2, -player - 0.3), (-0.3, -player - 0.3), arrowprops={"arrowstyle": "->", "color": "C1"})
    axis.text(4.6, -player, total, color="C1", **style)
axis.text(-2, -3.4, "sum(dim=0)", color="C0", family="monospace", ha="center", va="center")
axis.text(4.6, 0.8, "sum(dim=1)", color="C1", family="monospace", ha="center", va="center")
axis.set(xlim=(-3.2, 5.6), ylim=(-3.9, 1.2))
axis.set_axis_off()
plt.show()

# %% Several axes at once
season = torch.stack([scores, scores + 1])  # (match, player, round)
print(season.sum(dim=(0, 2)))  # (player,)
print(season.sum(dim=-1).shape)

# %% A seat kept free
share = scores / scores.sum(dim=1, keepdim=True)
print(share)

# %% The seat is gone tags=["raises-exception"]
scores / scores.sum(dim=1)

# %% On a square it fits
square = scores[:, :3]
wrong = square / square.sum(dim=1)
right = square / square.sum(dim=1, keepdim=True)
print(wrong.sum(dim=1))
print(right.sum(dim=1))

# %% Whole numbers have no mean tags=["raises-exception"]
scores.mean()

# %% Name a float type
print(scores.mean(dtype=torch.float32))
print(scores.float().mean(dim=1))

# %% What type the answer has tags=["hide-input"]
types = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32]
names = ["sum", "prod", "mean", "amax", "argmax", "any"]


def answer_type(name, dtype):
    try:
        answer = getattr(torch.ones(2, 2).to(dtype), name)(dim=0)
    except RuntimeError:
        return "-"
    return str(answer.dtype).removeprefix("torch.")


print(f"{'':9}" + "".join(f"{name:9}" for name in names))
for dtype in types:
    label = str(dtype).removeprefix("torch.")
    print(f"{label:9}" + "".join(f"{answer_type(name, dtype):9}" for name in names))

# %% The sum does not fit, the mean does
half = torch.tensor([30000.0, 30000.0, 30000.0], dtype=torch.float16)
print(half.sum())
print(half.mean())
print(half.sum(dtype=torch.float32))

# %% Two answers in one
best = scores.max(dim=1)
print(best.values)
print(best.indices)

# %% A pair is not a number tags=["raises-exception"]
scores.max(dim=1) > 5

# %% One number, many ways
print(scores.max())
print(scores.amax(dim=(0, 1)))
print(scores.argmax())
print(torch.unravel_index(scores.argmax(), scores.shape))

# %% First among equals
column = scores[:, 0]  # 3, 5, 5
print(column.argmax())
print(column.max(dim=0).indices)


# %% Tied winners share the gradient
def gradient(reduce):
    x = torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
    reduce(x).backward()
    return x.grad


print(gradient(lambda x: x.max()))
print(gradient(lambda x: x.amax(dim=0)))
print(gradient(lambda x: x.max(dim=0).values))

# %% The second argument decides
print(torch.max(scores, 1).values)
print(torch.max(scores, torch.tensor(1)).shape)

# %% Questions for a whole axis
high = scores > 4
print(high.any(dim=1))
print(high.all(dim=1))
print(high.sum(dim=1))
print(high.float().mean(dim=1))

# %% Scores become chances
logits = torch.tensor([2.0, 1.0, -1.0])
print(logits.softmax(dim=0))
print(logits.exp() / logits.exp().sum())

# %% Too large on the way
large = torch.tensor([1000.0, 1000.0])
print(large.exp().sum().log())
print(large.logsumexp(dim=0))
print(large.softmax(dim=0))


# %% Take the largest out first
def stable_logsumexp(x):
    largest = x.max()
    return largest + (x - largest).exp().sum().log()


print(stable_logsumexp(large))

# %% The log of a vanished probability
pair = torch.tensor([0.0, -200.0])
print(pair.softmax(dim=0).log())
print(pair.log_softmax(dim=0))

# %% Nothing left to choose from
hidden = torch.full((3,), float("-inf"))
print(hidden.softmax(dim=0))

# %% The lower of two middles
import numpy as np

even = torch.tensor([4.0, 1.0, 3.0, 2.0])
print(even.median())
print(np.median(even.numpy()))
print(even.quantile(0.5))

# %% Divided by n minus one
print(even.var())
print(even.numpy().var())
print(even.var(correction=0))

# %% One number has no spread
single = torch.tensor([5.0]).std()
single

# %% One nan takes all
sensor = torch.tensor([2.0, float("nan"), 4.0])
print(sensor.sum(), sensor.max(), sensor.median())
print(sensor.nansum(), sensor.nanmean(), sensor.nanmedian())

# %% Running totals
week = torch.tensor([3, 1, 4, 1, 5])
total = week.cumsum(dim=0)
print(total)
print(total.diff())
print(week.cummax(dim=0).values)

# %% Sorted, and where from
prices = torch.tensor([30, 10, 20, 10])
ordered, source = prices.sort()
print(ordered)
print(source)

# %% The best two of each row
top = scores.topk(2, dim=1)
print(top.values)
print(top.indices)

# %% Only four to choose from tags=["raises-exception"]
scores.topk(5, dim=1)

# %% Distinct values, and the way back
values, inverse, counts = prices.unique(return_inverse=True, return_counts=True)
print(values)
print(inverse)
print(counts)

# %% Two keys, two sorts
people = ["Zoe", "Ben", "Ada", "Cem"]
points = torch.tensor([7, 9, 7, 9])
by_name = torch.tensor(sorted(range(4), key=people.__getitem__))
by_points = points[by_name].argsort(descending=True, stable=True)
for i in by_name[by_points].tolist():
    print(points[i].item(), people[i])

# %% Sorted twice is the rank
print(prices.argsort(stable=True).argsort())

# %% Count and add by number
team = torch.tensor([0, 2, 0, 2, 2])  # which team scored
goals = torch.tensor([1.0, 2.0, 3.0, 1.0, 6.0])
print(team.bincount(minlength=4))
print(team.bincount(weights=goals, minlength=4))

# %% Any reduction, by group
teams = torch.zeros(4)
print(teams.scatter_reduce(0, team, goals, "amax", include_self=False))
print(teams.scatter_reduce(0, team, goals, "mean", include_self=False))

# %% Three ways to be long
arrow = torch.tensor([3.0, -4.0])
for order in (1, 2, float("inf")):
    print(torch.linalg.vector_norm(arrow, ord=order))

# %% Exercise: standardize each column tags=["exercise"]
table = torch.tensor([[1.0, 10.0, 5.0], [2.0, 30.0, 5.5], [6.0, 20.0, 6.0]])


def standardize_spec(t):
    columns = [(c - c.mean()) / c.std() for c in t.unbind(dim=1)]
    return torch.stack(columns, dim=1)


def standardize(t, dim):
    """Subtract the mean along `dim`, divide by the standard deviation."""
    return (t - t.mean(dim)) / t.std(dim)


torch.testing.assert_close(standardize(table, 0), standardize_spec(table))
torch.testing.assert_close(standardize(table, 1), standardize_spec(table.T).T)
torch.testing.assert_close(standardize(table[None], 2)[0], standardize_spec(table.T).T)


# %% Solution: standardize each column tags=["solution"]
def standardize(t, dim):
    """Subtract the mean along `dim`, divide by the standard deviation."""
    return (t - t.mean(dim, keepdim=True)) / t.std(dim, keepdim=True)


torch.testing.assert_close(standardize(table, 0), standardize_spec(table))
torch.testing.assert_close(standardize(table, 1), standardize_spec(table.T).T)


# %% Wrong: the whole table tags=["wrong"]
def standardize(t, dim):
    return (t - t.mean()) / t.std()


# %% Wrong: divided by n tags=["wrong"]
def standardize(t, dim):
    return (t - t.mean(dim, keepdim=True)) / t.std(dim, keepdim=True, correction=0)


# %% Wrong: a column always tags=["wrong"]
def standardize(t, dim):
    return (t - t.mean(dim)[:, None]) / t.std(dim)[:, None]


# %% Wrong: two axes and no more tags=["wrong"]
def standardize(t, dim):
    mean, std = t.mean(dim), t.std(dim)
    return (t - mean[:, None]) / std[:, None] if dim else (t - mean) / std


# %% Exercise: was it among the first k? tags=["exercise"]
votes = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]])
truth = torch.tensor([2, 0, 2, 2])


def topk_accuracy(votes, truth, k):
    """The share of rows whose true class is among the k highest."""
    return (votes.topk(k, dim=1).indices == truth).any(dim=1).float().mean()


for k, share in ((1, 0.5), (2, 0.75), (3, 1)):
    assert topk_accuracy(votes, truth, k) == share, k
assert topk_accuracy(votes, votes.argmax(dim=1), 1) == 1


# %% Solution: was it among the first k? tags=["solution"]
def topk_accuracy(votes, truth, k):
    """The share of rows whose true class is among the k highest."""
    hits = votes.topk(k, dim=1).indices == truth[:, None]  # (row, k)
    return hits.any(dim=1).float().mean()


for k, share in ((1, 0.5), (2, 0.75), (3, 1)):
    assert topk_accuracy(votes, truth, k) == share, k


# %% Wrong: the share of all candidates tags=["wrong"]
def topk_accuracy(votes, truth, k):
    hits = votes.topk(k, dim=1).indices == truth[:, None]
    return hits.float().mean()


# %% Wrong: only the first tags=["wrong"]
def topk_accuracy(votes, truth, k):
    return (votes.argmax(dim=1) == truth).float().mean()


# %% Wrong: some candidate is some truth tags=["wrong"]
def topk_accuracy(votes, truth, k):
    hits = votes.topk(k, dim=1).indices[:, :, None] == truth
    return hits.any(dim=2).any(dim=1).float().mean()


# %% Wrong: a share for each k tags=["wrong"]
def topk_accuracy(votes, truth, k):
    return (k + 1) / 4


# %% Exercise: a mean that skips padding tags=["exercise"]
sentences = torch.tensor([[1.0, 9.0, 2.0, 9.0], [5.0, 0.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0]])
lengths = torch.tensor([3, 2, 0])


def masked_mean_spec(t, lengths):
    means = [row[:n].mean() if n else torch.tensor(0.0) for row, n in zip(t, lengths)]
    return torch.stack(means)


def masked_mean(t, lengths):
    """The mean of the first lengths[i] numbers of row i; 0 for an empty row."""
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return (t * mask).mean(dim=1)


torch.testing.assert_close(masked_mean(sentences, lengths), masked_mean_spec(sentences, lengths))
assert masked_mean(torch.tensor([[4.0, torch.nan]]), torch.tensor([1])) == 4, "padding counts"
assert masked_mean(torch.tensor([[torch.nan, 4.0]]), torch.tensor([1])).isnan(), "a word is lost"


# %% Solution: a mean that skips padding tags=["solution"]
def masked_mean(t, lengths):
    """The mean of the first lengths[i] numbers of row i; 0 for an empty row."""
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return torch.where(mask, t, 0).sum(dim=1) / lengths.clamp(min=1)


torch.testing.assert_close(masked_mean(sentences, lengths), masked_mean_spec(sentences, lengths))
assert masked_mean(torch.tensor([[4.0, torch.nan]]), torch.tensor([1])) == 4, "padding counts"


# %% Wrong: whatever looks like padding tags=["wrong"]
def masked_mean(t, lengths):
    mask = t != 9
    return (t * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


# %% Wrong: whatever is not zero tags=["wrong"]
def masked_mean(t, lengths):
    kept = t * (torch.arange(t.size(1)) < lengths[:, None])
    return kept.sum(dim=1) / (kept != 0).sum(dim=1).clamp(min=1)


# %% Wrong: nothing divided by nothing tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return (t * mask).sum(dim=1) / lengths


# %% Wrong: one word too many tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) <= lengths[:, None]
    return (t * mask).sum(dim=1) / lengths.clamp(min=1)


# %% Wrong: divided by the longest tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return torch.where(mask, t, 0).sum(dim=1) / lengths.max()


# %% Wrong: nan times zero tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return (t * mask).sum(dim=1) / lengths.clamp(min=1)


# %% Wrong: no nan anywhere tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return (t * mask).nansum(dim=1) / lengths.clamp(min=1)


# %% Wrong: no nan in the end tags=["wrong"]
def masked_mean(t, lengths):
    mask = torch.arange(t.size(1)) < lengths[:, None]
    return (torch.where(mask, t, 0).sum(dim=1) / lengths).nan_to_num()
