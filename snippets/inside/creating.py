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

# %% Nobody chose the indexing
unasked, _ = torch.meshgrid(torch.arange(3), torch.arange(4))
asked, _ = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
print(torch.equal(unasked, asked))

# %% An index that nobody checks
plan = torch.empty(3, device="meta")
print(plan[torch.tensor([7])].shape)

# %% A choice needs values tags=["raises-exception"]
plan.nonzero()

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


# %% Solution: how many will there be tags=["solution"]
def length(start, end, step):
    """How many numbers torch.arange(start, end, step) makes."""
    return math.ceil((end - start) / step)


for case in cases:
    assert length(*case) == len(torch.arange(*case)), case


# %% Wrong: rounded to the nearest tags=["wrong"]
def length(start, end, step):
    return round((end - start) / step)


# %% Wrong: as a fence has posts tags=["wrong"]
def length(start, end, step):
    return int((end - start) / step) + 1


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
