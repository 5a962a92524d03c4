"""Memory: how a tensor finds its numbers, and which tensors share them."""

# %% A view sees the write, a copy does not
import torch

week = torch.arange(6)
table = week.view(2, 3)  # a view
own = table.clone()  # a copy
week[0] = 99
print(table)
print(own)

# %% Twelve numbers in a line
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

# %% Repeating takes stride zero
repeated = grid[1].expand(3, 4)
print(repeated)
print(f"{repeated.storage_offset() = }, {repeated.stride() = }")

# %% One write, every view
board = torch.zeros(3, 4, dtype=torch.int64)
third = board.t()[2]
third.fill_(7)
board.diagonal().fill_(1)
print(board)
print(third)

# %% One assignment slips through
menu = torch.arange(4)
tables = menu.expand(3, 4)
tables[0, 0] = 9
print(tables)
print(menu)

# %% A list only warns
tables[[0]] = 5
print(menu)


# %% Sharing is one storage
def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


print(f"{shares(grid, window) = }")
print(f"{shares(grid, grid.clone()) = }")
print(f"{grid.data_ptr() == window.data_ptr() = }")


# %% What each operation returns tags=["hide-input"]
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

# %% The transpose has no single step tags=["raises-exception"]
grid.t().view(12)

# %% Adding to repeated rows tags=["raises-exception"]
torch.arange(4).expand(3, 4).add_(1)


# %% Exercise: bytes really held tags=["exercise"]
def bytes_held(tensors):
    return sum(t.nbytes for t in tensors)


assert bytes_held([line, grid, turned, window]) == 96
assert bytes_held([first, kept]) == 7992 + 40
assert bytes_held([line, upright, window.detach()]) == 192
assert bytes_held([repeated, weight]) == 96 + 48


# %% Solution: bytes really held tags=["solution"]
def bytes_held(tensors):
    storages = [t.untyped_storage() for t in tensors]
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


assert bytes_held([line, grid, turned, window]) == 96
assert bytes_held([first, kept]) == 7992 + 40
assert bytes_held([line, upright, window.detach()]) == 192
assert bytes_held([repeated, weight]) == 96 + 48


# %% Wrong: each tensor its storage tags=["wrong"]
def bytes_held(tensors):
    return sum(t.untyped_storage().nbytes() for t in tensors)


# %% Wrong: told apart by their first byte tags=["wrong"]
def bytes_held(tensors):
    return sum({t.data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


# %% Wrong: told apart by their base tags=["wrong"]
def bytes_held(tensors):
    roots = {(t if t._base is None else t._base).data_ptr(): t for t in tensors}
    return sum(t.untyped_storage().nbytes() for t in roots.values())


# %% Wrong: eight bytes for every number tags=["wrong"]
def bytes_held(tensors):
    storages = {t.untyped_storage().data_ptr(): t for t in tensors}
    return sum(8 * t.untyped_storage().nbytes() // t.itemsize for t in storages.values())


# %% Exercise: a view or a copy tags=["exercise"]
heights = torch.arange(12).view(3, 4)


def first_column_zeroed(t):
    """A new tensor with zeros in its first column; `t` stays as it is."""
    out = t[:]
    out[:, 0] = 0
    return out


result = first_column_zeroed(heights)
assert result[:, 0].tolist() == [0, 0, 0]
assert result[:, 1:].equal(torch.arange(12).view(3, 4)[:, 1:])
assert heights.equal(torch.arange(12).view(3, 4)), "the argument was changed"
assert result.dtype == heights.dtype, "another dtype"


# %% Solution: a view or a copy tags=["solution"]
def first_column_zeroed(t):
    """A new tensor with zeros in its first column; `t` stays as it is."""
    out = t.clone()
    out[:, 0] = 0
    return out


# %% Wrong: contiguous is no copy tags=["wrong"]
def first_column_zeroed(t):
    out = t.contiguous()
    out[:, 0] = 0
    return out


# %% Wrong: zeros that are floats tags=["wrong"]
def first_column_zeroed(t):
    return torch.cat([torch.zeros(len(t), 1), t[:, 1:]], dim=1)


# %% Wrong: detach is no copy tags=["wrong"]
def first_column_zeroed(t):
    out = t.detach()
    out[:, 0] = 0
    return out


# %% Wrong: into the copy of a copy tags=["wrong"]
def first_column_zeroed(t):
    out = t.clone()
    out[[0, 1, 2]][:, 0] = 0
    return out


# %% Exercise: do they share a number? tags=["exercise"]
from itertools import product


def share_a_number(a, b):
    """Whether some element of `a` and some element of `b` are one place in memory."""
    return shares(a, b)


assert share_a_number(grid[1], grid[:, 2])
assert share_a_number(grid[:2, :2], grid[1:, 1:])
assert not share_a_number(grid, grid.clone()), "equal numbers in other places"
assert not share_a_number(grid[:, 0], grid[:, 1]), "one storage, other places"
assert not share_a_number(board[:, 0], board[:, 1]), "and equal numbers"


# %% Solution: do they share a number? tags=["solution"]
def share_a_number(a, b):
    """Whether some element of `a` and some element of `b` are one place in memory."""

    def places(t):
        return {t[index].data_ptr() for index in product(*map(range, t.shape))}

    return not places(a).isdisjoint(places(b))


# %% Wrong: they begin together tags=["wrong"]
def share_a_number(a, b):
    return a.data_ptr() == b.data_ptr()


# %% Wrong: rows that begin together tags=["wrong"]
def share_a_number(a, b):
    return bool({row.data_ptr() for row in a} & {row.data_ptr() for row in b})


# %% Wrong: columns that begin together tags=["wrong"]
def share_a_number(a, b):
    return bool({column.data_ptr() for column in a.t()} & {column.data_ptr() for column in b.t()})


# %% Wrong: tables of one storage tags=["wrong"]
def share_a_number(a, b):
    return shares(a, b) and a.dim() > 1


# %% Wrong: equal numbers tags=["wrong"]
def share_a_number(a, b):
    return bool(torch.isin(a, b).any())


# %% Wrong: equal numbers in one storage tags=["wrong"]
def share_a_number(a, b):
    return shares(a, b) and bool(torch.isin(a, b).any())


# %% Wrong: the places of a copy tags=["wrong"]
def share_a_number(a, b):
    return bool({x.data_ptr() for x in a.flatten()} & {x.data_ptr() for x in b.flatten()})
