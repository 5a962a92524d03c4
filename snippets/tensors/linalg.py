"""Linear algebra: from a product back to what was multiplied, exactly, nearly, or in parts."""

# %% Prices from three receipts
import torch

baskets = torch.tensor([[2.0, 0.0, 1.0], [1.0, 3.0, 0.0], [0.0, 1.0, 1.0]])
totals = torch.tensor([18.0, 7.0, 11.0])
found = torch.linalg.solve(baskets, totals)
found

# %% Two lines cross tags=["hide-input"]
import matplotlib.pyplot as plt

x = torch.linspace(0, 2, 3)
fig, axes = plt.subplots(1, 2, figsize=(5, 2.1), sharey=True, layout="constrained")
for axis, (slope, start, nudge, title) in zip(
    axes, [(1, 0, 0.2, "a clear crossing"), (-0.8, 1.8, 0.2, "almost the same line")]
):
    axis.plot(x, 2 - x, label="x + y = 2")
    axis.plot(x, start + slope * x, "C1", label="the other")
    axis.plot(x, start - nudge + slope * x, "C1--", label="nudged")
    for total in (start, start - nudge):
        crossing = (2 - total) / (1 + slope)
        axis.plot(crossing, 2 - crossing, "C3o")
    axis.set(title=title, xlabel="x", xlim=(0, 2.2), ylim=(-0.1, 2.2))
axes[0].set_ylabel("y")
axes[1].legend(fontsize=8, loc="upper right")
plt.show()

# %% Solving needs floats tags=["raises-exception"]
torch.linalg.solve(baskets.long(), totals.long())

# %% Two totals for three baskets tags=["raises-exception"]
torch.linalg.solve(baskets, totals[:2])

# %% Twice the same receipt tags=["raises-exception"]
twice = torch.tensor([[1.0, 2.0], [2.0, 4.0]])
torch.linalg.solve(twice, torch.ones(2))

# %% No inverse either tags=["raises-exception"]
torch.linalg.inv(twice)

# %% One thousandth moves a whole unit
nearly = torch.tensor([[1.0, 1.0], [1.0, 1.001]], dtype=torch.float64)
sums = torch.tensor([2.0, 2.001], dtype=torch.float64)
nudged = torch.tensor([2.0, 2.002], dtype=torch.float64)
print(torch.linalg.solve(nearly, sums))
print(torch.linalg.solve(nearly, nudged))
print(f"{torch.linalg.cond(nearly):.0f}")

# %% The inverse misses
n = torch.arange(1, 11, dtype=torch.float64)
hilbert = 1 / (n[:, None] + n - 1)
target = hilbert.sum(dim=1)  # so x = (1, …, 1)
solved = torch.linalg.solve(hilbert, target)
inverted = torch.linalg.inv(hilbert) @ target
for name, guess in [("solve", solved), ("inv", inverted)]:
    miss = (hilbert @ guess - target).abs().max().item()
    print(f"{name:6} {miss < 1e-14 = !s:6} {miss > 1e-6 = !s}")

# %% Singular on paper
paper = torch.tensor([[0.1, 0.7], [0.3, 2.1]], dtype=torch.float64)
inverse = torch.linalg.inv(paper)
print(inverse.isfinite().all(), (inverse.abs() > 1e14).all())
print(torch.linalg.matrix_rank(paper))

# %% A determinant of zero
shrink = 0.1 * torch.eye(50)
print(torch.linalg.det(shrink))
print(torch.linalg.cond(shrink))
print(torch.linalg.slogdet(shrink))

# %% Vectors, not a matrix
systems = baskets.expand(3, 3, 3)  # three systems of three equations
right_sides = torch.tensor([[18.0, 0.0, 0.0], [7.0, 0.0, 0.0], [11.0, 0.0, 0.0]])
as_vectors = torch.linalg.solve(systems, right_sides)
as_columns = torch.linalg.solve(systems, right_sides[None])
print(as_vectors.shape, as_columns.shape)
print(as_columns[0])

# %% A line through five points
day = torch.arange(5.0)
height = torch.tensor([1.0, 3.0, 2.0, 5.0, 4.0])
design = torch.stack([day, torch.ones(5)], dim=1)  # (5, 2)
line = torch.linalg.lstsq(design, height[:, None]).solution  # (2, 1)
fitted = (design @ line).squeeze(1)
print(line)

# %% The misses, drawn
fig, axis = plt.subplots(figsize=(5, 2.5), layout="constrained")
axis.plot(day, fitted, label="least squares")
axis.plot(day, height, "o", label="measured")
axis.vlines(day, fitted, height, linestyles="dotted", color="gray")
axis.set(xlabel="day", ylabel="height", title="The line with the smallest squares")
axis.legend()
plt.show()

# %% Two columns that say the same
doubled = torch.stack([day, 2 * day, torch.ones(5)], dim=1)  # (5, 3)
print(torch.linalg.matrix_rank(doubled))
shared = torch.linalg.lstsq(doubled, height[:, None], driver="gelsd").solution
print(shared)

