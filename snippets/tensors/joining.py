"""Joining, splitting, repeating: making one tensor of several, and several of one."""

# %% cat lengthens, stack adds
import torch

morning = torch.arange(12).view(4, 3)  # (day, sensor)
evening = morning + 12
print(f"{torch.cat([morning, evening]).shape = }")
print(f"{torch.cat([morning, evening], dim=1).shape = }")
pages = torch.stack([morning, evening])
print(f"{pages.shape = }")
print(f"{torch.stack([morning, evening], dim=1).shape = }")

# %% Below, beside, between tags=["hide-input"]
import matplotlib.pyplot as plt


def draw(grids, hues, tall=2.4):
    """Show 2-D grids side by side, under their titles, coloured by `hues`."""
    _, axes = plt.subplots(1, len(grids), figsize=(5, tall), layout="constrained")
    for ax, (title, grid), hue in zip(axes, grids.items(), hues):
        ax.imshow(hue, cmap="tab10", vmin=0, vmax=9, alpha=0.45, interpolation="none")
        for place in (grid >= 0).nonzero():
            y, x = place.tolist()
            ax.text(x, y, grid[y, x].item(), ha="center", va="center")
        ax.set_title(title)
        ax.set_axis_off()


below = torch.cat([morning, evening])
beside = torch.cat([morning, evening], dim=1)
between = torch.stack([morning, evening], dim=1).flatten(0, 1)
rows = {"cat, dim=0": below, "cat, dim=1": beside, "stack, flatten": between}
draw(rows, [below // 12, beside // 12, between // 12], tall=2.0)

# %% An empty start changes the dtype
collected = torch.tensor([])
for piece in [morning, evening]:
    collected = torch.cat([collected, piece])
print(collected.shape, collected.dtype)

# %% Sizes, or a number of pieces
week = torch.arange(6)
print("split(4):       ", week.split(4))
print("chunk(4):       ", week.chunk(4))
print("tensor_split(4):", week.tensor_split(4))

# %% expand takes sizes, repeat takes times
column = torch.tensor([[1], [2], [3]])
stretched = column.expand(3, 2)
repeated = column.repeat(3, 2)
print(stretched)
print(f"{repeated.shape = }")

# %% The whole, or each number
weights = torch.tensor([1, 2, 3])
print(weights.repeat(2))
print(weights.tile(2))
print(weights.repeat_interleave(2))

# %% Mirror, roll and turn
pair = torch.arange(6).view(2, 3)
mirrored = pair.flip(1)
print(mirrored)
print(pair.roll(1, dims=1))
print(pair.rot90())

# %% Without dims, roll goes flat
pair.roll(1)

# %% cat compares every other axis tags=["raises-exception"]
torch.cat([morning, evening[:, :2]])

# %% stack compares every axis tags=["raises-exception"]
torch.stack([morning, evening[:3]])

# %% A row is no table tags=["raises-exception"]
torch.cat([morning, torch.tensor([7, 8, 9])])

# %% Numbers have no axis to lengthen tags=["raises-exception"]
losses = [torch.tensor(0.5), torch.tensor(0.25)]
torch.cat(losses)

# %% A list of tensors is no list of numbers tags=["raises-exception"]
torch.tensor([morning / 2, evening / 2])

# %% One list, not two arguments tags=["raises-exception"]
torch.cat(morning, evening)

# %% Pieces of a split are not to be changed tags=["raises-exception"]
halves = torch.ones(4, requires_grad=True) * 2
first, second = halves.split(2)
first += 1

# %% repeat wants every axis tags=["raises-exception"]
column.repeat(3)

# %% expand stretches only ones tags=["raises-exception"]
column.expand(6, 2)

# %% Four pictures make one
small = torch.arange(24).view(1, 4, 2, 3)  # (batch, 4, height, width)
blocks = small.unflatten(1, (1, 2, 2))  # (batch, 1, down, right, height, width)
large = blocks.permute(0, 1, 4, 2, 5, 3).reshape(1, 1, 4, 6)
large

# %% Every second pixel has a colour tags=["hide-input"]
straight = small.reshape(1, 1, 4, 6)
draw(
    {"permute, then reshape": large[0, 0], "reshape alone": straight[0, 0]},
    [large[0, 0] // 6, straight[0, 0] // 6],
)

# %% The library agrees
import torch.nn.functional as F


def shuffle(images, r):
    """Turn every r * r channels into one picture, r times as high and as wide."""
    batch, channels, height, width = images.shape
    blocks = images.unflatten(1, (-1, r, r))
    interleaved = blocks.permute(0, 1, 4, 2, 5, 3)
    return interleaved.reshape(batch, channels // r**2, height * r, width * r)


stacks = torch.arange(2 * 36 * 4 * 5).view(2, 36, 4, 5)
for r in [1, 2, 3, 6]:
    assert torch.equal(shuffle(stacks, r), F.pixel_shuffle(stacks, r))


# %% Exercise: interleave tags=["exercise"]
def interleave_spec(a, b):
    """Rows of a and b in turn: a0, b0, a1, b1, …"""
    rows = []
    for i in range(len(a)):
        rows.append(a[i])
        rows.append(b[i])
    return torch.stack(rows)


def interleave(a, b):
    raise NotImplementedError("one expression: no loop, no index")


for a, b in [(morning, evening), (pages, pages + 24)]:
    assert torch.equal(interleave(a, b), interleave_spec(a, b)), a.shape


# %% Solution: interleave tags=["solution"]
def interleave(a, b):
    """Rows of a and b in turn."""
    return torch.stack([a, b], dim=1).flatten(0, 1)


for a, b in [(morning, evening), (pages, pages + 24)]:
    assert torch.equal(interleave(a, b), interleave_spec(a, b)), a.shape


# %% Wrong: for three columns tags=["wrong"]
def interleave(a, b):
    return torch.cat([a, b], dim=1).view(-1, 3)


# %% Wrong: one below the other tags=["wrong"]
def interleave(a, b):
    return torch.cat([a, b])


# %% Wrong: stacked along the first axis tags=["wrong"]
def interleave(a, b):
    return torch.stack([a, b]).flatten(0, 1)


# %% Wrong: number by number tags=["wrong"]
def interleave(a, b):
    return torch.stack([a, b], dim=-1).view(-1, a.size(1))


# %% Exercise: pad a batch tags=["exercise"]
def pad_spec(rows):
    """The rows of one table, each filled up with zeros to the longest."""
    table = torch.zeros(len(rows), max(len(row) for row in rows), dtype=rows[0].dtype)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def pad(rows):
    return torch.stack(rows)


sentences = [torch.tensor([5]), torch.tensor([4, 7, 1, 8]), torch.tensor([2, 9])]
measured = [torch.tensor([0.5, 2.5]), torch.tensor([1.5])]
for rows in [sentences, measured]:
    assert torch.equal(pad(rows), pad_spec(rows)), pad(rows)
    assert pad(rows).dtype == rows[0].dtype, f"{rows[0].dtype} no more"


# %% Solution: pad a batch tags=["solution"]
def pad(rows):
    """The rows of one table, each filled up with zeros to the longest."""
    longest = max(len(row) for row in rows)
    return torch.stack([torch.cat([row, row.new_zeros(longest - len(row))]) for row in rows])


for rows in [sentences, measured]:
    assert torch.equal(pad(rows), pad_spec(rows)), pad(rows)
    assert pad(rows).dtype == rows[0].dtype, f"{rows[0].dtype} no more"
assert torch.equal(pad(sentences), torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True))
print(pad(sentences))


# %% Wrong: floats join the integers tags=["wrong"]
def pad(rows):
    longest = max(len(row) for row in rows)
    return torch.stack([torch.cat([row, torch.zeros(longest - len(row))]) for row in rows])


# %% Wrong: a table of integers tags=["wrong"]
def pad(rows):
    table = torch.zeros(len(rows), max(len(row) for row in rows), dtype=torch.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


# %% Wrong: as long as the second tags=["wrong"]
def pad(rows):
    longest = len(rows[1])
    return torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in rows])


# %% Wrong: a square tags=["wrong"]
def pad(rows):
    longest = len(rows)
    return torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in rows])


