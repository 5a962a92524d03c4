"""Matrix products: @, stacks, and einsum."""

# %% Two customers, two shops
import torch

orders = torch.tensor([[2, 0, 1], [1, 3, 0]])  # (customer, item)
prices = torch.tensor([[4, 5], [1, 2], [10, 7]])  # (item, shop)
bills = orders @ prices  # (customer, shop)
bills

# %% A row meets a column, drawn tags=["hide-input"]
import matplotlib.pyplot as plt

fig, axis = plt.subplots(figsize=(4, 2.6), layout="constrained")


def draw(table, left, top, name, row=None, column=None):
    axis.text(left + (table.shape[1] - 1) / 2, top + 0.9, name, ha="center", va="center", family="monospace")
    for i, numbers in enumerate(table.tolist()):
        for j, number in enumerate(numbers):
            chosen = (row is None or i == row) and (column is None or j == column)
            if chosen:
                axis.add_patch(plt.Rectangle((left + j - 0.5, top - i - 0.5), 1, 1, color="C0", alpha=0.3))
            axis.text(left + j, top - i, number, ha="center", va="center", family="monospace")


draw(orders, 0, 0, "orders", row=0)
draw(prices, 4, 4, "prices", column=0)
draw(bills, 4, 0, "orders @ prices", row=0, column=0)
axis.text(1, 3, "2 · 4 + 0 · 1\n+ 1 · 10\n= 18", ha="center", va="center")
axis.set(xlim=(-1, 6), ylim=(-1.6, 5.3))
axis.set_axis_off()
plt.show()


# %% Three loops say it all
def slow_matmul(a, b):
    rows, inner = a.shape
    inner, columns = b.shape
    out = torch.zeros(rows, columns, dtype=a.dtype)
    for i in range(rows):
        for j in range(columns):
            for k in range(inner):
                out[i, j] += a[i, k] * b[k, j]
    return out


print(slow_matmul(orders, prices))

# %% The sizes fit, the axes do not
nonsense = prices @ orders
nonsense

# %% Inner sizes must meet tags=["raises-exception"]
orders @ orders

# %% Seven days become fourteen rows tags=["raises-exception"]
week = torch.arange(42).view(7, 2, 3) % 4  # (day, customer, item)
week @ orders

# %% The weight stands transposed tags=["raises-exception"]
layer = torch.nn.Linear(3, 2)
layer(torch.ones(4, 2))

# %% Two batches, another message tags=["raises-exception"]
week @ week

# %% Products do not promote tags=["raises-exception"]
orders @ prices.float()

# %% A layer wants floats tags=["raises-exception"]
layer(orders)

# %% Both run on a square
square = torch.tensor([[1, 2], [3, 4]])
swap = torch.tensor([[0, 1], [1, 0]])
print(square * swap)
print(square @ swap)
print(swap @ square)

# %% The star wants equal shapes tags=["raises-exception"]
torch.ones(4, 6) * torch.ones(6, 4)

# %% A column times a row
weights = torch.tensor([[1], [2], [3]])  # (3, 1), meant as (3,)
inputs = torch.tensor([4, 5, 6])  # (3,)
spread = weights * inputs
spread

# %% Bytes wrap around
pixels = torch.tensor([200, 100], dtype=torch.uint8)
print(pixels @ pixels)
print(pixels.long() @ pixels.long())

# %% Five functions, seven pairs tags=["hide-input"]
pairs = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 2)),
    ((4, 2, 3), (4, 3, 2)),
    ((4, 2, 3), (3, 2)),
    ((4, 2, 3), (3,)),
]
functions = [torch.dot, torch.mv, torch.mm, torch.bmm, torch.matmul]


def result_shape(function, left, right):
    try:
        return tuple(function(torch.ones(left), torch.ones(right)).shape)
    except RuntimeError:
        return "-"


print(f"{'':23}" + "".join(f"{f.__name__:11}" for f in functions))
for left, right in pairs:
    shapes = [result_shape(f, left, right) for f in functions]
    print(f"{left!s:10} {right!s:10}  " + "".join(f"{s!s:11}" for s in shapes))

# %% dot is for vectors tags=["raises-exception"]
torch.dot(orders, prices)

# %% One product per day
daily_prices = torch.stack([prices + day for day in range(7)])  # (day, item, shop)
daily_bills = week @ daily_prices
print(f"{daily_bills.shape = }")
print(f"{(week @ prices).shape = }")
print(f"{(week[:, None] @ daily_prices).shape = }")

# %% Vectors borrow an axis
first_shop = prices[:, 0]  # (item,)
first_customer = orders[0]  # (item,)
print(orders @ first_shop)
print(first_customer @ prices)

# %% A stack read as one matrix
moves = torch.stack([torch.eye(2, dtype=torch.int64), swap])  # stay, swap
points = torch.tensor([[1, 2], [3, 4]])  # two points
print(moves @ points)
print((moves @ points[:, :, None]).squeeze(-1))

