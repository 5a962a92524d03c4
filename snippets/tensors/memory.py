"""Memory: how a tensor finds its numbers, and which tensors share them."""

# %% Twelve numbers in a line
import torch

line = torch.arange(12)
grid = line.view(3, 4)
print(grid)
print(f"{grid.stride() = }")
print(f"{grid.storage_offset() = }")


# %% The position is a sum
def position(t, *index):
    steps = zip(index, t.stride())
    return t.storage_offset() + sum(i * step for i, step in steps)


print(position(grid, 2, 1))
print(grid[2, 1])

# %% Transposing swaps sizes and strides
turned = grid.t()
print(turned)
print(f"{turned.stride() = }")

# %% A slice starts later
window = grid[1:, ::2]
print(window)
print(f"{window.storage_offset() = }, {window.stride() = }")

# %% A diagonal steps both ways
diagonal = grid.diagonal()
print(diagonal)
print(f"{diagonal.stride() = }")

# %% Repeating takes stride zero
repeated = grid[1].expand(3, 4)
print(repeated)
print(f"{repeated.storage_offset() = }, {repeated.stride() = }")

# %% Every address is the sum
from itertools import product


def obeys(t):
    start = t.untyped_storage().data_ptr()
    for index in product(*map(range, t.shape)):
        expected = start + position(t, *index) * t.element_size()
        if t[index].data_ptr() != expected:
            return False
    return True


walks = [line, grid, turned, window, diagonal, repeated]
print([t.numel() for t in walks])
print([obeys(t) for t in walks])

# %% One write, every view
board = torch.zeros(3, 4, dtype=torch.int64)
third = board.t()[2]
third.fill_(7)
board.diagonal().fill_(1)
print(board)
print(third)

# %% Adding to repeated rows tags=["raises-exception"]
torch.arange(4).expand(3, 4).add_(1)

# %% One assignment slips through
menu = torch.arange(4)
tables = menu.expand(3, 4)
tables[0, 0] = 9
print(tables)
print(menu)

# %% A list only warns
tables[[0]] = 5
print(menu)


# %% Strides of a fresh tensor
def fresh_strides(shape):
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return tuple(strides)


print(fresh_strides((2, 3, 4)))
print(torch.zeros(2, 3, 4).stride())

# %% Contiguous copies only when it must
straight = grid.contiguous()
upright = turned.contiguous()
print(f"{straight is grid = }")
print(f"{upright.stride() = }")
print(upright.view(12))

# %% Steps never taken
column = turned[:, :1]
print(f"{column.shape = }")
print(f"{column.stride() = }")
print(f"{column.is_contiguous() = }")

# %% The transpose has no single step tags=["raises-exception"]
grid.t().view(12)


# %% When two axes merge
def merges(t, dim):
    whole_row = t.size(dim + 1) * t.stride(dim + 1)
    return t.stride(dim) == whole_row


block = torch.arange(24).view(2, 3, 4)
cases = {
    "block": block,
    "block[:, :2]": block[:, :2],
    "block[:, :, ::2]": block[:, :, ::2],
    "block.mT": block.mT,
}
for name, case in cases.items():
    print(f"{name:16}{case.stride()!s:12}{merges(case, 0)!s:6}{merges(case, 1)}")


# %% The rule against view itself
def view_succeeds(t):
    try:
        t.view(-1)
    except RuntimeError:
        return False
    return True


memory = torch.arange(60)
agreed = tried = 0
for size in product([2, 3], repeat=2):
    for stride in product(range(8), repeat=2):
        walk = memory.as_strided(size, stride)
        agreed += merges(walk, 0) == view_succeeds(walk)
        tried += 1
print(f"{agreed} of {tried}")


# %% Sharing is one storage
def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


print(f"{shares(grid, window) = }")
print(f"{shares(grid, upright) = }")
print(f"{grid.data_ptr() == window.data_ptr() = }")

# %% The base is the root
print(f"{window._base is line = }")
print(f"{line._base = }")


# %% What each operation returns
def kind(result):
    """Whether it is `x`, reads the numbers of `x`, or has its own."""
    if result is x:
        return "x itself"
    return "view" if shares(result, x) else "copy"


x = grid

# %% Answers that depend on strides
x = grid.t()

# %% Four ways to get your own
weight = torch.ones(3, 4, requires_grad=True)
source = weight.t()
ways = {
    "contiguous": source.contiguous(),
    "clone": source.clone(),
    "detach": source.detach(),
    "detach, clone": source.detach().clone(),
}
print(f"{'':15}storage strides requires_grad")
for name, result in ways.items():
    storage = "shared" if shares(result, source) else "own"
    print(f"{name:15}{storage:8}{result.stride()}  {result.requires_grad}")

# %% One number, four bytes
one = torch.tensor([1.0])
print(list(one.untyped_storage()))
print(one.view(torch.int32))
print(one.view(torch.uint8))

# %% Two ways to count bytes
stretched = grid[1].expand(1000, 4)
for t in (grid, window, stretched):
    held = t.untyped_storage().nbytes()
    print(f"{t.numel():4} numbers, {t.nbytes:5} bytes, storage {held}")

# %% Five numbers in the file
import io
import zipfile

readings = torch.arange(999)
first = readings[:5]
file = io.BytesIO()
torch.save(first, file)
with zipfile.ZipFile(file) as archive:
    print(archive.getinfo("archive/data/0").file_size, "bytes of numbers")

# %% Loading brings all 999 back
file.seek(0)
loaded = torch.load(file)
print(loaded)
print(loaded.as_strided((3,), (1,), 996))

