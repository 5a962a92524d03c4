"""Gather and scatter: reading and writing at the places that a tensor of integers names."""

# %% One from each row, a sum for each group
import torch

logits = torch.tensor([[5.0, 1, 0], [2, 7, 1], [0, 3, 4], [6, 2, 8]])
labels = torch.tensor([0, 1, 1, 2])  # one for each row
print(logits.gather(1, labels[:, None]).squeeze(1))

customer = torch.tensor([1, 0, 1, 2, 1])
amount = torch.tensor([5.0, 8.0, 1.0, 4.0, 2.0])  # customer 1 came three times
print(torch.zeros(3).index_add(0, customer, amount))


# %% Along rows, along columns tags=["hide-input"]
import matplotlib.pyplot as plt


def draw(ax, numbers, chosen, title):
    """Show a 2-D tensor of numbers; the places in `chosen` are coloured."""
    ax.imshow(0 * numbers, cmap="tab10", vmin=0, vmax=9, alpha=0.08 + 0.4 * chosen)
    for (i, j), number in zip(torch.ones_like(numbers).nonzero().tolist(), numbers.flatten()):
        ax.text(j, i, f"{number.item():g}", ha="center", va="center")
    height, width = numbers.shape
    ax.set(title=title, xticks=range(width), yticks=range(height))


fig, axes = plt.subplots(1, 2, figsize=(4, 1.8), layout="constrained")
downwards = torch.tensor([[3, 1, 0]])
for ax, dim, index in [(axes[0], 1, labels[:, None]), (axes[1], 0, downwards)]:
    chosen = torch.zeros_like(logits).scatter_(dim, index, 1)
    draw(ax, logits, chosen, f"dim={dim}, index {tuple(index.shape)}")
plt.show()


# %% Gather reads along one axis
gathered = logits.gather(1, labels[:, None])
print(gathered)


# %% Gather as a loop
def gather_spec(source, index):
    out = torch.empty(index.shape)
    for i in range(index.size(0)):
        for j in range(index.size(1)):
            out[i, j] = source[i, index[i, j]]
    return out


two_each = torch.tensor([[0, 2], [1, 1], [2, 0], [2, 1]])
print(logits.gather(1, two_each))
print(torch.equal(logits.gather(1, two_each), gather_spec(logits, two_each)))


# %% Pairs pick one per row
picked = logits[torch.arange(4), labels]
print(picked)


# %% Gather does not stretch
first_and_last = torch.tensor([[0, 2]])  # meant for every row
print(logits.gather(1, first_and_last))
print(logits.take_along_dim(first_and_last, dim=1))


# %% A colon picks too much
every_label = logits[:, labels]
print(every_label)
print(every_label.mean(), picked.mean())


# %% The start counts too
print(torch.zeros(3).scatter_reduce(0, customer, -amount, "amax"))
print(torch.zeros(3).scatter_reduce(0, customer, -amount, "amax", include_self=False))


# %% Past the end, and back at the start
print(logits.take_along_dim(labels[:, None] + 1, dim=1).squeeze(1))


# %% Gather needs the axis tags=["raises-exception"]
logits.gather(1, labels)


# %% No such class tags=["raises-exception"]
logits.gather(1, labels[:, None] + 1)


# %% An index of floats tags=["raises-exception"]
logits.gather(1, labels[:, None].float())


# %% Ones of another dtype tags=["raises-exception"]
torch.zeros(4, 3).scatter(1, labels[:, None], torch.ones(4, 1).long())


# %% The index gives the shape
table = torch.tensor([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0]])  # (word, feature)
sentences = torch.tensor([[2, 0, 1], [1, 1, 0]])  # (sentence, position)
looked_up = table[sentences]
print(f"{looked_up.shape = }")
print(looked_up[0])


# %% An embedding is a table
layer = torch.nn.Embedding.from_pretrained(table, freeze=False)
vectors = layer(sentences)  # (sentence, position, feature)
print(torch.equal(vectors, looked_up))


# %% Looked up twice, learned twice
vectors.sum().backward()
print(layer.weight.grad)


# %% A lookup teaches the padding row nothing
padded = torch.nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)
padded(sentences).sum().backward()
print(padded.weight.grad)


# %% No such word tags=["raises-exception"]
layer(torch.tensor([3]))


# %% The best two, and whose
names = ["cat", "dog", "owl"]
best = logits.topk(2)
print(best.values)
print([[names[c] for c in row] for row in best.indices.tolist()])


# %% One order for every row
order = logits.argsort(dim=1, descending=True)
print(order)
print(logits.take_along_dim(order, dim=1))


# %% The order is no row index tags=["raises-exception"]
wide = logits.T
wide[wide.argsort(dim=1)]


# %% Scatter writes where gather read
blank = torch.zeros(4, 3)
print(blank.scatter(1, labels[:, None], gathered))


# %% Scatter add is a histogram
rolls = torch.tensor([3, 0, 3, 5, 3, 0])
histogram = torch.zeros(6, dtype=torch.int64)
histogram.scatter_add_(0, rolls, torch.ones_like(rolls))
print(histogram)


# %% Totals for each customer
for ask in ("sum", "mean", "amax"):
    print(ask, torch.zeros(3).scatter_reduce(0, customer, amount, ask, include_self=False))


