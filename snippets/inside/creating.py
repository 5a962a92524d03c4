"""Inside creation: what torch.empty leaves in place, and how arange counts its steps."""

# %% What lies in used memory
import numpy as np
import torch

wiped = bytearray(8)
small = np.array([1, 2], dtype=np.int32)
text = bytearray(b"old text")
address = np.array([0x7FE01B8F1630])
for leftover in (wiped, small, text, address):
    print(torch.frombuffer(leftover, dtype=torch.float32))

# %% Garbage read backwards
printed = torch.tensor([2.0183e-24, 4.5873e-41])
print(f"{printed.view(torch.int64).item():#x}")

# %% The division that decides
print((1.3 - 1) / 0.1)
print([n for n in range(1, 31) if len(torch.arange(1, 1 + n / 10, 0.1)) > n])

# %% Two rulers make a grid
rows, columns = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
print(rows)
print(columns)

# %% Nobody chose the indexing
unasked, _ = torch.meshgrid(torch.arange(3), torch.arange(4))
asked, _ = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
print(torch.equal(unasked, asked))

# %% An index that nobody checks
plan = torch.empty(3, device="meta")
print(plan[torch.tensor([7])].shape)

# %% A choice needs values tags=["raises-exception"]
plan.nonzero()

# %% A model too big to build
with torch.device("meta"):
    layer = torch.nn.Linear(10**6, 10**6)
    stay = [torch.zeros_like(torch.ones(2)), torch.Tensor(2), torch.from_numpy(np.ones(2)), torch.normal(0, 1, (2,))]
print([t.device.type for t in stay])
print(f"{layer.weight.nbytes = :,}")

# %% The dtype shows when unusual
print(torch.tensor([1, 2]))
print(torch.tensor([1.0, 2.0]))
print(torch.tensor([1, 2], dtype=torch.int32))
print(torch.tensor([1.0, 2.0], dtype=torch.float64))

# %% Four digits hide the fifth
nearly = torch.tensor([1.0, 1.00001])
print(nearly)
print(nearly == 1)
print(nearly.tolist())

# %% More digits, until reset
torch.set_printoptions(precision=8)
print(nearly)
torch.set_printoptions(profile="default")
print(nearly)

# %% One large number rewrites all
print(torch.tensor([0.5, 500.0]))
print(torch.tensor([0.5, 50000.0]))
print(torch.arange(1001))


# %% Exercise: addresses in the garbage tags=["exercise"]
garbage = torch.tensor([0.0, 0.0, 1.4013e-45, 0.0, 2.0033e-24, 4.5873e-41])
garbage = torch.cat([garbage, torch.tensor([9.4885e-39, 3.4438e-41, 1.0, 2.0])])


def addresses(garbage):
    """All pairs that read as a 64-bit integer from 2**44 to 2**47, in order."""
    pairs = garbage.long()
    return [pair for pair in pairs.tolist() if 2**44 <= pair < 2**47]


assert [hex(found)[:6] for found in addresses(garbage)] == ["0x7fe0", "0x6000"]


# %% Solution: addresses in the garbage tags=["solution"]
def addresses(garbage):
    """All pairs that read as a 64-bit integer from 2**44 to 2**47, in order."""
    pairs = garbage.view(torch.int64)
    return [pair for pair in pairs.tolist() if 2**44 <= pair < 2**47]


assert [hex(found)[:6] for found in addresses(garbage)] == ["0x7fe0", "0x6000"]


# %% Wrong: read as 32 bits tags=["wrong"]
def addresses(garbage):
    pairs = garbage.view(torch.int32)
    return [pair for pair in pairs.tolist() if 2**44 <= pair < 2**47]


# %% Wrong: the halves swapped tags=["wrong"]
def addresses(garbage):
    pairs = garbage.view(-1, 2).flip(1).flatten().view(torch.int64)
    return [pair for pair in pairs.tolist() if 2**44 <= pair < 2**47]


# %% Wrong: all pairs tags=["wrong"]
def addresses(garbage):
    return garbage.view(torch.int64).tolist()


# %% Exercise: how many will there be tags=["exercise"]
import math


def length(start, end, step):
    """How many numbers torch.arange(start, end, step) makes."""
    return int((end - start) / step)


cases = [(0, 5, 1), (2, 11, 3), (5, 0, -1), (1, 1.3, 0.1), (0, 1, 0.3), (0, 1, 1 / 49), (4, 4, 1)]
for case in cases:
    assert length(*case) == len(torch.arange(*case)), case
assert length(0, 10**12, 1) == 10**12


# %% Solution: how many will there be tags=["solution"]
def length(start, end, step):
    """How many numbers torch.arange(start, end, step) makes."""
    return math.ceil((end - start) / step)


for case in cases:
    assert length(*case) == len(torch.arange(*case)), case