# %% Clone before you keep
kept = readings[:5].clone()
del readings
print(f"{first.untyped_storage().nbytes() = }")
print(f"{kept.untyped_storage().nbytes() = }")

# %% Windows that slide
prices = torch.tensor([3.0, 5.0, 4.0, 6.0, 8.0, 7.0])
windows = prices.as_strided((4, 3), (1, 1))
print(windows)
print(windows.mean(dim=1))

# %% Writing where windows overlap
counts = torch.ones(6, dtype=torch.int64)
counts.unfold(0, 3, 1).mul_(10)
print(counts)

# %% The storage has an end tags=["raises-exception"]
prices.as_strided((5, 3), (1, 1))

# %% The same walk on CUDA tags=["cuda"]
there = turned.to("cuda")
print(f"{there.stride() = }")
print(f"{shares(there, turned) = }")
print(f"{shares(there.t(), there) = }")
there.t()[0, 1] = 100
print(there[1, 0].item(), turned[1, 0].item())


# %% Exercise: a diagonal by hand tags=["exercise"]
def diagonal_spec(t):
    return torch.stack([t[i, i] for i in range(min(t.shape))])


def my_diagonal(t):
    """A view of the diagonal, made with as_strided alone."""
    return t.as_strided((3,), (5,))


for t in (grid, turned, window, grid[1:]):
    assert torch.equal(my_diagonal(t), diagonal_spec(t)), t
    assert shares(my_diagonal(t), t), "a copy"


# %% Solution: a diagonal by hand tags=["solution"]
def my_diagonal(t):
    """A view of the diagonal, made with as_strided alone."""
    return t.as_strided((min(t.shape),), (sum(t.stride()),))


for t in (grid, turned, window, grid[1:]):
    assert torch.equal(my_diagonal(t), diagonal_spec(t)), t
    assert shares(my_diagonal(t), t), "a copy"


# %% Wrong: a copy tags=["wrong"]
def my_diagonal(t):
    return t.diagonal().clone()


# %% Wrong: from the start of the storage tags=["wrong"]
def my_diagonal(t):
    return t.as_strided((min(t.shape),), (sum(t.stride()),), 0)


# %% Wrong: the first stride only tags=["wrong"]
def my_diagonal(t):
    return t.as_strided((min(t.shape),), (t.stride(0),))


# %% Exercise: will it flatten? tags=["exercise"]
def flattens(t):
    """Whether t.view(-1) works, from t.shape and t.stride() alone."""
    raise NotImplementedError("yours to write")


for size in product([1, 2, 3], repeat=3):
    for stride in product([0, 1, 2, 3, 4, 6, 9], repeat=3):
        walk = memory.as_strided(size, stride)
        assert flattens(walk) == view_succeeds(walk), (size, stride)


# %% Solution: will it flatten? tags=["solution"]
def flattens(t):
    """Whether t.view(-1) works, from t.shape and t.stride() alone."""
    wide = t.squeeze()
    return all(merges(wide, dim) for dim in range(wide.dim() - 1))


for size in product([1, 2, 3], repeat=3):
    for stride in product([0, 1, 2, 3, 4, 6, 9], repeat=3):
        walk = memory.as_strided(size, stride)
        assert flattens(walk) == view_succeeds(walk), (size, stride)


# %% Wrong: contiguous or not tags=["wrong"]
def flattens(t):
    return t.is_contiguous()


# %% Wrong: axes of size 1 count tags=["wrong"]
def flattens(t):
    return all(merges(t, dim) for dim in range(t.dim() - 1))


# %% Exercise: bytes really held tags=["exercise"]
def bytes_held(tensors):
    return sum(t.nbytes for t in tensors)


assert bytes_held([line, grid, turned, window]) == 96
assert bytes_held([first, kept]) == 7992 + 40
assert bytes_held([repeated, upright]) == 192


# %% Solution: bytes really held tags=["solution"]
def bytes_held(tensors):
    storages = [t.untyped_storage() for t in tensors]
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


assert bytes_held([line, grid, turned, window]) == 96
assert bytes_held([first, kept]) == 7992 + 40
assert bytes_held([repeated, upright]) == 192


# %% Wrong: each tensor its storage tags=["wrong"]
def bytes_held(tensors):
    return sum(t.untyped_storage().nbytes() for t in tensors)


# %% Wrong: told apart by their first byte tags=["wrong"]
def bytes_held(tensors):
    return sum({t.data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


# %% Exercise: all rotations at once tags=["exercise"]
def rotations_spec(v):
    return torch.stack([v.roll(-i) for i in range(len(v))])


def rotations(v):
    """All rotations of v from one torch.cat and one as_strided."""
    return v.as_strided((len(v), len(v)), (1, 1))


assert torch.equal(rotations(prices), rotations_spec(prices))
assert rotations(prices).untyped_storage().nbytes() <= 12 * prices.element_size(), "all 36 stored"


# %% Solution: all rotations at once tags=["solution"]
def rotations(v):
    """All rotations of v from one torch.cat and one as_strided."""
    return torch.cat([v, v]).as_strided((len(v), len(v)), (1, 1))


assert torch.equal(rotations(prices), rotations_spec(prices))
assert rotations(prices).untyped_storage().nbytes() <= 12 * prices.element_size(), "all 36 stored"


# %% Wrong: one stored row each tags=["wrong"]
def rotations(v):
    return torch.stack([v.roll(-i) for i in range(len(v))])


# %% Wrong: to the right tags=["wrong"]
def rotations(v):
    return torch.cat([v, v]).as_strided((len(v), len(v)), (1, 1)).flip(0)
