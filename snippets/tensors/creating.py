"""Creating tensors: from numbers you have, from a rule, by chance, or from a shape alone."""

# %% Five ways to begin
import torch

table = torch.tensor([[3, 5, 4], [9, 6, 7]])  # numbers you have
print(table)
print(torch.zeros(2, 3))  # one number everywhere
print(torch.arange(0, 10, 2))  # counting
print(torch.linspace(0, 1, 5))  # a stretch, divided
print(torch.rand(2, 3, generator=torch.Generator().manual_seed(0)))  # chance

# %% Every bracket is an axis
number = torch.tensor(7)
row = torch.tensor([3, 5, 4])
print(number.shape, row.shape, table.shape)

# %% The second row is short tags=["raises-exception"]
torch.tensor([[3, 5], [4]])

# %% A row that starts empty
torch.tensor([[], [4]])

# %% One number decides for all
lists = [[True, False], [True, 2], [1, 2, 3.5], [1, 2, 3j], []]
for numbers in lists:
    print(f"{numbers!s:15} {torch.tensor(numbers).dtype}")

# %% NumPy numbers keep their size
import numpy as np

prices = np.array([0.1, 0.2])
print(torch.tensor([0.1, 0.2]).dtype)
print(torch.tensor(prices).dtype)
print(torch.tensor([0.1, prices[1]]).dtype)

# %% Cut, wrapped, rounded, infinite
print(torch.tensor([1.9, -1.9], dtype=torch.int64))
print(torch.tensor([-1, 255], dtype=torch.uint8))
print(torch.tensor([16777217.0]).item())
print(torch.tensor([1e39]))

# %% Too large is refused tags=["raises-exception"]
torch.tensor([256], dtype=torch.uint8)

# %% The same number everywhere
print(torch.zeros(2, 3))
print(torch.ones(2, 3, dtype=torch.int64))
print(torch.full((2, 3), 7))
print(torch.eye(3))

# %% Counting stops before the end
print(torch.arange(5))
print(torch.arange(2, 11, 3))
print(torch.arange(5, 0, -1))
print(torch.arange(9).reshape(3, 3))

# %% Four numbers, end included
steps = torch.arange(1, 1.3, 0.1)
print(steps)

# %% Count in integers, divide later
tenths = torch.arange(10, 13) / 10
print(tenths)
print(torch.linspace(1, 1.2, steps=3))

# %% A fence has one more post
posts = torch.linspace(0, 1, steps=10)
print(posts[1].item())
print(torch.linspace(0, 1, steps=11)[1].item())

# %% Exponents in, powers out
print(torch.logspace(0, 3, steps=4))
print(torch.logspace(0, 8, steps=9, base=2, dtype=torch.int64))
print(torch.logspace(1, 1000, steps=4))

# %% Dice, flat, bell, shuffle
dice = torch.Generator().manual_seed(6)
print(torch.randint(1, 7, (10,), generator=dice))
print(torch.rand(3, generator=dice))
print(torch.randn(3, generator=dice))
print(torch.randperm(6, generator=dice))

# %% Flat and bell
flat = torch.rand(4000, generator=dice)
bell = torch.randn(4000, generator=dice)
print(torch.histc(flat, bins=6, min=-3, max=3))
print(torch.histc(bell, bins=6, min=-3, max=3))

# %% Six numbers from an old page
torch.manual_seed(1234)
x = torch.randn(2, 3)
print(x)
print(x.shape, x.dtype, x.device)

# %% What each twin inherits
original = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
for t in (torch.zeros(2, 3), original.new_zeros(4), torch.zeros_like(original)):
    print(t.shape, t.dtype, t.requires_grad)

# %% Halves that become zeros
votes = torch.tensor([3, 1, 2])
print(torch.full_like(votes, 0.5))
print(votes.new_tensor([0.5, 1.5, 2.5]))
print(torch.full_like(votes, 0.5, dtype=torch.float32))

# %% No random integers like these tags=["raises-exception"]
torch.rand_like(votes)

