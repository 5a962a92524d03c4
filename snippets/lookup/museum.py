"""Drift museum: the code of three older tutorials, an output a cell, in their order."""

# %% Spaces do not count
import torch

then = "tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]])"
today = repr(torch.arange(9).reshape(3, 3))
print(today)
print(then == today, then.split() == today.split(), "".join(then.split()) == "".join(today.split()))

# %% Unwritten memory reads nan tags=["remove-cell"]
import numpy as np
import torch
from torch.autograd import Variable

torch.use_deterministic_algorithms(True)

# %% Foundations: two seeds tags=["remove-cell", "volatile"]
np.random.seed(1234)
torch.manual_seed(1234)

# %% Foundations: a draw tags=["remove-cell"]
x = torch.randn(2, 3)
print(f"Type: {x.type()}")
print(f"Size: {x.shape}")
print(f"Values: \n{x}")

# %% Foundations: zeros and ones tags=["remove-cell"]
print(torch.zeros(2, 3))
print(torch.ones(2, 3))

# %% Foundations: a list tags=["remove-cell"]
x = torch.Tensor([[1, 2, 3], [4, 5, 6]])
print(f"Size: {x.shape}")
print(f"Values: \n{x}")

# %% Foundations: an array tags=["remove-cell"]
x = torch.Tensor(np.random.rand(2, 3))
print(f"Size: {x.shape}")
print(f"Values: \n{x}")

# %% Foundations: two types tags=["remove-cell"]
x = torch.Tensor(3, 4)
print(f"Type: {x.type()}")
x = x.long()
print(f"Type: {x.type()}")

# %% Foundations: a sum of two draws tags=["remove-cell"]
x = torch.randn(2, 3)
y = torch.randn(2, 3)
z = x + y
print(f"Size: {z.shape}")
print(f"Values: \n{z}")

# %% Foundations: a product tags=["remove-cell"]
z = torch.mm(torch.randn(2, 3), torch.randn(3, 2))
print(f"Size: {z.shape}")
print(f"Values: \n{z}")

# %% Foundations: a transpose tags=["remove-cell"]
x = torch.randn(2, 3)
print(f"Size: {x.shape}")
print(f"Values: \n{x}")
y = torch.t(x)
print(f"Size: {y.shape}")
print(f"Values: \n{y}")

# %% Foundations: a reshape tags=["remove-cell"]
z = torch.randn(2, 3).view(3, 2)
print(f"Size: {z.shape}")
print(f"Values: \n{z}")

# %% Foundations: a reshape that mixes tags=["remove-cell"]
x = torch.tensor(
    [
        [[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]],
        [[10, 10, 10, 10], [20, 20, 20, 20], [30, 30, 30, 30]],
    ]
)
print(f"Size: {x.shape}")
print(f"x: \n{x}\n")
a = x.view(x.size(1), -1)
print(f"\nSize: {a.shape}")
print(f"a: \n{a}\n")
b = x.transpose(0, 1).contiguous()
print(f"\nSize: {b.shape}")
print(f"b: \n{b}\n")
c = b.view(b.size(0), -1)
print(f"\nSize: {c.shape}")
print(f"c: \n{c}")

# %% Foundations: sums tags=["remove-cell"]
x = torch.randn(2, 3)
print(f"Values: \n{x}")
print(f"Values: \n{torch.sum(x, dim=0)}")
print(f"Values: \n{torch.sum(x, dim=1)}")

# %% Foundations: slices tags=["remove-cell"]
x = torch.randn(3, 4)
print(f"x: \n{x}")
print(f"x[:1]: \n{x[:1]}")
print(f"x[:1, 1:3]: \n{x[:1, 1:3]}")

# %% Foundations: lists of places tags=["remove-cell"]
x = torch.randn(2, 3)
print(f"Values: \n{x}")
columns = torch.LongTensor([0, 2])
print(f"Values: \n{torch.index_select(x, dim=1, index=columns)}")
print(f"Values: \n{x[torch.LongTensor([0, 1]), columns]}")

# %% Foundations: a concatenation tags=["remove-cell"]
x = torch.randn(2, 3)
print(f"Values: \n{x}")
print(f"Values: \n{torch.cat([x, x], dim=0)}")

# %% Foundations: a gradient tags=["remove-cell"]
x = torch.rand(3, 4, requires_grad=True)
(3 * x + 2).mean().backward()
print(f"x: \n{x}")
print(f"x.grad: \n{x.grad}")

# %% Foundations: is there a GPU tags=["remove-cell"]
print(torch.cuda.is_available())

