"""Dtypes: what kind of number a tensor holds, and what happens when two kinds meet."""

# %% Three kinds you meet at once
import torch

counts = torch.tensor([3, 5, 4])
weights = torch.tensor([0.5, 0.25, 0.25])
mask = counts > 3
print(counts.dtype, weights.dtype, mask.dtype)
print(counts.float())  # a cast
print(counts * weights)  # promoted to float32
print(counts / 2)  # division leaves the integers

# %% Where the bits go tags=["hide-input"]
import math

import matplotlib.pyplot as plt

parts = {"sign": "0.5", "exponent: how far": "C0", "fraction: how fine": "C1", "whole number": "C2", "yes or no": "C3"}
fig, axis = plt.subplots(figsize=(4.6, 2.2), layout="constrained")
for kind in (torch.int64, torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.bool):
    bits = 8 * kind.itemsize
    if kind.is_floating_point:
        fraction = round(-math.log2(torch.finfo(kind).eps))
        sizes = {"sign": 1, "exponent: how far": bits - 1 - fraction, "fraction: how fine": fraction}
    else:
        sizes = {"yes or no" if kind == torch.bool else "whole number": bits}
    start = 0
    for part, size in sizes.items():
        axis.barh(str(kind).removeprefix("torch."), size, left=start, color=parts[part], label=part)
        start += size
handles = dict(zip(*reversed(axis.get_legend_handles_labels())))
axis.legend(handles.values(), handles, loc="upper right", fontsize="small")
axis.set(xlabel="bits of one number", xticks=range(0, 65, 8))
plt.show()

# %% Three spellings of a cast
print(counts.to(torch.float64))
print(counts.double())
print(counts.type(torch.float64))
print(counts.dtype)

# %% A cast may do nothing
same = weights.to(torch.float32)
copied = weights.to(torch.float32, copy=True)
print(f"{same is weights = }")
print(f"{copied is weights = }")

# %% From float to integer, casting cuts
prices = torch.tensor([-1.9, -0.5, 0.5, 1.9])
print(prices.long())
print(prices.round().long())

# %% Whole numbers wrap around
torch.tensor([127, 128, 300]).to(torch.int8)

# %% NumPy's name for it tags=["raises-exception"]
counts.astype("float32")

# %% A placeholder copied from prose tags=["raises-exception"]
counts.type(torch.datatype)

# %% Strings from before dtypes
print(weights.type())
print(weights.long().type())

# %% Ask for another one
print(torch.ones(3))
print(torch.ones(3, dtype=torch.int))

# %% Twelve dtypes and their names tags=["hide-input"]
dtypes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
dtypes += [torch.float16, torch.bfloat16, torch.float32, torch.float64]
dtypes += [torch.complex64, torch.complex128]


def short(dtype):
    return str(dtype).removeprefix("torch.")


def alias(dtype):
    names = [name for name, value in vars(torch).items() if value is dtype]
    return ", ".join(name for name in names if name != short(dtype))


def in_numpy(dtype):
    try:
        return str(torch.zeros(1, dtype=dtype).numpy().dtype)
    except TypeError:
        return "-"


print(f"{'dtype':12}bytes  {'also':8}{'in numpy':12}old name")
for dtype in dtypes:
    old_name = torch.zeros(1, dtype=dtype).type()
    names = f"{alias(dtype):8}{in_numpy(dtype):12}{old_name}"
    print(f"{short(dtype):12}{dtype.itemsize:5}  {names}")

# %% How far and how fine tags=["hide-input"]
print(f"{'dtype':10}{'lowest':>18}{'highest':>17}   gap after 1")
for dtype in dtypes:
    if dtype.is_floating_point:
        info = torch.finfo(dtype)
        gap = f"{info.eps:.4g}"
    elif dtype != torch.bool and not dtype.is_complex:
        info = torch.iinfo(dtype)
        gap = "1"
    else:
        continue
    print(f"{short(dtype):10}{info.min:>18.10g}{info.max:>17.10g}   {gap}")

# %% The default can be moved
torch.set_default_dtype(torch.float64)
print(torch.tensor([0.5]).dtype, (counts * 0.5).dtype)
print((weights * 0.5).dtype, torch.tensor([3]).dtype)
torch.set_default_dtype(torch.float32)
print(torch.tensor([0.5]).dtype, (counts * 0.5).dtype)

# %% Only floats can be default tags=["raises-exception"]
torch.set_default_dtype(torch.int64)

# %% The higher kind wins
whole = torch.tensor([1, 2, 3], dtype=torch.int16)
half = torch.tensor([0.5, 0.5, 0.5], dtype=torch.float16)
print(mask + whole)
print(whole + half)
print(counts + half)