# %% Four ways to take an array
copied = torch.tensor(prices)
built_on = torch.from_numpy(prices)
perhaps = torch.as_tensor(prices)
narrowed = torch.as_tensor(prices, dtype=torch.float32)
prices[0] = 9.0
for t in (copied, built_on, perhaps, narrowed):
    print(t)

# %% Share, or say you cannot tags=["raises-exception"]
torch.asarray(prices, dtype=torch.float32, copy=False)

# %% Copying a tensor has a name
print(torch.tensor(row))
print(row.clone())

# %% A list of arrays crawls
days = [np.array([1, 2]), np.array([3, 4])]
print(torch.tensor(days))
print(torch.from_numpy(np.stack(days)))

# %% Born where it will work
device = torch.device("cpu")
weights = torch.zeros(3, dtype=torch.float64, device=device, requires_grad=True)
print(weights)
print(weights.device)

# %% A million by a million, free
giant = torch.empty(10**6, 10**6, device="meta")
print(giant)
print(f"{giant.nbytes = :,}")
print(giant.sum(dim=1).shape)

# %% There are no numbers tags=["raises-exception"]
giant.sum().item()

# %% Every place written once
squares = torch.empty(3, 4)
for i in range(3):
    squares[i] = torch.arange(4) ** i
print(squares)

# %% A capital T makes float32
counts = torch.Tensor([[1, 2, 3], [4, 5, 6]])
print(counts)
print(torch.Tensor([16777217]).item(), torch.tensor([16777217]).item())
print(torch.Tensor(prices).dtype)

# %% A number becomes a size
print(torch.Tensor([3]))
print(torch.Tensor(3).shape)
print(torch.Tensor(3, 4).shape)

# %% A float is neither tags=["raises-exception"]
torch.Tensor(3.0)

# %% One hot, the rest cold
labels = torch.tensor([0, 2, 1])
hot = torch.nn.functional.one_hot(labels)
print(hot)

# %% The batch without a two
morning = torch.nn.functional.one_hot(torch.tensor([0, 1, 1]))
print(morning.shape)
print(torch.nn.functional.one_hot(torch.tensor([0, 1, 1]), num_classes=3).shape)

# %% What each may look at
may_look = torch.ones(4, 4, dtype=torch.bool).tril()
print(may_look)

# %% Exercise: predict the dtype tags=["exercise"]
from itertools import product


def dtype_of(numbers):
    """The dtype of torch.tensor(numbers), from the list alone."""
    dtypes = {bool: torch.bool, int: torch.int64, float: torch.float32}
    return dtypes.get(type(numbers[0]), torch.complex64)


kinds = [True, 4, 3.0, 2j]
samples = [list(s) for n in (1, 2, 3) for s in product(kinds, repeat=n)] + [[]]
for numbers in samples:
    assert dtype_of(numbers) == torch.tensor(numbers).dtype, numbers


# %% Solution: predict the dtype tags=["solution"]
def dtype_of(numbers):
    """The dtype of torch.tensor(numbers), from the list alone."""
    order = [bool, int, float, complex]
    dtypes = [torch.bool, torch.int64, torch.float32, torch.complex64]
    if not numbers:
        return torch.float32
    return dtypes[max(order.index(type(number)) for number in numbers)]


for numbers in samples:
    assert dtype_of(numbers) == torch.tensor(numbers).dtype, numbers


# %% Wrong: the last number decides tags=["wrong"]
def dtype_of(numbers):
    dtypes = {bool: torch.bool, int: torch.int64, float: torch.float32, complex: torch.complex64}
    return dtypes[type(numbers[-1])] if numbers else torch.float32


# %% Wrong: the largest number decides tags=["wrong"]
def dtype_of(numbers):
    dtypes = {bool: torch.bool, int: torch.int64, float: torch.float32, complex: torch.complex64}
    return dtypes[type(max(numbers, key=abs))] if numbers else torch.float32


# %% Wrong: a bool is an int tags=["wrong"]
def dtype_of(numbers):
    if any(isinstance(number, complex) for number in numbers):
        return torch.complex64
    whole = numbers and all(isinstance(number, int) for number in numbers)
    return torch.int64 if whole else torch.float32