# %% Foundations: is there a GPU now tags=["remove-cell"]
print(torch.cuda.is_available())

# %% Foundations: the device tags=["remove-cell"]
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(device)

# %% Foundations: a trip to the device tags=["remove-cell"]
print(torch.rand(2, 3).is_cuda)
print(torch.rand(2, 3).to(device).is_cuda)

# %% A seed of ours for MindNote tags=["remove-cell"]
torch.manual_seed(0)
np.random.seed(0)

# %% MindNote: unwritten memory tags=["remove-cell"]
torch.empty(5, 5)

# %% MindNote: a list tags=["remove-cell"]
torch.FloatTensor([[20, 30, 40], [90, 60, 70]])

# %% MindNote: a matrix called random tags=["remove-cell"]
a = torch.Tensor(3, 3)
print(a)
print(torch.randn(4, 4))

# %% MindNote: a size tags=["remove-cell"]
print(a)
print(a.size())

# %% MindNote: the identity tags=["remove-cell"]
torch.eye(6)

# %% MindNote: a sum of two draws tags=["remove-cell"]
x = torch.rand(3, 3)
y = torch.rand(3, 3)
z = x + y
print("z:", z, "\nx: ", x, "\ny:", y)

# %% MindNote: torch.add tags=["remove-cell"]
torch.add(x, y)

# %% MindNote: a sum in place tags=["remove-cell"]
x.add_(y)

# %% MindNote: x after it tags=["remove-cell"]
print(x)

# %% MindNote: times five tags=["remove-cell"]
print(x * 5)
print(torch.mul(x, 5))
print(x.mul_(5))

# %% MindNote: a transpose tags=["remove-cell"]
x.transpose(1, 0)

# %% MindNote: concatenations tags=["remove-cell"]
a = torch.rand(4, 3)
b = torch.rand(4, 3)
print(torch.cat((a, b), 0))
print(torch.cat((a, b), 1))

# %% MindNote: a column tags=["remove-cell"]
a[:, 2]

# %% MindNote: a row tags=["remove-cell"]
a[2, :]

# %% MindNote: three sizes tags=["remove-cell"]
x = torch.rand(4, 4)
y = x.view(-1, 16)
print(y)
print(x.flatten())
print(x.size(), y.size(), x.view(2, 8).size())

# %% MindNote: ones, and their type tags=["remove-cell"]
a = torch.ones(5, 4)
print(a)
print(type(a))

# %% MindNote: an array tags=["remove-cell"]
print(type(a.numpy()))

# %% MindNote: an array in another shape tags=["remove-cell"]
b = a.numpy().reshape(4, -1)
print(b)

# %% MindNote: back from NumPy tags=["remove-cell"]
print(torch.from_numpy(b))

# %% MindNote: a draw of NumPy's tags=["remove-cell"]
print(torch.from_numpy(np.random.rand(3, 4)))

# %% MindNote: five attributes tags=["remove-cell", "volatile"]
x = torch.tensor(1.0, requires_grad=True)
y = torch.tensor(2.0)
z = x * y
for tensor, name in zip([x, y, z], "xyz"):
    print(name)
    print(f"    data: {tensor.data}")
    print(f"    requires_grad: {tensor.requires_grad}")
    print(f"    grad: {tensor.grad}")
    print(f"    grad_fn: {tensor.grad_fn}")
    print(f"    is_leaf: {tensor.is_leaf}")

# %% MindNote: a Variable tags=["remove-cell"]
x = Variable(torch.ones(4, 3), requires_grad=True)
print(x)

# %% MindNote: plus five tags=["remove-cell"]
y = x + 5
print(y)

# %% MindNote: a grad_fn tags=["remove-cell", "volatile"]
print(y.grad_fn)

# %% MindNote: a mean tags=["remove-cell"]
z = y * y * 5
out = z.mean()
print(z, out)

# %% MindNote: a gradient tags=["remove-cell"]
out.backward()
print(x.grad)

# %% MindNote: doubled until it is large tags=["remove-cell"]
x = Variable(torch.randn(2, 2), requires_grad=True)
y = x * 2
while y.data.norm() < 1000:
    y = y * 2
print(y.data.norm())
print(y)
y.backward(torch.FloatTensor(torch.rand(2, 2)))
print(x.grad)

# %% A seed of ours for the notes tags=["remove-cell"]
torch.manual_seed(0)
np.random.seed(0)

# %% Notes: a list tags=["remove-cell"]
torch.tensor([3, 5, 4])

# %% Notes: a range in rows tags=["remove-cell"]
torch.arange(0, 9).reshape((3, 3))

# %% Notes: unwritten memory tags=["remove-cell"]
torch.empty(3)