# %% A layer, by hand
torch.manual_seed(0)
layer = torch.nn.Linear(3, 2)
x = orders.float()
by_hand = x @ layer.weight.T + layer.bias
print(f"{layer.weight.shape = }")
torch.testing.assert_close(by_hand, layer(x))

# %% A letter for every axis
torch.einsum("ci,is->cs", orders, prices)

# %% Einsum, one number at a time
from itertools import product


def slow_einsum(equation, *tensors):
    left, output = equation.split("->")
    names = left.split(",")
    size = {}
    for letters, t in zip(names, tensors):
        size.update(zip(letters, t.shape))
    out = torch.zeros([size[letter] for letter in output], dtype=tensors[0].dtype)
    for position in product(*map(range, size.values())):
        at = dict(zip(size, position))
        term = 1
        for letters, t in zip(names, tensors):
            term = term * t[tuple(at[letter] for letter in letters)]
        out[tuple(at[letter] for letter in output)] += term
    return out


print(slow_einsum("ci,is->cs", orders, prices))

# %% Twenty equations, both sides
torch.manual_seed(0)
u, v = torch.randint(-9, 9, (2, 3))
M = torch.randint(-9, 9, (2, 3))
N = torch.randint(-9, 9, (3, 4))
S = torch.randint(-9, 9, (3, 3))
A = torch.randint(-9, 9, (5, 2, 3))
B = torch.randint(-9, 9, (5, 3, 4))


def agree(equation, twin, *tensors):
    """Whether einsum, its plain twin and the program above agree."""
    fast, slow = torch.einsum(equation, *tensors), slow_einsum(equation, *tensors)
    return torch.equal(fast, twin) and torch.equal(fast, slow)


# %% The letter is named tags=["raises-exception"]
torch.einsum("ci,is->cs", orders, orders)

# %% One row of prices is enough
one_item = prices[:1]  # (1, shop)
torch.einsum("ci,is->cs", orders, one_item)

# %% Without an arrow, the alphabet
print(torch.einsum("ij", orders))
print(torch.einsum("ji", orders))

# %% Dots for the axes you ignore
print(f"{torch.einsum('...ij,...jk->...ik', week, prices).shape = }")
print(f"{torch.einsum('...i->...', week).shape = }")

# %% Attention in two lines
import math

torch.manual_seed(0)
query, key, value = torch.randn(3, 2, 4, 5, 8)  # each (batch, head, time, channel)
scores = torch.einsum("bhqc,bhkc->bhqk", query, key) / math.sqrt(8)
answer = torch.einsum("bhqk,bhkc->bhqc", scores.softmax(dim=-1), value)
print(f"{scores.shape = }")
library = torch.nn.functional.scaled_dot_product_attention(query, key, value)
torch.testing.assert_close(answer, library)

# %% Turn, shear, flatten
letter = [(0, 0), (0, 4), (3, 4), (3, 3), (1, 3), (1, 2), (2, 2), (2, 1), (1, 1), (1, 0)]
outline = torch.tensor(letter).float()  # (corner, 2)
c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
turn = torch.tensor([[c, -s], [s, c]])
shear = torch.tensor([[1.5, 0.5], [0.0, 1.0]])
flatten = torch.tensor([[1.0, 0.5], [0.5, 0.25]])

fig, axes = plt.subplots(1, 3, figsize=(6, 2), sharex=True, sharey=True, layout="constrained")
for axis, matrix in zip(axes, (turn, shear, flatten)):
    moved = outline @ matrix.T
    axis.fill(*outline.T, alpha=0.3)
    axis.fill(*moved.T, alpha=0.6, edgecolor="C1")
    axis.set_title(f"det {torch.linalg.det(matrix):.2f}")
    axis.set(xlabel="x", ylabel="y", aspect="equal", xticks=[0, 4], yticks=[0, 4])
    axis.label_outer()
plt.show()


# %% The determinant scales the area
def area(corners):
    x, y = corners.T
    return ((x * y.roll(-1)).sum() - (x.roll(-1) * y).sum()).abs() / 2


print(f"before: {area(outline):.2f}")
for matrix in (turn, shear, flatten):
    print(f"after:  {area(outline @ matrix.T):.2f}")

# %% Brackets set the price
from torch.utils.flop_counter import FlopCounterMode


def cost(compute):
    with FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops()


wide = torch.ones(100, 100)
column = torch.ones(100, 1)
print(f"{cost(lambda: (wide @ wide) @ column) = :,}")
print(f"{cost(lambda: wide @ (wide @ column)) = :,}")
print(f"{cost(lambda: torch.linalg.multi_dot([wide, wide, column])) = :,}")

# %% Other brackets, infinity
big = torch.tensor([[1e20]])
tiny = torch.tensor([[1e-20]])
print((big @ big) @ tiny)
print(big @ (big @ tiny))


