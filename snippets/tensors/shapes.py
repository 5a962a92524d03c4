"""Shapes: view, reshape, permute and squeeze, and how to use them without mixing the data."""

# %% One shape, two meanings
import torch

shelf = torch.arange(6)
table = shelf.view(2, 3)
regrouped = table.view(3, 2)
turned = table.t()

# %% Four questions about size
readings = torch.arange(24).view(2, 3, 4)  # (sensor, day, hour)
print(f"{readings.shape = }")
print(f"{readings.ndim = }")
print(f"{readings.numel() = }")
print(f"{readings.size(-1) = }")

# %% Brackets count the axes
print(torch.tensor(7).shape)
print(torch.tensor([7, 8]).shape)
print(torch.tensor([[7, 8], [9, 10]]).shape)
print(torch.ones(3, 4, 2).shape)

# %% The last index runs fastest
readings

# %% Only the brackets move
twelve = torch.arange(12)
grid = twelve.view(3, 4)
print(grid)
print(grid.view(2, 6))

# %% Leave one size blank
print(f"{grid.view(2, -1).shape = }")
print(f"{grid.view(-1, 2).shape = }")
print(f"{grid.view(-1).shape = }")
print(f"{grid.view(1, -1).shape = }")

# %% One write, three shapes
table[1, 2] = 50
print(shelf)
print(regrouped)

# %% view refuses after a transpose tags=["raises-exception"]
turned.view(6)

# %% reshape copies when it must
shared = table.reshape(6)
copied = turned.reshape(6)
print(copied)
print(f"{shared.data_ptr() == table.data_ptr() = }")
print(f"{copied.data_ptr() == table.data_ptr() = }")

# %% Same corner, two effects
table.reshape(6)[5] = 77
print(table)
turned.reshape(6)[5] = 99
print(table)

# %% Keep the batch axis
images = torch.arange(720).view(5, 8, 6, 3)  # (photograph, height, width, colour)
print(f"{images.flatten().shape = }")
print(f"{images.flatten(1).shape = }")
print(f"{images.flatten(1, 2).shape = }")

# %% unflatten splits one axis
pixels = images.flatten(1, 2)  # (batch, height * width, colour)
pixels.unflatten(1, (8, -1)).shape

# %% Two spellings of a new axis
weights = torch.tensor([1, 2, 3])
row = weights.unsqueeze(0)  # the same as weights[None, :]
column = weights.unsqueeze(1)  # the same as weights[:, None]
print(f"{row.shape = }")
print(f"{column.shape = }")

# %% Four pictures plus one is seven
full_batch = torch.zeros(4, 1, 3)  # (picture, step, class)
last_batch = torch.zeros(1, 1, 3)
seen = named = 0
for logits in [full_batch, last_batch]:
    seen += len(logits.squeeze())
    named += len(logits.squeeze(1))
print(f"{seen = }, {named = }")

# %% permute lists the old axes
by_day = readings.transpose(0, 1)  # (day, sensor, hour)
rearranged = readings.permute(2, 0, 1)  # (hour, sensor, day)
print(by_day.shape, rearranged.shape)

# %% From photographs to rows
colour_first = images.permute(0, 3, 1, 2)
rows = colour_first.flatten(1)
print(colour_first.shape, rows.shape)

# %% Moving is not swapping
sideways = images.transpose(-1, 1)
print(f"{images.movedim(-1, 1).shape = }")
print(f"{sideways.shape = }")

# %% T reverses all, with a warning
readings.T.shape

# %% Five does not divide twelve tags=["raises-exception"]
grid.view(5, -1)

# %% An axis that is not there tags=["raises-exception"]
table.transpose(1, 2)

# %% Two blanks have no answer tags=["raises-exception"]
grid.view(-1, -1)

# %% permute wants every axis tags=["raises-exception"]
readings.permute(2, 0)

# %% t stops at two axes tags=["raises-exception"]
readings.t()

# %% Unpacking checks the axes tags=["raises-exception"]
batch_size, height, width, colours = images[0].shape