# %% Wrong: cut to the shortest tags=["wrong"]
def pad(rows):
    shortest = min(len(row) for row in rows)
    return torch.stack([row[:shortest] for row in rows])


# %% Wrong: zeros on the left tags=["wrong"]
def pad(rows):
    longest = max(len(row) for row in rows)
    return torch.stack([torch.cat([row.new_zeros(longest - len(row)), row]) for row in rows])


# %% Exercise: cut into patches tags=["exercise"]
picture = torch.arange(3 * 4 * 6).view(3, 4, 6)  # (colour, height, width)


def patches_spec(image, size):
    """Squares of `size` by `size` pixels, row by row, each laid flat."""
    _, height, width = image.shape
    squares = []
    for top in range(0, height, size):
        for left in range(0, width, size):
            square = image[:, top : top + size, left : left + size]
            squares.append(square.flatten())
    return torch.stack(squares)  # (patch, colour * size * size)


def patches(image, size):
    raise NotImplementedError("split two axes, reorder, join")


for image, size in [(picture, 1), (picture, 2), (picture[:1], 2)]:
    assert torch.equal(patches(image, size), patches_spec(image, size)), (image.shape, size)


# %% Solution: cut into patches tags=["solution"]
def patches(image, size):
    """(colour, height, width) to (patch, colour * size * size)."""
    blocks = image.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    # (colour, down, size, right, size)
    return blocks.permute(1, 3, 0, 2, 4).flatten(2).flatten(0, 1)


for image, size in [(picture, 1), (picture, 2), (picture[:1], 2)]:
    assert torch.equal(patches(image, size), patches_spec(image, size)), (image.shape, size)


# %% Wrong: size and count exchanged tags=["wrong"]
def patches(image, size):
    blocks = image.unflatten(1, (size, -1)).unflatten(3, (-1, size))
    return blocks.permute(1, 3, 0, 2, 4).flatten(2).flatten(0, 1)


# %% Wrong: for three colours tags=["wrong"]
def patches(image, size):
    blocks = image.view(3, image.size(1) // size, size, -1, size)
    return blocks.permute(1, 3, 0, 2, 4).flatten(2).flatten(0, 1)


# %% Wrong: reshape alone tags=["wrong"]
def patches(image, size):
    return image.reshape(-1, image.size(0) * size * size)


# %% Wrong: colour last tags=["wrong"]
def patches(image, size):
    blocks = image.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return blocks.permute(1, 3, 2, 4, 0).flatten(2).flatten(0, 1)


# %% Wrong: column by column tags=["wrong"]
def patches(image, size):
    blocks = image.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return blocks.permute(3, 1, 0, 2, 4).flatten(2).flatten(0, 1)
