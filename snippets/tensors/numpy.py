"""NumPy: what a tensor and an array share, a dictionary, and where they part."""

# %% There and back
import numpy as np
import torch

readings = np.array([[0.5, 1.5, 2.5]])
batch = torch.from_numpy(readings).float()  # a float32 tensor
print(batch, batch.dtype)
back = batch.numpy()
print(back, back.dtype)

# %% An array of the same numbers
tensor = torch.ones(5)
array = tensor.numpy()
tensor.add_(6)
print(array)

# %% The other way round
table = np.zeros((2, 3))
grid = torch.from_numpy(table)
table += 2
grid[0, 0] = 9
print(table)
print(grid)

# %% Views of views still share
turned = grid.T.numpy()
corner = torch.from_numpy(turned[1:])
corner.zero_()
print(table)
print(f"{turned.strides = }")
print(f"{corner.stride() = }")

# %% An equals sign cuts the bridge
table = table + 1
print(table)
print(grid)

# %% The dtype crosses over
for dtype in ("float64", "float32", "int64", "uint8", "bool", "complex64"):
    print(f"{dtype:10} {torch.from_numpy(np.zeros(2, dtype=dtype)).dtype}")

# %% Twice as wide as the model tags=["raises-exception"]
model = torch.nn.Linear(3, 1)
model(torch.from_numpy(readings))

# %% The loss accepts it quietly
from torch.nn import functional as F

guess = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
answers = torch.from_numpy(readings)
loss = F.mse_loss(guess, answers)
print(loss.dtype)

# %% One set of numbers, twice tags=["hide-input"]
a = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
v = np.array([1.0, 2.0, 4.0, 8.0])
m = np.array([[2.0, 1.0], [1.0, 3.0]])
x, w, n = torch.tensor(a), torch.tensor(v), torch.tensor(m)
i, j = a.argsort(axis=1), x.argsort(dim=1)


def agree(left, right):
    """Whether shapes and numbers agree; if only the dtypes do not, which they are."""
    if isinstance(left, (list, tuple)):
        answers = {agree(*pair) for pair in zip(left, right, strict=True)}
        return answers.pop() if len(answers) == 1 else "DIFFERENT"
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape or not np.allclose(left, right):
        return "DIFFERENT"
    return "same" if left.dtype == right.dtype else f"{left.dtype} / {right.dtype}"


# %% The first true place tags=["raises-exception"]
print(np.argmax(v > 3))
torch.argmax(w > 3)

# %% A copy in one, a view in the other
flat_array, flat_tensor = m.flatten(), n.flatten()
same_array, same_tensor = m.astype(m.dtype), n.to(n.dtype)
print(f"{np.shares_memory(flat_array, m) = }, {np.shares_memory(flat_tensor, n) = }")
print(f"{same_array is m = }, {same_tensor is n = }")

# %% Sorted in place, or not at all
scores = np.array([3, 1, 2])
ranks = torch.tensor([3, 1, 2])
scores.sort()
ranks.sort()
print(scores)
print(ranks)

# %% Who shares, who copies
ones64 = np.ones(3)
ones32 = torch.ones(3)
shares = np.shares_memory

# %% Copying with a warning
copied = np.array(tensor)

# %% Not while gradients are recorded tags=["raises-exception"]
weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
weight.numpy()

# %% Detached, and still the same memory
window = weight.detach().numpy()
window[0] = 50.0
print(weight)

# %% No such dtype in NumPy tags=["raises-exception"]
half = torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16)
half.numpy()

# %% A reversed array tags=["raises-exception"]
countdown = np.arange(4)[::-1]
torch.from_numpy(countdown)

# %% Text has no tensor tags=["raises-exception"]
torch.from_numpy(np.array(["red", "green"]))

# %% Tensor first, and it works
distance = torch.tensor([1.0, 2.0])
time = np.array([4.0, 8.0])
product = distance * time
print(product)

# %% Array first, and it does not tags=["raises-exception"]
time * distance

# %% The error that names concatenation tags=["raises-exception"]
time + distance

# %% In place, and not in place
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # seen above
total = torch.zeros(2)
alias = total
total += time
print(f"{total = }")
print(f"{alias = }")

# %% What torch makes of an array tags=["raises-exception"]
torch.mean(time)

# %% What NumPy makes of a tensor
np.sqrt(distance)

# %% A method of the same name tags=["raises-exception"]
np.mean(distance)

# %% Read-only in NumPy only
constant = np.arange(3.0)
constant.flags.writeable = False
leak = torch.from_numpy(constant)
leak[0] = 9
print(constant, constant.flags.writeable)

# %% Borrowed memory does not grow tags=["raises-exception"]
borrowed = torch.from_numpy(np.zeros(6))
borrowed.resize_(100)

# %% Refused, and half done
print(f"{borrowed.shape = }")
print(f"{borrowed.untyped_storage().nbytes() = }")
del borrowed  # reading it would run past the end

# %% DLPack does not survive it
import multiprocessing
import os


def reversed_by_dlpack():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # hide the C++ stack
    torch.from_dlpack(countdown)


child = multiprocessing.get_context("fork").Process(target=reversed_by_dlpack)
child.start()
child.join()
print(f"{child.exitcode = }")

