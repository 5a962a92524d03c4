"""Strides: every address, when axes merge, and any walk you like."""

# %% Six walks along one line
import torch

line = torch.arange(12)
grid = line.view(3, 4)
walks = {
    "line": line,
    "grid": grid,
    "turned": grid.t(),
    "window": grid[1:, ::2],
    "diagonal": grid.diagonal(),
    "repeated": grid[1].expand(3, 4),
}
for name, walk in walks.items():
    print(f"{name:9} {walk.storage_offset()}  {walk.stride()}")


# %% Every address is the sum
from itertools import product


def obeys(t):
    start = t.untyped_storage().data_ptr()
    for index in product(*map(range, t.shape)):
        steps = sum(i * step for i, step in zip(index, t.stride()))
        position = t.storage_offset() + steps
        if t[index].data_ptr() != start + position * t.element_size():
            return False
    return True


print([obeys(walk) for walk in walks.values()])


# %% The base is the root
window, turned = walks["window"], walks["turned"]
print(f"{window._base is line = }")
print(f"{line._base = }")


def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


# %% One number, four bytes
one = torch.tensor([1.0])
print(list(one.untyped_storage()))
print(one.view(torch.int32))
print(one.view(torch.uint8))


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
    print(f"{name:17}{case.stride()!s:12}{merges(case, 0)!s:6}{merges(case, 1)}")


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


# %% Where every number lives
def positions(t):
    count = t.untyped_storage().nbytes() // t.element_size()
    return torch.arange(count).as_strided(t.shape, t.stride(), t.storage_offset())


print(positions(window))


# %% A row costs 64 lines
def cache_lines(t):
    return (positions(t) * t.element_size() // 64).unique().numel()


matrix = torch.zeros(1024, 1024)
print(f"{cache_lines(matrix[0]) = }")
print(f"{cache_lines(matrix[:, 0]) = }")


# %% Lines touched as strides grow
strides, touched = [1, 2, 4, 8, 16, 32, 64], {}
for dtype in (torch.uint8, torch.float32, torch.float64):
    flat = torch.zeros(1024 * 64, dtype=dtype)
    touched[dtype] = [cache_lines(flat[: 1024 * step : step]) for step in strides]
    print(f"{dtype!s:14} {touched[dtype]}")


# %% A cache that forgets
def lines_loaded(t, room=64):
    cache, loads = {}, 0
    for where in (positions(t) * t.element_size() // 64).flatten().tolist():
        if where in cache:
            del cache[where]
        else:
            loads += 1
            if len(cache) == room:
                del cache[next(iter(cache))]
        cache[where] = True  # newest last
    return loads


square = torch.zeros(128, 128)
print(f"along the rows:     {lines_loaded(square)}")
print(f"down the columns:   {lines_loaded(square.t())}")


# %% A pixel or a channel
maps = torch.zeros(1, 64, 32, 32)  # (image, channel, row, column)
for t in (maps, maps.to(memory_format=torch.channels_last)):
    print(f"{t.stride()!s:22} pixel {cache_lines(t[0, :, 0, 0]):2}  channel {cache_lines(t[0, 0]):4}")


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
    for stride in product([0, 1, 2, 3, 6], repeat=3):
        walk = memory.as_strided(size, stride)
        assert flattens(walk) == view_succeeds(walk), (size, stride)


# %% Solution: will it flatten? tags=["solution"]
def flattens(t):
    """Whether t.view(-1) works, from t.shape and t.stride() alone."""
    wide = t.squeeze()
    return all(merges(wide, dim) for dim in range(wide.dim() - 1))


for size in product([1, 2, 3], repeat=3):
    for stride in product([0, 1, 2, 3, 6], repeat=3):
        walk = memory.as_strided(size, stride)
        assert flattens(walk) == view_succeeds(walk), (size, stride)


# %% Wrong: contiguous or not tags=["wrong"]
def flattens(t):
    return t.is_contiguous()


# %% Wrong: axes of size 1 count tags=["wrong"]
def flattens(t):
    return all(merges(t, dim) for dim in range(t.dim() - 1))


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