# %% Whole rows, added up
baskets = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # (visit, product)
print(torch.zeros(3, 2).index_add(0, customer, baskets))


# %% Index select, one axis
grid = 10 * torch.arange(3)[:, None] + torch.arange(4)
columns = torch.tensor([0, 2])
last = torch.tensor([[-1]])
print(grid)
print(torch.index_select(grid, dim=1, index=columns))


# %% Windows without copying
prices = torch.tensor([3.0, 5.0, 4.0, 6.0, 8.0, 7.0])
windows = prices.unfold(0, 3, 1)
print(windows)
print(windows.mean(dim=1))


# %% Every second window
print(prices.unfold(0, 2, 2))


# %% Exercise: the last real word tags=["exercise"]
def last_words_spec(states, lengths):
    """The state of the last word of each sentence; the rest is padding."""
    return torch.stack([states[i, n - 1] for i, n in enumerate(lengths.tolist())])


def last_words(states, lengths):
    return states[:, lengths - 1]


states = (torch.arange(24.0) * 7 % 24).view(3, 4, 2)  # (sentence, word, feature)
lengths = torch.tensor([2, 4, 1])
assert torch.equal(last_words(states, lengths), last_words_spec(states, lengths))


# %% Solution: the last real word tags=["solution"]
def last_words(states, lengths):
    return states[torch.arange(len(states)), lengths - 1]


assert torch.equal(last_words(states, lengths), last_words_spec(states, lengths))
print(last_words(states, lengths))


# %% Wrong: the last place tags=["wrong"]
def last_words(states, lengths):
    return states[:, -1]


# %% Wrong: one step too far tags=["wrong"]
def last_words(states, lengths):
    return states[torch.arange(len(states)), lengths.clamp(max=states.size(1) - 1)]


# %% Wrong: the longest for all tags=["wrong"]
def last_words(states, lengths):
    return states[:, lengths.max() - 1]


# %% Wrong: the largest of the real words tags=["wrong"]
def last_words(states, lengths):
    return torch.stack([state[:n].amax(dim=0) for state, n in zip(states, lengths)])


# %% Exercise: undo a sort tags=["exercise"]
def unsort(ordered, order):
    """The rows as they were before ordered, order = x.sort(dim=1)."""
    return ordered.gather(1, order)


jumbled = torch.tensor([[30, 10, 20, 40], [7, 9, 8, 6], [2, 3, 4, 1]])
ordered, order_of_rows = jumbled.sort(dim=1)
assert torch.equal(unsort(ordered, order_of_rows), jumbled)


# %% Solution: undo a sort tags=["solution"]
def unsort(ordered, order):
    """The rows as they were before ordered, order = x.sort(dim=1)."""
    return torch.empty_like(ordered).scatter_(1, order, ordered)


assert torch.equal(unsort(ordered, order_of_rows), jumbled)
assert torch.equal(ordered.gather(1, order_of_rows.argsort(dim=1)), jumbled)


# %% Wrong: sorted once more tags=["wrong"]
def unsort(ordered, order):
    return ordered.gather(1, ordered.argsort(dim=1))


# %% Wrong: backwards tags=["wrong"]
def unsort(ordered, order):
    return ordered.flip(1)


# %% Exercise: keep the best k tags=["exercise"]
def keep_best_spec(logits, k):
    """All but the k largest of each row become minus infinity."""
    out = torch.full_like(logits, float("-inf"))
    for i, row in enumerate(logits.tolist()):
        for j in sorted(range(len(row)), key=lambda j: -row[j])[:k]:
            out[i, j] = row[j]
    return out


def keep_best(logits, k):
    out = torch.full_like(logits, float("-inf"))
    out[:, logits.topk(k).indices] = logits.topk(k).values
    return out


right_ones = {k: keep_best_spec(logits, k) for k in (1, 2, 3)}
for k in (1, 2, 3):
    assert torch.equal(keep_best(logits, k), right_ones[k]), k


# %% Solution: keep the best k tags=["solution"]
def keep_best(logits, k):
    best = logits.topk(k)
    blank = torch.full_like(logits, float("-inf"))
    return blank.scatter(1, best.indices, best.values)


for k in (1, 2, 3):
    assert torch.equal(keep_best(logits, k), right_ones[k]), k
print(keep_best(logits, 2))


# %% Wrong: zeros for the rest tags=["wrong"]
def keep_best(logits, k):
    best = logits.topk(k)
    return torch.zeros_like(logits).scatter(1, best.indices, best.values)


# %% Wrong: the best of each column tags=["wrong"]
def keep_best(logits, k):
    best = logits.topk(k, dim=0)
    return torch.full_like(logits, float("-inf")).scatter(0, best.indices, best.values)


# %% Wrong: one limit for all rows tags=["wrong"]
def keep_best(logits, k):
    limit = logits.flatten().topk(k * len(logits)).values[-1]
    return logits.masked_fill(logits < limit, float("-inf"))


# %% Wrong: the input overwritten tags=["wrong"]
def keep_best(logits, k):
    logits[logits < logits.topk(k).values[:, -1:]] = float("-inf")
    return logits
