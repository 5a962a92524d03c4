"""Writes, inside: overlaps, out=, the version counter, and a cell that ran four times."""

# %% Two tables from one page
import torch

sums = torch.tensor(
    [
        [1.3688, 0.7951, 1.4088],
        [0.4504, 0.5946, 1.3274],
        [1.7864, 1.1904, 1.1175],
    ]
)
products = torch.tensor(
    [
        [855.4833, 496.9533, 880.5090],
        [281.5063, 371.6346, 829.6192],
        [1116.5049, 744.0276, 698.4658],
    ]
)
print(sums * 5)
print(products / sums)

# %% What the rounding hid
hidden = products / 5**4
print(hidden)

# %% The same cell, four times
x = hidden.clone()
for run in (1, 2, 3, 4):
    five_x = x * 5
    x.mul_(5)
    print(f"run {run}: {five_x[0, 0]:.4f}")
print(x)


# %% Which cells can be run again
def run_again(cell, times):
    notebook = {"x": hidden.clone()}
    for _ in range(times):
        exec(cell, notebook)
    return notebook["x"][0, 0].item()


cells = ["x.mul_(5)", "x *= 5", "x = x * 5", "five_x = x.mul_(5)", "five_x = x * 5"]
for cell in cells:
    print(f"{cell:18}", [f"{run_again(cell, times):.4f}" for times in (1, 2, 4)])

# %% Every write is counted
print(x._version)
print((x * 5)._version)

# %% A view counts for its base
row = x[0]
row.zero_()
print(x._version, row._version)
x.numpy()[1] = 0
print(x._version)

# %% Backward reads the counter tags=["raises-exception"]
weight = torch.tensor([0.0, 1.0], requires_grad=True)
growth = weight.exp()
growth += 1
growth.sum().backward()

# %% Reading what is being written tags=["raises-exception"]
chain = torch.tensor([2, 4, 6, 8])
chain[1:] += chain[:-1]

# %% The divisor is one of the numbers tags=["raises-exception"]
chain //= chain[0]

# %% Compute first, then store
chain[1:] = chain[1:] + chain[:-1]
print(chain)

# %% With gaps, nothing is refused
rates = torch.tensor([[2.0, 4.0], [3.0, 9.0]])
print(rates / rates[:, :1])
rates /= rates[:, :1]
print(rates)

# %% Out names the place
monday = torch.tensor([1, 2, 3])
room = torch.zeros(3, dtype=torch.int64)
answer = torch.add(monday, 100, out=room)
print(room)
print(f"{answer is room = }")

# %% A wrong size warns and resizes
shelf = torch.zeros(4, dtype=torch.int64)
torch.add(monday, 100, out=shelf[:2])
print(shelf)

# %% Unwritten memory equals nothing
torch.use_deterministic_algorithms(True)
unwritten = torch.empty(4)
torch.use_deterministic_algorithms(False)
print(unwritten)
print(unwritten == torch.zeros(4))


# %% Exercise: leave the argument alone tags=["exercise"]
def standardised(t):
    """t, shifted and scaled to mean 0 and standard deviation 1."""
    t -= t.mean()
    t /= t.std()
    return t


heights = torch.tensor([150.0, 160.0, 170.0, 180.0])
before = heights.clone()
result = standardised(heights)
torch.testing.assert_close(result.std(), torch.tensor(1.0))
torch.testing.assert_close(result * before.std() + before.mean(), before)
assert heights._version == 0, f"{heights._version} writes"
assert torch.equal(heights, before)
ages = torch.tensor([1.0, 2.0, 6.0], dtype=torch.bfloat16)  # a dtype that NumPy does not know
ages = ages.expand(2, 3)  # one memory for both rows: in place, arithmetic raises
torch.testing.assert_close(standardised(ages) * ages.std() + ages.mean(), ages)


# %% Solution: leave the argument alone tags=["solution"]
def standardised(t):
    """t, shifted and scaled to mean 0 and standard deviation 1."""
    return (t - t.mean()) / t.std()


# %% Wrong: scaled, not shifted tags=["wrong"]
def standardised(t):
    return t / t.std()


# %% Wrong: writing past the counter tags=["wrong"]
def standardised(t):
    t.data.sub_(t.mean())
    t.data.div_(t.std())
    return t


# %% Wrong: written, and put back tags=["wrong"]
def standardised(t):
    mean, std = t.mean(), t.std()
    result = (t.sub_(mean) / std).clone()
    t.add_(mean)
    return result


