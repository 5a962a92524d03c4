# %% Two rows, three columns
import torch

prices = torch.tensor([[2.0, 3.0, 4.0], [1.0, 0.0, 5.0]])
prices

# %% A number
number = torch.tensor(7)
print(number.ndim, number.shape)

# %% A row
row = torch.tensor([7, 8, 9])
print(row.ndim, row.shape)

# %% A table
table = torch.tensor([[7, 8, 9], [4, 5, 6]])
print(table.ndim, table.shape)

# %% A stack of tables
stack = torch.tensor([[[7, 8, 9], [4, 5, 6]], [[1, 2, 3], [0, 0, 1]]])
print(stack.ndim, stack.shape)

# %% Zeros
torch.zeros(2, 3)

# %% Ones
torch.ones(3)

# %% Counting
torch.arange(0, 10, 2)

# %% Chance
torch.manual_seed(0)
torch.rand(2, 3)

# %% What a tensor says of itself
print(prices.shape)
print(prices.dtype)

# %% Whole numbers have no mean tags=["raises-exception"]
torch.tensor([1, 2, 4]).mean()

# %% One row, one column, one number
print(prices[0])
print(prices[:, 1])
print(prices[1, 2])

# %% Those that pass a test
print(prices > 2)
print(prices[prices > 2])

# %% A part is no copy
whole = torch.zeros(3)
part = whole[1:]
part[0] = 7
print(whole)

# %% A number for all
prices * 2

# %% A row meets every row
factors = torch.tensor([1.0, 10.0, 100.0])
prices * factors

# %% A column meets every column
extra = torch.tensor([5.0, 7.0])
prices + extra[:, None]

# %% Three columns, two numbers tags=["raises-exception"]
prices + extra

# %% The axis that goes
print(prices.sum())
print(prices.sum(dim=0))
print(prices.sum(dim=1))

# %% Other brackets, same numbers
print(prices.reshape(3, 2))
print(prices.T)

# %% Rows times a column of weights
bought = torch.tensor([1.0, 2.0, 3.0])
print(prices @ bought)
print((prices * bought).sum(dim=1))

# %% How the loss answers to a number
guess = torch.tensor(3.0, requires_grad=True)
loss = (2 * guess - 10) ** 2
loss.backward()
print(loss.item(), guess.grad.item())

# %% A step against the gradient
with torch.no_grad():
    guess -= 0.1 * guess.grad
guess.grad = None
print(guess)

# %% Where the numbers are
device = "cuda" if torch.cuda.is_available() else "cpu"
moved = prices.to(device)
print((moved * 2).cpu().sum())


# %% Exercise: shares of each row tags=["exercise"]
def shares(table):
    """Each number as a share of its row's sum."""
    return table / table.sum()


for sample in [prices, torch.tensor([[1.0, 3.0], [4.0, -2.0], [9.0, 1.0]]), torch.ones(2, 2)]:
    before = sample.clone()
    expected = torch.stack([line / line.sum() for line in sample])
    torch.testing.assert_close(shares(sample), expected)
    assert sample.equal(before), "the table itself has changed"


# %% Solution: shares of each row tags=["solution"]
def shares(table):
    """Each number as a share of its row's sum."""
    return table / table.sum(dim=1)[:, None]


print(shares(prices))


# %% Wrong: shares of each column tags=["wrong"]
def shares(table):
    return table / table.sum(dim=0)


# %% Wrong: a row where a column is meant tags=["wrong"]
def shares(table):
    return table / table.sum(dim=1)


# %% Wrong: in the caller's table tags=["wrong"]
def shares(table):
    table /= table.sum(dim=1)[:, None]
    return table


# %% Wrong: shares of the sizes tags=["wrong"]
def shares(table):
    return torch.nn.functional.normalize(table, p=1, dim=1)


# %% Wrong: whole numbers tags=["wrong"]
def shares(table):
    return (table / table.sum(dim=1)[:, None]).round()


# %% Exercise: the cheapest of each row tags=["exercise"]
def cheapest(table):
    """The column of the smallest number in each row."""
    return table.argmin()


assert cheapest(prices).tolist() == [0, 1], cheapest(prices).tolist()
assert cheapest(torch.tensor([[5.0, 6.0, 4.0], [3.0, 9.0, 7.0], [-1.0, 0.0, -3.0]])).tolist() == [2, 0, 2]


# %% Solution: the cheapest of each row tags=["solution"]
def cheapest(table):
    """The column of the smallest number in each row."""
    return table.argmin(dim=1)


print(cheapest(prices))


# %% Wrong: of each column tags=["wrong"]
def cheapest(table):
    return table.argmin(dim=0)


# %% Wrong: the numbers themselves tags=["wrong"]
def cheapest(table):
    return table.min(dim=1).values


# %% Wrong: the rank of the first tags=["wrong"]
def cheapest(table):
    return table.argsort(dim=1).argsort(dim=1)[:, 0]


# %% Wrong: the dearest tags=["wrong"]
def cheapest(table):
    return table.argmax(dim=1)


# %% Exercise: walk down to the bottom tags=["exercise"]
def bottom(height, start):
    """The x where height(x) is least, found by steps against the gradient."""
    x = torch.tensor(start, requires_grad=True)
    for _ in range(100):
        height(x).backward()
        with torch.no_grad():
            x -= 0.1 * x.grad
    return x.item()


for start in [0.0, 3.0, 10.0]:
    for place in [4.0, -1.0]:
        found = bottom(lambda x: (x - place) ** 2 + 1, start)
        assert abs(found - place) < 1e-3, (start, place, round(found, 3))


# %% Solution: walk down to the bottom tags=["solution"]
def bottom(height, start):
    """The x where height(x) is least, found by steps against the gradient."""
    x = torch.tensor(start, requires_grad=True)
    for _ in range(100):
        x.grad = None
        height(x).backward()
        with torch.no_grad():
            x -= 0.1 * x.grad
    return x.item()


print(round(bottom(lambda x: (x - 4) ** 2 + 1, 10.0), 3))


# %% Wrong: the place of one valley tags=["wrong"]
def bottom(height, start):
    return 4.0


# %% Wrong: up the hill tags=["wrong"]
def bottom(height, start):
    x = torch.tensor(start, requires_grad=True)
    for _ in range(100):
        x.grad = None
        height(x).backward()
        with torch.no_grad():
            x += 0.1 * x.grad
    return x.item()


# %% Wrong: a single step tags=["wrong"]
def bottom(height, start):
    x = torch.tensor(start, requires_grad=True)
    height(x).backward()
    with torch.no_grad():
        x -= 0.1 * x.grad
    return x.item()