# %% Six numbers dropped, no error
clipped = torch.arange(12).resize_(2, 3)
clipped

# %% resize without the underscore warns
legacy = twelve.resize(3, 4)
print(legacy.data_ptr() == twelve.data_ptr())

# %% Two directions, three sentences
states = torch.tensor(
    [
        [[1] * 4, [2] * 4, [3] * 4],
        [[10] * 4, [20] * 4, [30] * 4],
    ]
)  # (direction, sentence, feature)
states

# %% view joins strangers
mixed = states.view(3, -1)
mixed

# %% Swap the axes, then join the neighbours
by_sentence = states.transpose(0, 1)  # (sentence, direction, feature)
joined = by_sentence.flatten(1)  # (sentence, direction * feature)
joined

# %% Red as each of them sees it tags=["hide-input"]
import matplotlib.pyplot as plt

letter = torch.tensor(
    [
        [1, 1, 1, 1, 1],
        [1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
    ]
)
photo = torch.stack([letter, 0 * letter, 0 * letter], dim=-1)  # (height, width, colour)
moved = photo.permute(2, 0, 1)
swapped = photo.transpose(0, 2)
poured = photo.reshape(3, 5, 5)

red = {"permute(2, 0, 1)": moved, "transpose(0, 2)": swapped, "reshape(3, 5, 5)": poured}
fig, axes = plt.subplots(1, 3, figsize=(6, 1.6), layout="constrained")
for ax, (title, colours) in zip(axes, red.items()):
    ax.imshow(colours[0], cmap="Reds", vmin=-0.3)
    ax.set_title(title)
    ax.set_axis_off()
plt.show()

# %% One colour per sentence
sentence = torch.arange(3)[:, None].repeat(2, 1, 4)  # (direction, sentence, feature)
dyed_mixed = sentence.view(3, -1)
dyed_joined = sentence.transpose(0, 1).reshape(3, -1)
print(dyed_mixed)
print(dyed_joined)

# %% A recurrent layer hands you this
torch.manual_seed(0)
reader = torch.nn.LSTM(5, 4, bidirectional=True, batch_first=True)
batch = torch.randn(3, 6, 5)  # (sentence, word, feature)
with torch.no_grad():
    _, (state, _) = reader(batch)
    _, (alone, _) = reader(batch[:1])  # the first sentence by itself
print(f"{state.shape = }")
print(f"{alone.shape = }")
wrong = state.view(3, -1)
right = state.transpose(0, 1).flatten(1)

# %% An assert names the culprit tags=["raises-exception"]
sensors, days, hours = readings.shape
daily = readings.transpose(0, 2)
assert daily.shape == (days, sensors, hours), f"got {tuple(daily.shape)}"

# %% Shapes without numbers
album = torch.empty(1_000_000, 224, 224, 3, device="meta")
album.movedim(-1, 1).flatten(1).shape

# %% Exercise: undo a permute tags=["exercise"]
from itertools import permutations


def put_back(x, order):
    raise NotImplementedError("which order undoes `order`?")


for order in permutations(range(3)):
    for before in (readings, torch.rand(2, 2, 2)):
        assert torch.equal(put_back(before.permute(order), order), before)


# %% Solution: undo a permute tags=["solution"]
def put_back(x, order):
    """The tensor that `.permute(order)` turned into `x`."""
    inverse = [order.index(axis) for axis in range(len(order))]
    return x.permute(inverse)


for order in permutations(range(3)):
    assert torch.equal(put_back(readings.permute(order), order), readings)


# %% Wrong: the same order again tags=["wrong"]
def put_back(x, order):
    return x.permute(order)


# %% Wrong: the order backwards tags=["wrong"]
def put_back(x, order):
    return x.permute(order[::-1])


# %% Wrong: these readings, whatever comes tags=["wrong"]
def put_back(x, order):
    return readings


# %% Exercise: attention heads tags=["exercise"]
tokens = torch.arange(2 * 5 * 12).view(2, 5, 12)  # (batch, time, head * feature)


def split_heads_spec(x, heads):
    """Cut the last axis into `heads` equal blocks; blocks become axis 1."""
    size = x.shape[-1] // heads
    blocks = [x[:, :, head * size : (head + 1) * size] for head in range(heads)]
    return torch.stack(blocks, dim=1)  # (batch, head, time, feature)


def split_heads(x, heads):
    batch, time, _ = x.shape
    return x.view(batch, heads, time, -1)


for heads in [3, 2, 12]:
    wanted = split_heads_spec(tokens, heads)
    assert split_heads(tokens, heads).shape == wanted.shape
    assert torch.equal(split_heads(tokens, heads), wanted), "right shape, wrong numbers"


# %% Solution: attention heads tags=["solution"]
def split_heads(x, heads):
    """(batch, time, head * feature) to (batch, head, time, feature)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


for count in [1, 2, 3, 4, 6, 12]:
    assert torch.equal(split_heads(tokens, count), split_heads_spec(tokens, count))


# %% Wrong: time and features swapped first tags=["wrong"]
def split_heads(x, heads):
    batch, time, _ = x.shape
    return x.transpose(1, 2).reshape(batch, heads, time, -1)


# %% Wrong: every third feature tags=["wrong"]
def split_heads(x, heads):
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


# %% Wrong: four features to a head tags=["wrong"]
def split_heads(x, heads):
    return x.unflatten(-1, (-1, 4)).transpose(1, 2)


# %% Exercise: a dye test tags=["exercise"]
def mixes(regroup, shape, axis):
    raise NotImplementedError("what should the dye be?")


assert mixes(lambda x: x.view(3, -1), (2, 3, 4), axis=1)
assert mixes(lambda x: x.view(3, -1), (2, 3, 4), axis=0)  # in the second row
assert not mixes(lambda x: x.transpose(0, 1).reshape(3, -1), (2, 3, 4), axis=1)
assert mixes(lambda x: x.reshape(3, 25), (5, 5, 3), axis=2)
assert not mixes(lambda x: x.permute(2, 0, 1).flatten(1), (5, 5, 3), axis=2)
for pair in ([0, 1], [0, 2], [1, 2]):
    assert mixes(lambda x: x[pair].view(1, 2), (3,), axis=0), f"places {pair}"


# %% Solution: a dye test tags=["solution"]
def mixes(regroup, shape, axis):
    """Does a row of `regroup(x)` hold numbers from two places along `axis`?"""
    dye = torch.ones(shape).cumsum(axis)  # 1, 2, 3, … along `axis`
    rows = regroup(dye)
    return bool((rows != rows[:, :1]).any())


assert mixes(lambda x: x.view(3, -1), (2, 3, 4), axis=1)
assert not mixes(lambda x: x.transpose(0, 1).reshape(3, -1), (2, 3, 4), axis=1)
assert mixes(lambda x: x.reshape(3, 25), (5, 5, 3), axis=2)
assert not mixes(lambda x: x.permute(2, 0, 1).flatten(1), (5, 5, 3), axis=2)


# %% Wrong: all mix tags=["wrong"]
def mixes(regroup, shape, axis):
    return True


# %% Wrong: every number its own colour tags=["wrong"]
def mixes(regroup, shape, axis):
    rows = regroup(torch.ones(shape).flatten().cumsum(0).view(shape))
    return bool((rows != rows[:, :1]).any())


# %% Wrong: dyed along the first axis tags=["wrong"]
def mixes(regroup, shape, axis):
    rows = regroup(torch.ones(shape).cumsum(0))
    return bool((rows != rows[:, :1]).any())


# %% Wrong: two colours in turn tags=["wrong"]
def mixes(regroup, shape, axis):
    rows = regroup(torch.ones(shape).cumsum(axis) % 2)
    return bool((rows != rows[:, :1]).any())


# %% Wrong: the first row alone tags=["wrong"]
def mixes(regroup, shape, axis):
    first = regroup(torch.ones(shape).cumsum(axis))[0]
    return bool((first != first[0]).any())