# %% Notes: a draw tags=["remove-cell"]
torch.rand(3)

# %% Notes: ones tags=["remove-cell"]
torch.ones(4)

# %% Notes: zeros tags=["remove-cell"]
torch.zeros(4)

# %% Notes: the default dtype tags=["remove-cell"]
torch.ones(3).dtype

# %% Notes: another dtype tags=["remove-cell"]
torch.ones(3, dtype=torch.int)

# %% Notes: no axis tags=["remove-cell"]
torch.tensor(1).shape

# %% Notes: one axis tags=["remove-cell"]
torch.tensor([1, 2]).shape

# %% Notes: two axes tags=["remove-cell"]
torch.tensor([[1, 2], [3, 4]]).shape

# %% Notes: three axes tags=["remove-cell"]
torch.ones(3, 4, 2).size()

# %% Notes: a sum tags=["remove-cell"]
x = torch.tensor([1, 2, 3])
y = torch.tensor([7, 8, 9])
x + y

# %% Notes: unwritten memory is zero tags=["remove-cell"]
torch.empty(4) == torch.zeros(4)

# %% Notes: a row tags=["remove-cell"]
torch.arange(0, 9).reshape((3, 3))[0]

# %% Notes: a column tags=["remove-cell"]
torch.arange(0, 9).reshape((3, 3))[:, 0]

# %% Notes: an element tags=["remove-cell"]
torch.arange(0, 9).reshape((3, 3))[1, 1]

# %% Notes: a number tags=["remove-cell"]
torch.tensor([[4]]).item()

# %% Notes: a view tags=["remove-cell"]
torch.ones(3, 4).view(12)

# %% Notes: a transpose tags=["remove-cell"]
a = torch.arange(6).reshape(2, 3)
b = a.T
b.is_contiguous()

# %% Notes: one memory tags=["remove-cell"]
a = torch.arange(6).reshape(2, 3)
b = a.numpy()
a.add_(6)
b

# %% Notes: from NumPy tags=["remove-cell"]
a = np.ones(5)
b = torch.from_numpy(a)
b

# %% Notes: from NumPy, changed tags=["remove-cell"]
a += 2
b

# %% Notes: a power tags=["remove-cell"]
a = torch.tensor(1.0, requires_grad=True)
b = a**2
b

# %% Notes: a product tags=["remove-cell"]
c = 5 * b
c

# %% Notes: a gradient tags=["remove-cell"]
c.backward()
a.grad

# %% Notes: no gradient asked for tags=["remove-cell", "raises-exception"]
a = torch.tensor(1.0, requires_grad=False)
b = a**2
b.backward()

# %% Notes: backward of two numbers tags=["remove-cell", "raises-exception"]
a = torch.tensor([1.0, 1.0], requires_grad=True)
b = a**2
b.backward()

# %% Notes: a draw with a gradient tags=["remove-cell"]
x = torch.rand(3, requires_grad=True)
x

# %% Notes: plus two tags=["remove-cell"]
y = x + 2
y

# %% Notes: the gradient of three numbers tags=["remove-cell"]
y.backward(torch.tensor([0.1, 0.1, 0.001]))
x.grad

# %% Notes: requires_grad_(False) tags=["remove-cell"]
x = torch.rand(3, requires_grad=True)
x.requires_grad_(False)

# %% Notes: detach tags=["remove-cell"]
x = torch.rand(3, requires_grad=True)
x.detach()

# %% Notes: no_grad tags=["remove-cell"]
x = torch.rand(3, requires_grad=True)
with torch.no_grad():
    y = x + 2
    print(y)

# %% Notes: a gradient set to zero tags=["remove-cell"]
weights = torch.ones(4, requires_grad=True)
printed = set()
for epoch in range(3):
    (weights * 3).sum().backward()
    printed.add(str(weights.grad))
    weights.grad.zero_()
print(*printed)  # one line: always the same

# %% Notes: gradient descent tags=["remove-cell"]
X = np.array([1, 2, 3, 4], dtype=np.float32)
Y = np.array([2, 4, 6, 8], dtype=np.float32)
w = 0.0
print(f"Prediction before training: f(5) = {w * 5:.3f}")
for epoch in range(20):
    predicted = w * X
    loss = ((predicted - Y) ** 2).mean()
    w -= 0.01 * np.dot(2 * X, predicted - Y).mean()
    if epoch % 2 == 0:
        print(f"Epoch {epoch + 1}: w = {w:.3f}, loss = {loss:.8f}")
print(f"Prediction after training: f(5) = {w * 5:.3f}")