# %% Exercise: rows of any length tags=["exercise"]
from torch.nn.utils.rnn import pad_sequence


def pad(rows, filler):
    """One tensor of all rows; short ones are filled up on the right."""
    return torch.tensor(rows)


ragged = [[3, 5], [9], [0, 6, 7], []]
tensors = [torch.tensor(numbers, dtype=torch.int64) for numbers in ragged]
for filler in (-1, 0):
    assert torch.equal(pad(ragged, filler), pad_sequence(tensors, True, filler)), filler
assert pad(ragged, 0).dtype == torch.int64, "whole numbers became floats"


# %% Solution: rows of any length tags=["solution"]
def pad(rows, filler):
    """One tensor of all rows; short ones are filled up on the right."""
    out = torch.full((len(rows), max(map(len, rows))), filler)
    for i, numbers in enumerate(rows):
        out[i, : len(numbers)] = torch.tensor(numbers)
    return out


for filler in (-1, 0):
    assert torch.equal(pad(ragged, filler), pad_sequence(tensors, True, filler)), filler
assert pad(ragged, 0).dtype == torch.int64, "whole numbers became floats"


# %% Wrong: cut to the shortest tags=["wrong"]
def pad(rows, filler):
    shortest = min(map(len, rows))
    return torch.tensor([row[:shortest] for row in rows])


# %% Wrong: the largest row for the longest tags=["wrong"]
def pad(rows, filler):
    longest = len(max(rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


# %% Wrong: filled on the left tags=["wrong"]
def pad(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([[filler] * (longest - len(row)) + row for row in rows])


# %% Wrong: floats where there were integers tags=["wrong"]
def pad(rows, filler):
    out = torch.zeros(len(rows), max(map(len, rows))) + filler
    for i, numbers in enumerate(rows):
        out[i, : len(numbers)] = torch.tensor(numbers)
    return out


# %% Wrong: every zero becomes the filler tags=["wrong"]
def pad(rows, filler):
    longest = max(map(len, rows))
    out = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    out[out == 0] = filler
    return out


# %% Wrong: always filled with zeros tags=["wrong"]
def pad(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


# %% Wrong: the lists themselves are filled up tags=["wrong"]
def pad(rows, filler):
    longest = max(map(len, rows))
    for row in rows:
        row += [filler] * (longest - len(row))
    return torch.tensor(rows)


# %% Exercise: linspace from arange tags=["exercise"]
def evenly(start, end, steps):
    return start + torch.arange(steps) * (end - start) / steps


for case in [(0, 1, 11), (-3, 3, 7), (5, 1, 9), (2, 4, 2), (2, 4, 1), (0, 1, 50)]:
    torch.testing.assert_close(evenly(*case), torch.linspace(*case))


# %% Solution: linspace from arange tags=["solution"]
def evenly(start, end, steps):
    gaps = max(steps - 1, 1)
    return start + torch.arange(steps) * (end - start) / gaps


for case in [(0, 1, 11), (-3, 3, 7), (5, 1, 9), (2, 4, 2), (2, 4, 1), (0, 1, 50)]:
    torch.testing.assert_close(evenly(*case), torch.linspace(*case))


# %% Wrong: arange with a step tags=["wrong"]
def evenly(start, end, steps):
    return torch.arange(start, end, (end - start) / steps)


# %% Wrong: arange with a step more tags=["wrong"]
def evenly(start, end, steps):
    if steps == 1:
        return torch.tensor([float(start)])
    step = (end - start) / (steps - 1)
    return torch.arange(start, end + step, step)


# %% Wrong: no gaps for one step tags=["wrong"]
def evenly(start, end, steps):
    return start + torch.arange(steps) * (end - start) / (steps - 1)


# %% Wrong: no points for one step tags=["wrong"]
def evenly(start, end, steps):
    return start + torch.arange(steps if steps > 1 else 0) * (end - start) / (steps - 1)
