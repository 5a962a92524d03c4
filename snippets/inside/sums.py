"""Sums, inside: what rounding, order and size do to a total."""

# %% The order decides
import torch

print(torch.tensor([1e8, 1.0, -1e8]).sum())
print(torch.tensor([1e8, -1e8, 1.0]).sum())

# %% A million dimes
dimes = torch.full((1_000_000,), 0.1)
one_by_one = dimes.numpy().cumsum()  # float32, from left to right
for n in (1_000, 30_000, 1_000_000):
    print(f"{n:>9,}{one_by_one[n - 1]:12.2f}{dimes[:n].sum():12.2f}")

# %% Squares that do not fit
huge = torch.tensor([3e20, 4e20])
speck = torch.tensor([3e-30, 4e-30])
print(torch.linalg.vector_norm(huge))
print(torch.linalg.vector_norm(speck))
print(torch.linalg.vector_norm(huge, dtype=torch.float64))

# %% Where exp gives up
x = torch.tensor([-200.0, -105.0, -100.0, 0.0, 88.0, 89.0, 200.0])
print(x.exp().log())
print(x[:, None].logsumexp(dim=1))  # each a sum of one

# %% No dims means all dims
scores = torch.tensor([[3, 1, 4], [5, 9, 2]])
dims = ()
print(scores.sum(dim=dims))
print(scores.numpy().sum(axis=dims))
print(scores.any(dim=dims).shape)


# %% Exercise: a length that fits tags=["exercise"]
def length(x):
    """The square root of the sum of squares, in the dtype of x throughout."""
    return x.square().sum().sqrt()


sizes = [(torch.float32, 1), (torch.float32, 1e20), (torch.float32, 1e-30), (torch.float32, 0), (torch.float64, 1e200)]
for dtype, size in sizes:
    x = torch.tensor([-2.0, -3.0, -6.0], dtype=dtype) * size
    torch.testing.assert_close(length(x), torch.tensor(7.0, dtype=dtype) * size, rtol=1e-5, atol=0)


# %% Solution: a length that fits tags=["solution"]
def length(x):
    """The square root of the sum of squares, in the dtype of x throughout."""
    largest = x.abs().amax()
    if largest == 0:
        return largest
    return largest * (x / largest).square().sum().sqrt()


for dtype, size in sizes:
    x = torch.tensor([-2.0, -3.0, -6.0], dtype=dtype) * size
    torch.testing.assert_close(length(x), torch.tensor(7.0, dtype=dtype) * size, rtol=1e-5, atol=0)


# %% Wrong: a wider dtype tags=["wrong"]
def length(x):
    return x.double().square().sum().sqrt().to(x.dtype)


# %% Wrong: nothing divided by nothing tags=["wrong"]
def length(x):
    largest = x.abs().amax()
    return largest * (x / largest).square().sum().sqrt()


# %% Wrong: the largest with its sign tags=["wrong"]
def length(x):
    largest = x.amax()
    if largest == 0:
        return largest
    return largest * (x / largest).square().sum().sqrt()


# %% Wrong: no less than one tags=["wrong"]
def length(x):
    largest = x.abs().amax().clamp(min=1)
    return largest * (x / largest).square().sum().sqrt()


# %% Wrong: the sum of the absolute values tags=["wrong"]
def length(x):
    return x.abs().sum()


# %% Wrong: of two numbers alone tags=["wrong"]
def length(x):
    return torch.hypot(x[0], x[1])


# %% Exercise: small groups first tags=["exercise"]
def sum_in_pairs(x):
    """The sum of all numbers of x, by adding neighbours, then their sums, and so on."""
    return torch.from_numpy(x.numpy().cumsum())[-1]


for n in (1, 2, 3, 1000, 99_999):
    some = torch.linspace(0, 1, n)
    assert (sum_in_pairs(some) - some.double().sum()).abs() < 0.01, n
assert sum_in_pairs(torch.tensor([1e8, 0, 1, 0, -1e8, 0, 1, 0])) == 0, "in pairs, each 1 meets a fortune"


# %% Solution: small groups first tags=["solution"]
def sum_in_pairs(x):
    """The sum of all numbers of x, by adding neighbours, then their sums, and so on."""
    while len(x) > 1:
        if len(x) % 2:
            x = torch.cat([x, x.new_zeros(1)])
        x = x[0::2] + x[1::2]
    return x[0]


for n in (1, 2, 3, 1000, 99_999):
    some = torch.linspace(0, 1, n)
    assert (sum_in_pairs(some) - some.double().sum()).abs() < 0.01, n


# %% Wrong: the last one falls off tags=["wrong"]
def sum_in_pairs(x):
    while len(x) > 1:
        x = x[: len(x) // 2 * 2]
        x = x[0::2] + x[1::2]
    return x[0]


# %% Wrong: pairs once, then the sum of PyTorch tags=["wrong"]
def sum_in_pairs(x):
    if len(x) % 2:
        x = torch.cat([x, x.new_zeros(1)])
    return (x[0::2] + x[1::2]).sum()


# %% Wrong: the sum of PyTorch tags=["wrong"]
def sum_in_pairs(x):
    return x.sum()


# %% Wrong: the mean times the length, in half precision tags=["wrong"]
def sum_in_pairs(x):
    return x.half().mean() * len(x)


# %% Exercise: moving sums without windows tags=["exercise"]
week = torch.tensor([3, 1, 4, 1, 5])


def moving_sums_spec(t, width):
    return torch.stack([t[i : i + width].sum() for i in range(len(t) - width + 1)])


def moving_sums(t, width):
    """The sum of every `width` neighbours, from one cumsum."""
    total = t.cumsum(dim=0)
    return total[width:] - total[:-width]


for width in (1, 2, 4):
    assert torch.equal(moving_sums(week, width), moving_sums_spec(week, width)), width


# %% Solution: moving sums without windows tags=["solution"]
def moving_sums(t, width):
    """The sum of every `width` neighbours, from one cumsum."""
    total = torch.cat([t.new_zeros(1), t.cumsum(dim=0)])
    return total[width:] - total[:-width]


for width in (1, 2, 4):
    assert torch.equal(moving_sums(week, width), moving_sums_spec(week, width)), width


# %% Wrong: the running totals tags=["wrong"]
def moving_sums(t, width):
    return t.cumsum(dim=0)[width - 1 :]


# %% Wrong: the zero at the other end tags=["wrong"]
def moving_sums(t, width):
    total = torch.cat([t.cumsum(dim=0), t.new_zeros(1)])
    return total[width:] - total[:-width]