# %% Exercise: score each pair tags=["exercise"]
def pair_scores_spec(x, m, y):
    return torch.stack([x[b] @ m @ y[b] for b in range(len(x))])


def pair_scores(x, m, y):
    """x[b] @ m @ y[b] for every b, as one einsum."""
    return torch.einsum("bi,ij,bj->", x, m, y)


left, right = A[:, 0], B[:, :, 0]  # (5, 3) each
assert torch.equal(pair_scores(left, S, right), pair_scores_spec(left, S, right)), pair_scores(left, S, right)


# %% Solution: score each pair tags=["solution"]
def pair_scores(x, m, y):
    """x[b] @ m @ y[b] for every b, as one einsum."""
    return torch.einsum("bi,ij,bj->b", x, m, y)


left, right = A[:, 0], B[:, :, 0]  # (5, 3) each
assert torch.equal(pair_scores(left, S, right), pair_scores_spec(left, S, right)), pair_scores(left, S, right)


# %% Wrong: every pair tags=["wrong"]
def pair_scores(x, m, y):
    return torch.einsum("bi,ij,cj->bc", x, m, y)


# %% Wrong: all of y for each tags=["wrong"]
def pair_scores(x, m, y):
    return torch.einsum("bi,ij,cj->b", x, m, y)


# %% Wrong: m from the other side tags=["wrong"]
def pair_scores(x, m, y):
    return torch.einsum("bi,ji,bj->b", x, m, y)


# %% Exercise: turn each point by its own angle tags=["exercise"]
def turn_each_spec(points, angles):
    out = torch.zeros_like(points)
    for p, (point, angle) in enumerate(zip(points, angles)):
        c, s = torch.cos(angle), torch.sin(angle)
        out[p] = torch.tensor([[c, -s], [s, c]]) @ point
    return out


def turn_each(points, angles):
    """Every point turned by its own angle, without a loop."""
    raise NotImplementedError("yours to write")


angles = torch.linspace(0, 3, len(outline))
torch.testing.assert_close(turn_each(outline, angles), turn_each_spec(outline, angles))


# %% Solution: turn each point by its own angle tags=["solution"]
def turn_each(points, angles):
    """Every point turned by its own angle, without a loop."""
    c, s = angles.cos(), angles.sin()
    turns = torch.stack([c, -s, s, c], dim=-1).unflatten(-1, (2, 2))  # (point, 2, 2)
    return torch.einsum("pij,pj->pi", turns, points)


angles = torch.linspace(0, 3, len(outline))
torch.testing.assert_close(turn_each(outline, angles), turn_each_spec(outline, angles))


# %% Wrong: the other way tags=["wrong"]
def turn_each(points, angles):
    c, s = angles.cos(), angles.sin()
    turns = torch.stack([c, s, -s, c], dim=-1).unflatten(-1, (2, 2))
    return torch.einsum("pij,pj->pi", turns, points)


# %% Wrong: every point by every angle tags=["wrong"]
def turn_each(points, angles):
    c, s = angles.cos(), angles.sin()
    return points @ torch.stack([c, s, -s, c], dim=-1).unflatten(-1, (2, 2))


# %% Wrong: all by one angle tags=["wrong"]
def turn_each(points, angles):
    c, s = angles[0].cos(), angles[0].sin()
    return points @ torch.tensor([[c, s], [-s, c]])


# %% Exercise: the trace of a product tags=["exercise"]
def trace_of_product(x, y):
    """(x @ y).trace(), without the rest of x @ y."""
    return (x @ y).trace()


for x, y in [(S, S + 1), (M, N[:, :2])]:
    assert torch.equal(trace_of_product(x, y), (x @ y).trace()), trace_of_product(x, y)
flops = cost(lambda: trace_of_product(wide, wide))
assert flops <= 2 * 100**2, f"{flops:,} multiplications and additions"


# %% Solution: the trace of a product tags=["solution"]
def trace_of_product(x, y):
    """(x @ y).trace(), without the rest of x @ y."""
    return torch.einsum("ij,ji->", x, y)


for x, y in [(S, S + 1), (M, N[:, :2])]:
    assert torch.equal(trace_of_product(x, y), (x @ y).trace()), trace_of_product(x, y)
flops = cost(lambda: trace_of_product(wide, wide))
assert flops <= 2 * 100**2, f"{flops:,} multiplications and additions"


# %% Wrong: place by place tags=["wrong"]
def trace_of_product(x, y):
    return torch.einsum("ij,ij->", x, y)


# %% Wrong: the diagonals tags=["wrong"]
def trace_of_product(x, y):
    return (x.diagonal() * y.diagonal()).sum()


# %% Wrong: the sum of all tags=["wrong"]
def trace_of_product(x, y):
    return torch.einsum("ij,jk->", x, y)