# %% Wrong: past the counter, and put back tags=["wrong"]
def standardised(t):
    mean, std = t.mean(), t.std()
    result = t.data.sub_(mean) / std
    t.data.add_(mean)
    return result


# %% Wrong: past the counter with NumPy, and put back tags=["wrong"]
def standardised(t):
    mean, std = t.mean().item(), t.std().item()
    numbers = t.numpy()
    numbers -= mean
    result = torch.from_numpy(numbers / std)
    numbers += mean
    return result


# %% Wrong: the numbers of these heights tags=["wrong"]
def standardised(t):
    return (t - 165) / before.std()


# %% Wrong: the mean minus the numbers tags=["wrong"]
def standardised(t):
    return (t.mean() - t) / t.std()


# %% Wrong: of the whole population tags=["wrong"]
def standardised(t):
    return (t - t.mean()) / t.std(correction=0)


# %% Exercise: how often was it run tags=["exercise"]
first = torch.tensor([0.2, 0.5, 0.9])
second = torch.tensor([0.4, 0.1, 0.3])
last_printed = torch.tensor([27.0, 18.9, 40.5])


def count_runs(first, second, last_printed):
    """How often first.add_(second) ran, and after it first.mul_(3)."""
    return 1, 3


adds, muls = count_runs(first, second, last_printed)
replayed = (first + adds * second) * 3**muls
assert torch.allclose(replayed, last_printed), replayed
assert count_runs(first, second, (first + second) * 9) == (1, 2)


# %% Solution: how often was it run tags=["solution"]
def count_runs(first, second, last_printed):
    """How often first.add_(second) ran, and after it first.mul_(3)."""
    for adds in range(10):
        for muls in range(10):
            replayed = (first + adds * second) * 3**muls
            if torch.allclose(replayed, last_printed):
                return adds, muls


adds, muls = count_runs(first, second, last_printed)
replayed = (first + adds * second) * 3**muls
assert torch.allclose(replayed, last_printed), replayed
print(adds, muls)


# %% Wrong: the other way round tags=["wrong"]
def count_runs(first, second, last_printed):
    return 3, 2


# %% Wrong: the first number alone fits tags=["wrong"]
def count_runs(first, second, last_printed):
    for adds in range(9, -1, -1):
        for muls in range(10):
            if torch.isclose((first[0] + adds * second[0]) * 3**muls, last_printed[0]):
                return adds, muls


# %% Wrong: the counts of this notebook tags=["wrong"]
def count_runs(first, second, last_printed):
    return 2, 3


# %% Wrong: once each tags=["wrong"]
def count_runs(first, second, last_printed):
    return 1, 1


# %% Exercise: each row by its first number tags=["exercise"]
def divide_rows(t):
    """Divide each row of t by its first number, in place, and return t."""
    return t.div_(t[:, :1])


table = torch.tensor([[2.0, 4.0, 8.0], [6.0, 9.0, 3.0]])
same_table, last_row = table, table[1]
expected = torch.tensor([[1.0, 2.0, 4.0], [1.0, 1.5, 0.5]])
assert divide_rows(table) is same_table, "not the same tensor"
assert torch.equal(same_table, expected), same_table.tolist()
assert torch.equal(last_row, expected[1]), "not the same memory"
assert divide_rows(torch.tensor([[5.0, 10.0]])).tolist() == [[1.0, 2.0]]


# %% Solution: each row by its first number tags=["solution"]
def divide_rows(t):
    """Divide each row of t by its first number, in place, and return t."""
    return t.div_(t[:, :1].clone())


print(divide_rows(torch.tensor([[2.0, 4.0, 8.0], [6.0, 9.0, 3.0]])))


# %% Wrong: a new tensor tags=["wrong"]
def divide_rows(t):
    return t / t[:, :1]


# %% Wrong: the first number of all tags=["wrong"]
def divide_rows(t):
    return t.div_(t[0, 0].clone())


# %% Wrong: the least of each row tags=["wrong"]
def divide_rows(t):
    return t.div_(t.amin(dim=1, keepdim=True))


# %% Wrong: the name, not the tensor tags=["wrong"]
def divide_rows(t):
    t = t / t[:, :1].clone()
    return t


# %% Wrong: new memory for the old tensor tags=["wrong"]
def divide_rows(t):
    t.data = t / t[:, :1]
    return t


# %% Wrong: the divisors of this table tags=["wrong"]
def divide_rows(t):
    return t.div_(torch.tensor([[2.0], [6.0]]))