# %% Directions that only stretch
symmetric = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
stretch, directions = torch.linalg.eigh(symmetric)
print(stretch)
torch.testing.assert_close(symmetric @ directions, directions * stretch)

# %% Half the matrix is read
lopsided = torch.tensor([[2.0, 999.0], [1.0, 2.0]])
torch.linalg.eigvalsh(lopsided)

# %% A quarter turn keeps no direction
quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
values, vectors = torch.linalg.eig(quarter)
values

# %% A photo in three parts
from matplotlib.cbook import get_sample_data

with get_sample_data("grace_hopper.jpg") as picture:
    photo = torch.tensor(plt.imread(picture))[::4, ::4].float().mean(dim=2)
U, sigma, Vh = torch.linalg.svd(photo, full_matrices=False)
print(U.shape, sigma.shape, Vh.shape)


# %% Thirty columns show a face
def keep(rank):
    return U[:, :rank] * sigma[:rank] @ Vh[:rank]


fig, axes = plt.subplots(1, 3, figsize=(7, 3), layout="constrained")
for axis, rank in zip(axes, (3, 10, 30)):
    numbers = rank * (150 + 128 + 1)
    axis.imshow(keep(rank), cmap="gray", interpolation="none", vmin=0, vmax=255)
    axis.set_title(f"rank {rank}, {numbers / photo.numel():.0%}")
    axis.set_axis_off()
plt.show()

# %% Two triangles and an order
order, lower, upper = torch.linalg.lu(baskets)
print(lower)
print(upper)

# %% Factor once, solve often
factors = torch.linalg.lu_factor(baskets)
for receipts in (totals, totals + 1):
    answer = torch.linalg.lu_solve(*factors, receipts[:, None]).squeeze(1)
    torch.testing.assert_close(answer, torch.linalg.solve(baskets, receipts))

# %% A square root, and a right angle
root = torch.linalg.cholesky(symmetric)
Q, R = torch.linalg.qr(design)
print(root)
print(R.shape, (R == R.triu()).all())

# %% Not positive definite tags=["raises-exception"]
saddle = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
torch.linalg.cholesky(saddle)

# %% Old names, asked today tags=["hide-input"]
import warnings

spd = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
rhs = torch.tensor([[1.0], [2.0]])
low = torch.tensor([[2.0, 0.0], [1.0, 3.0]])


def ask(old, new):
    """Whether the old call still answers, and warns; its answer must be the new one's."""
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = old()
        except RuntimeError:
            return "removed"
    torch.testing.assert_close(answer, new)
    return "warns" if caught else "quiet"


# %% The removed one explains itself tags=["raises-exception"]
torch.matrix_rank(spd)

# %% The same two, another norm
print(torch.norm(low, 2))
print(torch.linalg.norm(low, 2))

# %% Exercise: cosine similarity tags=["exercise"]
from itertools import product

songs = torch.tensor([[3.0, 4.0, 0.0], [6.0, 8.0, 0.0], [0.0, 0.0, 2.0], [0.0, -5.0, 0.0]])


def similarity_spec(a):
    out = torch.zeros(len(a), len(a))
    for i, j in product(range(len(a)), repeat=2):
        lengths = a[i].square().sum().sqrt() * a[j].square().sum().sqrt()
        out[i, j] = torch.dot(a[i], a[j]) / lengths
    return out


def similarity(a):
    """The cosine of the angle between every two rows, from one product."""
    return a @ a.T


torch.testing.assert_close(similarity(songs), similarity_spec(songs))


# %% Solution: cosine similarity tags=["solution"]
def similarity(a):
    """The cosine of the angle between every two rows, from one product."""
    unit = a / torch.linalg.vector_norm(a, dim=1, keepdim=True)
    return unit @ unit.T


torch.testing.assert_close(similarity(songs), similarity_spec(songs))


# %% Wrong: one length of the two tags=["wrong"]
def similarity(a):
    return a @ a.T / torch.linalg.vector_norm(a, dim=1, keepdim=True)


# %% Wrong: the length of everything tags=["wrong"]
def similarity(a):
    unit = a / torch.linalg.norm(a)
    return unit @ unit.T


# %% Wrong: opposite ways are alike tags=["wrong"]
def similarity(a):
    unit = a / torch.linalg.vector_norm(a, dim=1, keepdim=True)
    return (unit @ unit.T).abs()


# %% Wrong: each column of length 1 tags=["wrong"]
def similarity(a):
    unit = a / torch.linalg.vector_norm(a, dim=0)
    return unit @ unit.T


# %% Exercise: divide from the right tags=["exercise"]
wanted = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def right_divide(b, a):
    """The x with x @ a equal to b. No inverse."""
    return torch.linalg.solve(a, b.T)


torch.testing.assert_close(right_divide(wanted, baskets) @ baskets, wanted)
torch.testing.assert_close(right_divide(target[None], hilbert) @ hilbert, target[None])


