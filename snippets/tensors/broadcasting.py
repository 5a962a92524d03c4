"""Broadcasting: what happens when tensors of different shapes meet."""

# %% A bonus for each test, and one for each student
import torch

points = torch.tensor([[1, 2, 3], [4, 5, 6]])  # (student, test)
by_test = torch.tensor([10, 20, 30])  # (test,)
by_student = torch.tensor([100, 200])  # (student,)
print(points + by_test)
print(points + by_student[:, None])

# %% Row plus column
row = torch.tensor([1, 2, 3])  # (3,)
column = torch.tensor([[10], [20]])  # (2, 1)
grid = row + column
print(grid)

# %% Every sum written out
written_out = torch.zeros(2, 3, dtype=torch.int64)
for i in range(2):
    for j in range(3):
        written_out[i, j] = row[j] + column[i, 0]
print(torch.equal(grid, written_out))

# %% A number fits anything
seven = torch.tensor(7)  # ()
print(grid + seven)

# %% The rule as a function
from itertools import product, zip_longest


def meet(a, b):
    """The shape of a sum of shapes `a` and `b`; None if they do not fit."""
    result = []
    for m, n in zip_longest(a[::-1], b[::-1], fillvalue=1):
        if m != n and 1 not in (m, n):
            return None
        result.insert(0, n if m == 1 else m)
    return tuple(result)


print(meet((5, 1, 2, 1), (3, 1, 1)))
print(meet((4, 2), (3,)))


# %% The rule against torch itself
def torch_meet(a, b):
    try:
        return (torch.ones(a) + torch.ones(b)).shape
    except RuntimeError:
        return None


shapes = [s for axes in range(4) for s in product((0, 1, 2), repeat=axes)] + [(3,), (2, 3)]
pairs = list(product(shapes, repeat=2))
agreed = sum(meet(a, b) == torch_meet(a, b) for a, b in pairs)
print(f"{agreed} of {len(pairs)} agree")

# %% A number for every row tags=["raises-exception"]
points + by_student

# %% A column fits
points + by_student[:, None]

# %% The left side cannot grow tags=["raises-exception"]
row += column

# %% An assignment names other sizes tags=["raises-exception"]
points[:] = by_student

# %% Row means of a square
square = torch.tensor([[1.0, 2, 3], [10, 20, 30], [100, 200, 300]])
row_means = square.mean(dim=1)
wrong = square - row_means
print(wrong)
print(wrong.mean(dim=1))

# %% Keepdim keeps the place
kept_means = square.mean(dim=1, keepdim=True)
print(f"{row_means.shape = }, {kept_means.shape = }")
centred = square - kept_means
print(centred)

# %% One number per channel
images = torch.arange(24.0).view(2, 3, 2, 2)  # (image, channel, height, width)
channel_means = images.mean(dim=(0, 2, 3))
print(channel_means)
normalised = images - channel_means[:, None, None]
print(normalised.mean(dim=(0, 2, 3)))

# %% Stretching by hand
wide_row, wide_column = torch.broadcast_tensors(row, column)
print(wide_row)
print(wide_column)
print(f"{wide_row.stride() = }, {wide_column.stride() = }")

# %% The result is never free
left = torch.empty(10_000, 1, 64, device="meta")
right = torch.empty(1, 10_000, 64, device="meta")
difference = left - right
for t in (left, right, difference):
    print(f"{t.nbytes:>14_} bytes")

# %% The right side may stretch
total = torch.zeros(2, 3, dtype=torch.int64)
total += row
total += column
print(total)
total[:, 1:] = column
print(total)

# %% Who stretches, who refuses
torch.where(column > 10, column, row)

# %% Backward adds up
bias = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)  # (3,)
shift = torch.tensor([[10.0], [20.0]], requires_grad=True)  # (2, 1)
factor = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
(factor * (bias + shift)).sum().backward()
print(bias.grad)
print(shift.grad)

# %% Same count is not enough tags=["raises-exception"]
torch.add(torch.ones(2, 3), torch.ones(6))

# %% The example of the note tags=["raises-exception"]
torch.ones(1, 3, 1).add_(torch.ones(3, 1, 7))

# %% The warning that does not come
torch.utils.backcompat.broadcast_warning.enabled = True
print(torch.add(torch.ones(4, 1), torch.ones(4)).shape)
torch.utils.backcompat.broadcast_warning.enabled = False