# %% A NumPy float is only a number
half_array = np.ones(2, dtype=np.float32) * np.float64(0.5)
half_tensor = torch.ones(2) * np.float64(0.5)
print(half_array.dtype, half_tensor.dtype)

# %% Three ways to one number
mean = torch.tensor([0.1, 0.2]).mean()
print([mean])
print([np.array([0.1, 0.2]).mean()])
print([mean.item()])

# %% Detach what you plot
import matplotlib.pyplot as plt

times = torch.linspace(0, 6, 200)
wave = weight[1] * times.sin()
fig, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
axes.plot(times, wave.detach(), label="wave.detach()")
axes.plot(times, wave.detach().cummax(0).values, label="its maximum so far")
axes.set(title="Tensors on a plot", xlabel="time", ylabel="wave")
_ = axes.legend()

# %% Channels first are no picture tags=["raises-exception"]
plt.imshow(torch.zeros(3, 4, 5))


# %% Exercise: an array from any tensor tags=["exercise"]
def to_numpy(t):
    """The numbers of a guest as an array."""
    return t.detach().numpy()


guests = [
    weight,
    torch.tensor([1 + 2j, 3 - 1j]).conj(),
    torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
    torch.eye(2).to_sparse(),
]
for guest in guests:
    assert to_numpy(guest).tolist() == guest.to_dense().tolist()
assert to_numpy(weight).dtype == to_numpy(guests[-1]).dtype == np.float32, "another dtype"


# %% Solution: an array from any tensor tags=["solution"]
def to_numpy(t):
    """The numbers of a guest as an array."""
    t = t.to_dense()
    if t.dtype == torch.bfloat16:
        t = t.float()
    return t.numpy(force=True)


for guest in guests:
    assert to_numpy(guest).tolist() == guest.to_dense().tolist()


# %% Wrong: floats for everybody tags=["wrong"]
def to_numpy(t):
    return t.detach().to_dense().float().numpy()


# %% Wrong: through a list tags=["wrong"]
def to_numpy(t):
    return np.array(t.to_dense().tolist())


# %% Wrong: the sparse one through a list tags=["wrong"]
def to_numpy(t):
    if t.is_sparse:
        return np.array(t.to_dense().tolist())
    if t.dtype == torch.bfloat16:
        t = t.float()
    return t.numpy(force=True)


# %% Wrong: no dtype converted tags=["wrong"]
def to_numpy(t):
    return t.to_dense().numpy(force=True)


# %% Exercise: translate a function tags=["exercise"]
def outliers_spec(a):
    """Mark what lies further from its column's median than its spread."""
    middle = np.median(a, axis=0, keepdims=True)
    spread = a.std(axis=0, keepdims=True)
    return np.abs(a - middle) > spread


def outliers(x):
    middle = x.median(dim=0, keepdim=True).values
    spread = x.std(dim=0, keepdim=True)
    return (x - middle).abs() > spread


sample = np.array([[1.0, 1.0], [2.0, 4.0], [6.0, 8.0], [8.0, 9.0]])
assert np.array_equal(outliers(torch.tensor(sample)), outliers_spec(sample)), outliers(torch.tensor(sample))


# %% Solution: translate a function tags=["solution"]
def outliers(x):
    middle = x.quantile(0.5, dim=0, keepdim=True)
    spread = x.std(dim=0, keepdim=True, correction=0)
    return (x - middle).abs() > spread


assert np.array_equal(outliers(torch.tensor(sample)), outliers_spec(sample)), outliers(torch.tensor(sample))


# %% Wrong: the median alone tags=["wrong"]
def outliers(x):
    middle = x.quantile(0.5, dim=0, keepdim=True)
    return (x - middle).abs() > x.std(dim=0, keepdim=True)


# %% Wrong: the spread alone tags=["wrong"]
def outliers(x):
    middle = x.median(dim=0, keepdim=True).values
    return (x - middle).abs() > x.std(dim=0, keepdim=True, correction=0)


# %% Wrong: the mean for the median tags=["wrong"]
def outliers(x):
    middle = x.mean(dim=0, keepdim=True)
    return (x - middle).abs() > x.std(dim=0, keepdim=True, correction=0)


# %% Exercise: the first true place tags=["exercise"]
def first_true(mask):
    """Index of the first True in each row, like np.argmax on booleans."""
    return mask.nonzero()[:, 1]


seen = np.array([[False, True, True], [False, False, False], [True, False, True]])
for mask in (seen, np.arange(33)[None] % 7 == 3):
    assert first_true(torch.tensor(mask)).tolist() == mask.argmax(axis=1).tolist(), first_true(torch.tensor(mask))


# %% Solution: the first true place tags=["solution"]
def first_true(mask):
    """Index of the first True in each row, like np.argmax on booleans."""
    return mask.int().argmax(dim=1)


for mask in (seen, np.arange(33)[None] % 7 == 3):
    assert first_true(torch.tensor(mask)).tolist() == mask.argmax(axis=1).tolist(), first_true(torch.tensor(mask))


# %% Wrong: along the other axis tags=["wrong"]
def first_true(mask):
    return mask.int().argmax(dim=0)


# %% Wrong: how many are false tags=["wrong"]
def first_true(mask):
    return (~mask).sum(dim=1)


# %% Wrong: the last one tags=["wrong"]
def first_true(mask):
    return mask.size(1) - 1 - mask.int().flip(1).argmax(dim=1)