# %% A Python number does not widen
small = torch.tensor([100, 27, 5], dtype=torch.int8)
print((small + 1).dtype)
print((small + torch.tensor(1)).dtype)
print((small + torch.tensor([1])).dtype)

# %% A higher kind still wins
print((small * 0.5).dtype)
print((half * 0.5).dtype)
print((small * torch.tensor(0.5, dtype=torch.float64)).dtype)
print((half * torch.tensor(0.5, dtype=torch.float64)).dtype)

# %% Seventy thousand become infinite
salaries = torch.tensor([70000, 3000])
bonus = torch.zeros(2, dtype=torch.float16)
print(salaries + bonus)

# %% Three hundred becomes 44
print(small + 300)
print(small < 300)
pixels = torch.tensor([0, 5, 255], dtype=torch.uint8)
print(pixels > -1)
print(pixels == -1)

# %% Matrix products refuse to promote tags=["raises-exception"]
import numpy as np

model = torch.nn.Linear(3, 1)
features = torch.from_numpy(np.array([[1.0, 2.0, 3.0]]))
model(features)

# %% In place there is no promotion tags=["raises-exception"]
counts += 0.5

# %% Within a kind, in place narrows
narrow = small.clone()
narrow += torch.tensor([300, 1, 1])
print(narrow)

# %% Assigning cuts off fractions
ratings = torch.tensor([4, 5, 3])
ratings[0] = 2.9
print(ratings)

# %% Through a list, the dtypes must match tags=["raises-exception"]
mean = torch.tensor([2.9])
ratings[[1]] = mean