# %% Puzzle: who may grow tags=["exercise"]
def can_add_in_place(a, b):
    """Whether x += y works, for x of shape a and y of shape b."""
    return meet(a, b) is not None


def torch_adds_in_place(a, b):
    try:
        torch.ones(a).add_(torch.ones(b))
    except RuntimeError:
        return False
    return True


for a, b in pairs:
    assert can_add_in_place(a, b) == torch_adds_in_place(a, b), (a, b)


# %% Solution: who may grow tags=["solution"]
def can_add_in_place(a, b):
    """Whether x += y works, for x of shape a and y of shape b."""
    return meet(a, b) == a


for a, b in pairs:
    assert can_add_in_place(a, b) == torch_adds_in_place(a, b), (a, b)


# %% Wrong: fits, and has axes enough tags=["wrong"]
def can_add_in_place(a, b):
    return meet(a, b) is not None and len(a) >= len(b)


# %% Wrong: the shape of the right side tags=["wrong"]
def can_add_in_place(a, b):
    return meet(a, b) == b


# %% Wrong: as many elements at least tags=["wrong"]
def can_add_in_place(a, b):
    return meet(a, b) is not None and torch.Size(a).numel() >= torch.Size(b).numel()


# %% Puzzle: padding mask tags=["exercise"]
def padding_mask_spec(lengths, longest):
    """True where sentence i has a word j."""
    return torch.tensor([[j < n for j in range(longest)] for n in lengths])


def padding_mask(lengths, longest):
    return torch.arange(longest) < lengths


lengths = torch.tensor([3, 1, 4, 0])
for longest in (4, 6):
    assert torch.equal(padding_mask(lengths, longest), padding_mask_spec(lengths, longest)), longest
    assert padding_mask(lengths, longest).dtype == torch.bool, "no mask"


# %% Solution: padding mask tags=["solution"]
def padding_mask(lengths, longest):
    return torch.arange(longest) < lengths[:, None]


for longest in (4, 6):
    assert torch.equal(padding_mask(lengths, longest), padding_mask_spec(lengths, longest)), longest
    assert padding_mask(lengths, longest).dtype == torch.bool, "no mask"
print(padding_mask(lengths, 4).int())


# %% Wrong: a square tags=["wrong"]
def padding_mask(lengths, longest):
    return torch.arange(len(lengths)) < lengths[:, None]


# %% Wrong: one word too many tags=["wrong"]
def padding_mask(lengths, longest):
    return torch.arange(longest) <= lengths[:, None]


# %% Wrong: ones and zeros tags=["wrong"]
def padding_mask(lengths, longest):
    return (torch.arange(longest) < lengths[:, None]).long()


# %% Puzzle: add it back up tags=["exercise"]
def add_back(gradient, shape):
    """Sum `gradient` down to `shape`, which had been stretched to it."""
    return gradient.sum(dim=0)


def autograd_adds_back(gradient, shape):
    x = torch.zeros(shape, requires_grad=True)
    return torch.autograd.grad(x.expand(gradient.shape), x, gradient)[0]


gradient = torch.arange(24.0).view(2, 3, 4)
short_shapes = [(3, 4), (4,), (1,), (3, 1), (1, 4), (2, 1, 1), (1, 3, 4), ()]
for shape in short_shapes:
    expected = autograd_adds_back(gradient, shape)
    assert torch.equal(add_back(gradient, shape), expected), shape


# %% Solution: add it back up tags=["solution"]
def add_back(gradient, shape):
    """Sum `gradient` down to `shape`, which had been stretched to it."""
    while gradient.dim() > len(shape):
        gradient = gradient.sum(dim=0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(dim=axis, keepdim=True)
    return gradient


for shape in short_shapes:
    expected = autograd_adds_back(gradient, shape)
    assert torch.equal(add_back(gradient, shape), expected), shape
    assert torch.equal(gradient.sum_to_size(shape), expected), shape


# %% Wrong: only the missing axes tags=["wrong"]
def add_back(gradient, shape):
    while gradient.dim() > len(shape):
        gradient = gradient.sum(dim=0)
    return gradient


# %% Wrong: the mean tags=["wrong"]
def add_back(gradient, shape):
    while gradient.dim() > len(shape):
        gradient = gradient.mean(dim=0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.mean(dim=axis, keepdim=True)
    return gradient