assert length(0, 10**12, 1) == 10**12


# %% Wrong: rounded to the nearest tags=["wrong"]
def length(start, end, step):
    return round((end - start) / step)


# %% Wrong: as a fence has posts tags=["wrong"]
def length(start, end, step):
    return int((end - start) / step) + 1


# %% Wrong: made and counted tags=["wrong"]
def length(start, end, step):
    return len(torch.arange(start, end, step))


# %% Exercise: meshgrid by hand tags=["exercise"]
def grid(down, across):
    """What meshgrid(down, across, indexing="ij") returns, without copying a number."""
    return down[:, None].repeat(1, len(across)), across.repeat(len(down), 1)


down, across = torch.arange(3), torch.arange(4) * 10
expected = torch.meshgrid(down, across, indexing="ij")
for made, wanted, ruler in zip(grid(down, across), expected, (down, across)):
    assert torch.equal(made, wanted), made
    assert made.data_ptr() == ruler.data_ptr(), "copied"


# %% Solution: meshgrid by hand tags=["solution"]
def grid(down, across):
    """What meshgrid(down, across, indexing="ij") returns, without copying a number."""
    shape = len(down), len(across)
    return down[:, None].expand(shape), across.expand(shape)


for made, wanted, ruler in zip(grid(down, across), expected, (down, across)):
    assert torch.equal(made, wanted), made
    assert made.data_ptr() == ruler.data_ptr(), "copied"


# %% Wrong: the other indexing tags=["wrong"]
def grid(down, across):
    shape = len(across), len(down)
    return down.expand(shape), across[:, None].expand(shape)


# %% Wrong: a stack of copies tags=["wrong"]
def grid(down, across):
    return torch.stack([down] * len(across), 1), torch.stack([across] * len(down))


# %% Exercise: a board without loops tags=["exercise"]
def board_spec(height, width):
    out = torch.zeros(height, width, dtype=torch.int64)
    for i in range(height):
        for j in range(width):
            out[i, j] = (i + j) % 2
    return out


def board(height, width):
    return torch.eye(height, width, dtype=torch.int64)


for size in [(8, 8), (3, 5), (1, 4)]:
    assert torch.equal(board(*size), board_spec(*size)), size


# %% Solution: a board without loops tags=["solution"]
def board(height, width):
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (i + j) % 2


for size in [(8, 8), (3, 5), (1, 4)]:
    assert torch.equal(board(*size), board_spec(*size)), size


# %% Wrong: one long row tags=["wrong"]
def board(height, width):
    return torch.arange(height * width).view(height, width) % 2


# %% Wrong: stripes tags=["wrong"]
def board(height, width):
    return torch.arange(width).expand(height, width) % 2


# %% Wrong: starting with one tags=["wrong"]
def board(height, width):
    return (torch.arange(height)[:, None] + torch.arange(width) + 1) % 2


# %% Exercise: weigh before you build tags=["exercise"]
from torch import nn


def bytes_of(make):
    """The bytes of all parameters of make(), without memory for them."""
    raise NotImplementedError("yours to write")


def sixteen_terabytes():
    return nn.Sequential(*[nn.Linear(10**6, 10**6, bias=False) for _ in range(4)])


assert bytes_of(lambda: nn.Linear(3, 2)) == 32
assert bytes_of(lambda: nn.Linear(3, 2, dtype=torch.float64)) == 64
assert bytes_of(lambda: nn.BatchNorm1d(4)) == 32
assert bytes_of(sixteen_terabytes) == 16 * 10**12


# %% Solution: weigh before you build tags=["solution"]
def bytes_of(make):
    """The bytes of all parameters of make(), without memory for them."""
    with torch.device("meta"):
        return sum(p.nbytes for p in make().parameters())


assert bytes_of(lambda: nn.Linear(3, 2)) == 32
assert bytes_of(lambda: nn.Linear(3, 2, dtype=torch.float64)) == 64
assert bytes_of(lambda: nn.BatchNorm1d(4)) == 32
assert bytes_of(sixteen_terabytes) == 16 * 10**12


# %% Wrong: numbers, not bytes tags=["wrong"]
def bytes_of(make):
    with torch.device("meta"):
        return sum(p.numel() for p in make().parameters())


# %% Wrong: four bytes each tags=["wrong"]
def bytes_of(make):
    with torch.device("meta"):
        return sum(4 * p.numel() for p in make().parameters())


# %% Wrong: whatever is saved tags=["wrong"]
def bytes_of(make):
    with torch.device("meta"):
        return sum(t.nbytes for t in make().state_dict().values())


# %% Wrong: without the biases tags=["wrong"]
def bytes_of(make):
    with torch.device("meta"):
        return sum(p.nbytes for p in make().parameters() if p.dim() > 1)