# %% Division leaves the integers
print(torch.tensor([6, 7]) / 2)
print(torch.tensor([6, 7]) // 2)
print(torch.tensor([-3]) // 2)

# %% One too many for float32
ticket = torch.tensor([16777217])
print((ticket / 1).long())
print((ticket // 1).long())
print(ticket == torch.tensor([16777216.0]))


# %% Counting until it stops
def counts_to(dtype):
    n = torch.zeros(1, dtype=dtype)
    while n + 1 != n:
        n = n + 1
    return n.item()


print(f"{counts_to(torch.float16) = }")
print(f"{counts_to(torch.bfloat16) = }")
full = torch.tensor([2.0**24])
print(f"{full + 1 == full = }")

# %% Four numbers in three dtypes
samples = torch.tensor([1 / 3, 257.0, 70000.0, 1e-8])
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    print([f"{x:.6g}" for x in samples.to(dtype).tolist()])

# %% A running total gets stuck
steps = torch.full((1000,), 0.1, dtype=torch.bfloat16)
total = torch.zeros((), dtype=torch.bfloat16)
for step in steps:
    total += step
print(total)
print(steps.sum())

# %% Brighter becomes darker
photo = torch.tensor([10, 100, 200], dtype=torch.uint8)
other = torch.tensor([20, 100, 100], dtype=torch.uint8)
print(photo + 100)
print(photo - other)
print((photo.int() + 100).clamp(0, 255).to(torch.uint8))

# %% Two ways to say not
byte_mask = torch.tensor([1, 0, 1], dtype=torch.uint8)
bool_mask = byte_mask.bool()
print(~bool_mask)
print(~byte_mask)

# %% Nothing selected becomes everything
print(counts[~bool_mask])
print(counts[~byte_mask])

# %% Filling wants a real mask tags=["raises-exception"]
counts.masked_fill(byte_mask, 0)

# %% Plus means or
print(mask + mask)
print(mask.sum())

# %% Minus means nothing tags=["raises-exception"]
1 - mask

# %% A sum that depends on dtype
for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
    tenth, fifth, third = torch.tensor([0.1, 0.2, 0.3], dtype=dtype)
    print(f"{short(dtype):9} {tenth + fifth == third}")

# %% The same tenth, three answers
tenth = torch.tensor([0.1])
precise = torch.tensor([0.1], dtype=torch.float64)
print(tenth == 0.1)
print(tenth.item() == 0.1)
print(tenth == precise)

# %% Close is a relative matter
guess = torch.tensor([1000.005, 0.000005])
truth = torch.tensor([1000.0, 0.0])
print(torch.isclose(guess, truth))

# %% A test that explains itself tags=["raises-exception"]
torch.testing.assert_close(guess, truth)

# %% The test looks at dtypes tags=["raises-exception"]
torch.testing.assert_close(tenth, precise)

# %% Exercise: guess the dtype tags=["exercise"]
expressions = {
    "mask * 2": torch.bool,
    "small + whole": torch.int8,
    "small / 2": torch.int8,
    "half + torch.tensor(1.0)": torch.float32,
    "half + torch.ones(1)": torch.float16,
    "small + photo": torch.uint8,
    "counts.sqrt()": torch.int64,
    "photo.sum()": torch.uint8,
}

for expression, answer in expressions.items():
    assert eval(expression).dtype == answer, expression

# %% Solution: guess the dtype tags=["solution"]
expressions = {
    "mask * 2": torch.int64,
    "small + whole": torch.int16,
    "small / 2": torch.float32,
    "half + torch.tensor(1.0)": torch.float16,
    "half + torch.ones(1)": torch.float32,
    "small + photo": torch.int16,
    "counts.sqrt()": torch.float32,
    "photo.sum()": torch.int64,
}

for expression, answer in expressions.items():
    assert eval(expression).dtype == answer, expression

# %% Wrong: small types stay small tags=["wrong"]
expressions = {
    "mask * 2": torch.int64,
    "small + whole": torch.int16,
    "small / 2": torch.float32,
    "half + torch.tensor(1.0)": torch.float16,
    "half + torch.ones(1)": torch.float32,
    "small + photo": torch.int16,
    "counts.sqrt()": torch.float32,
    "photo.sum()": torch.uint8,
}

# %% Wrong: every operand counts alike tags=["wrong"]
expressions = {
    "mask * 2": torch.int64,
    "small + whole": torch.int16,
    "small / 2": torch.float32,
    "half + torch.tensor(1.0)": torch.float32,
    "half + torch.ones(1)": torch.float32,
    "small + photo": torch.int16,
    "counts.sqrt()": torch.float32,
    "photo.sum()": torch.int64,
}


# %% Exercise: add without wrapping tags=["exercise"]
def saturating_spec(a, b):
    """Sums of uint8 numbers that stop at 255."""
    sums = [min(x + y, 255) for x, y in zip(a.tolist(), b.tolist())]
    return torch.tensor(sums, dtype=torch.uint8)


def saturating_add(a, b):
    return (a + b).clamp(max=255)


levels = torch.arange(256, dtype=torch.uint8)
for shift in (0, 1, 100, 255):
    partner = levels.roll(shift)
    expected = saturating_spec(levels, partner)
    assert torch.equal(saturating_add(levels, partner), expected), f"shifted by {shift}"
    assert saturating_add(levels, partner).dtype == torch.uint8, "no byte any more"


# %% Solution: add without wrapping tags=["solution"]
def saturating_add(a, b):
    return (a.int() + b).clamp(max=255).to(torch.uint8)


for shift in (0, 1, 100, 255):
    partner = levels.roll(shift)
    expected = saturating_spec(levels, partner)
    assert torch.equal(saturating_add(levels, partner), expected), f"shifted by {shift}"
    assert saturating_add(levels, partner).dtype == torch.uint8, "no byte any more"


# %% Wrong: a wider dtype is left tags=["wrong"]
def saturating_add(a, b):
    return (a.int() + b).clamp(max=255)


# %% Wrong: the larger of the two tags=["wrong"]
def saturating_add(a, b):
    return torch.maximum(a, b)


# %% Wrong: cast before the clamp tags=["wrong"]
def saturating_add(a, b):
    return (a.int() + b).to(torch.uint8).clamp(max=255)


# %% Exercise: shares of a total tags=["exercise"]
def shares(counts):
    """Each count divided by the sum of all, as float64."""
    return counts / counts.sum()


crowd = [2**24 + 1, 2**24]
for dtype in (torch.uint8, torch.int32, torch.int64):
    part = shares(torch.tensor([10, 20, 250], dtype=dtype))
    assert part.dtype == torch.float64, part.dtype
    assert part.tolist() == [10 / 280, 20 / 280, 250 / 280], part
assert shares(torch.tensor(crowd)).tolist() == [n / sum(crowd) for n in crowd], "a digit is lost"


# %% Solution: shares of a total tags=["solution"]
def shares(counts):
    """Each count divided by the sum of all, as float64."""
    return counts.double() / counts.sum()


for dtype in (torch.uint8, torch.int32, torch.int64):
    part = shares(torch.tensor([10, 20, 250], dtype=dtype))
    assert part.dtype == torch.float64, part.dtype
    assert part.tolist() == [10 / 280, 20 / 280, 250 / 280], part
assert shares(torch.tensor(crowd)).tolist() == [n / sum(crowd) for n in crowd], "a digit is lost"


# %% Wrong: the cast comes last tags=["wrong"]
def shares(counts):
    return (counts / counts.sum()).double()


# %% Wrong: whole division tags=["wrong"]
def shares(counts):
    return (counts // counts.sum()).double()


# %% Wrong: a sum that wraps tags=["wrong"]
def shares(counts):
    return counts.double() / counts.sum(dtype=counts.dtype)


# %% Wrong: a float32 on the way tags=["wrong"]
def shares(counts):
    return counts.double() / counts.float().sum()


# %% Wrong: a constant total tags=["wrong"]
def shares(counts):
    return counts.double() / 280