# %% Solution: divide from the right tags=["solution"]
def right_divide(b, a):
    """The x with x @ a equal to b. No inverse."""
    return torch.linalg.solve(a, b, left=False)


torch.testing.assert_close(right_divide(wanted, baskets) @ baskets, wanted)
torch.testing.assert_close(right_divide(target[None], hilbert) @ hilbert, target[None])
torch.testing.assert_close(right_divide(wanted, baskets), torch.linalg.solve(baskets.T, wanted.T).T)


# %% Wrong: times the inverse tags=["wrong"]
def right_divide(b, a):
    return b @ torch.linalg.inv(a)


# %% Wrong: the matrix not transposed tags=["wrong"]
def right_divide(b, a):
    return torch.linalg.solve(a, b.T).T


# %% Wrong: not transposed back tags=["wrong"]
def right_divide(b, a):
    return torch.linalg.solve(a.T, b.T)


# %% Exercise: a curve instead of a line tags=["exercise"]
def fit(x, y, degree):
    """The c for which c[0] + c[1] * x + c[2] * x**2 + … misses y least."""
    design = torch.stack([torch.ones_like(x), x], dim=1)
    return torch.linalg.lstsq(design, y[:, None]).solution.squeeze(1)


days, heights = day.double(), height.double()
for degree in (0, 1, 2, 4):
    curve = fit(days, heights, degree)
    powers = torch.stack([days**k for k in range(degree + 1)], dim=1)
    assert curve.shape == (degree + 1,), curve.shape
    misses = heights - powers @ curve
    torch.testing.assert_close(powers.T @ misses, days.new_zeros(degree + 1), atol=1e-6, rtol=0)


# %% Solution: a curve instead of a line tags=["solution"]
def fit(x, y, degree):
    """The c for which c[0] + c[1] * x + c[2] * x**2 + … misses y least."""
    powers = x[:, None] ** torch.arange(degree + 1)  # (point, power)
    return torch.linalg.lstsq(powers, y[:, None]).solution.squeeze(1)


for degree in (0, 1, 2, 4):
    curve = fit(days, heights, degree)
    powers = torch.stack([days**k for k in range(degree + 1)], dim=1)
    assert curve.shape == (degree + 1,), curve.shape
    misses = heights - powers @ curve
    torch.testing.assert_close(powers.T @ misses, days.new_zeros(degree + 1), atol=1e-6, rtol=0)


# %% Wrong: the highest power first tags=["wrong"]
def fit(x, y, degree):
    powers = x[:, None] ** torch.arange(degree, -1, -1)
    return torch.linalg.lstsq(powers, y[:, None]).solution.squeeze(1)


# %% Wrong: nothing but the mean tags=["wrong"]
def fit(x, y, degree):
    return torch.cat([y.mean()[None], y.new_zeros(degree)])


# %% Exercise: an inverse for any matrix tags=["exercise"]
def pseudo_inverse(a):
    """torch.linalg.pinv(a), from the singular value decomposition."""
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    return Vh.T / sigma @ U.T


unequal = torch.diag(torch.tensor([1.0, 1e-9], dtype=torch.float64))
for a in (baskets, design, doubled, design.T, 1e-8 * baskets, nearly, unequal):
    torch.testing.assert_close(pseudo_inverse(a), torch.linalg.pinv(a), atol=1e-5, rtol=1e-4)


# %% Solution: an inverse for any matrix tags=["solution"]
def pseudo_inverse(a):
    """torch.linalg.pinv(a), from the singular value decomposition."""
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    kept = sigma > max(a.shape) * torch.finfo(a.dtype).eps * sigma[0]
    return Vh[kept].mH / sigma[kept] @ U[:, kept].mH


for a in (baskets, design, doubled, design.T, 1e-8 * baskets, nearly, unequal):
    torch.testing.assert_close(pseudo_inverse(a), torch.linalg.pinv(a), atol=1e-5, rtol=1e-4)


# %% Wrong: what is not exactly zero tags=["wrong"]
def pseudo_inverse(a):
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    kept = sigma > 0
    return Vh[kept].T / sigma[kept] @ U[:, kept].T


# %% Wrong: a threshold for one scale tags=["wrong"]
def pseudo_inverse(a):
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    kept = sigma > 1e-6
    return Vh[kept].T / sigma[kept] @ U[:, kept].T


# %% Wrong: the normal equations tags=["wrong"]
def pseudo_inverse(a):
    return torch.linalg.inv(a.T @ a) @ a.T


# %% Wrong: a thousandth of the largest tags=["wrong"]
def pseudo_inverse(a):
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    kept = sigma > 1e-3 * sigma[0]
    return Vh[kept].T / sigma[kept] @ U[:, kept].T


# %% Wrong: what float32 rounds, in float64 tags=["wrong"]
def pseudo_inverse(a):
    U, sigma, Vh = torch.linalg.svd(a, full_matrices=False)
    kept = sigma > 1e-6 * sigma[0]
    return Vh[kept].T / sigma[kept] @ U[:, kept].T
