"""backward(v): gradients of many outputs, the whole Jacobian, gradients that add up, and hooks."""

# %% One number for each output
import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2  # three outputs
v = torch.tensor([1.0, 10.0, 100.0])  # one number for each
y.backward(v)
print(x.grad)

# %% Each row counts v times tags=["hide-input"]
import matplotlib.pyplot as plt

per_output = torch.func.jacrev(torch.square)(x.detach())  # (output, input)
fig, ax = plt.subplots(figsize=(6, 2.3))
numbers = {(0, row): v[row] for row in range(3)}
numbers |= {(1 + column, row): per_output[row, column] for row in range(3) for column in range(3)}
numbers |= {(1 + column, 3.3): x.grad[column] for column in range(3)}
for (across, down), number in numbers.items():
    color = "C1" if across == 0 else "C2" if down > 3 else "C0"
    ax.add_patch(plt.Rectangle((across - 0.42, down - 0.42), 0.84, 0.84, color=color, alpha=0.3))
    ax.text(across, down, f"{number:g}", ha="center", va="center")
for row in range(3):
    ax.text(0.5, row, "×", ha="center", va="center")
    ax.text(3.6, row, f"slopes of output {row}", va="center")
ax.text(0, -0.65, "v", ha="center")
ax.text(2, -0.65, "for x[0], x[1], x[2]", ha="center")
ax.text(3.6, 3.3, "added up, in x.grad", va="center")
ax.set(xlim=(-0.8, 6), ylim=(3.8, -1.1))
ax.set_axis_off()
plt.show()

# %% A weighted sum does the same
x.grad = None
y = x**2
total = (v * y).sum()
total.backward()
print(x.grad)

# %% Two outputs from three inputs
table = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (output, input)
inputs = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
outputs = table @ inputs
v = torch.tensor([1.0, 10.0])
outputs.backward(v)
print(inputs.grad)

# %% Nobody said which output tags=["raises-exception"]
outputs = table @ inputs
outputs.backward()

# %% As long as the inputs tags=["raises-exception"]
outputs.backward(torch.tensor([1.0, 10.0, 100.0]))

# %% The default has no axes tags=["raises-exception"]
loss = (table @ inputs).sum()
loss.backward(torch.ones(1, 1))

# %% Doubled until it is long
point = torch.tensor([1.0, 2.0, 2.0], requires_grad=True)  # length 3
far = point * 2
while far.norm() < 1000:
    far = far * 2
far.backward(torch.tensor([0.1, 1.0, 0.01]))
print(far)
print(point.grad)

# %% A sum hands v on
point.grad = None
plus_two = point + 2
plus_two.backward(torch.tensor([0.1, 0.1, 0.001]))
print(point.grad)

# %% One hot gives one row
outputs = table @ inputs
for one_hot in torch.eye(2):
    (row,) = torch.autograd.grad(outputs, inputs, one_hot, retain_graph=True)
    print(row)


# %% All rows at once
def lengths_and_sum(p):
    return torch.stack([p[0] * p[1], p[1] * p[2], p.sum()])  # (3,)


place = torch.tensor([2.0, 3.0, 5.0])
jacobian = torch.func.jacrev(lengths_and_sum)(place)
print(jacobian)
print(torch.equal(jacobian, torch.func.jacfwd(lengths_and_sum)(place)))

# %% Number by number, a diagonal
print(torch.func.jacrev(torch.square)(place))

# %% Backward is v times J
from functools import partial

running_sum = partial(torch.cumsum, dim=0)
softmax = partial(torch.softmax, dim=0)
for f in [torch.sin, torch.relu, running_sum, softmax, lengths_and_sum]:
    for dtype in [torch.float32, torch.float64]:
        at = place.to(dtype, copy=True).requires_grad_()
        by_v = torch.tensor([1.0, -2.0, 3.0], dtype=dtype)
        f(at).backward(by_v)
        jacobian = torch.func.jacrev(f)(at.detach())
        torch.testing.assert_close(at.grad, by_v @ jacobian)

# %% Three rounds add up
weights = torch.ones(4, requires_grad=True)
for epoch in range(3):
    (weights * 3).sum().backward()
    print(weights.grad)

# %% Cleared after each round
weights.grad = None
for epoch in range(3):
    (weights * 3).sum().backward()
    print(weights.grad)
    weights.grad.zero_()

# %% Nothing there to zero tags=["raises-exception"]
optimizer = torch.optim.SGD([weights], lr=0.1)
optimizer.zero_grad()
weights.grad.zero_()

# %% Zero moves, None rests
for to_none in [True, False]:
    weight = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    (weight * 3).sum().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=to_none)
    optimizer.step()  # no backward in between
    print(weight.grad, weight.detach())

# %% The same block three times
left = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
right = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
total = (left + right).sum()
for run in range(3):
    total.backward()
    print(left.grad)

# %% A product, and twice is refused tags=["raises-exception"]
product = (left * right).sum()
product.backward()
product.backward()

# %% Who may be walked again
for step in [torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.dot]:
    result = step(left, right).sum()
    result.backward()
    try:
        result.backward()
        print(f"{step.__name__:8} again")
    except RuntimeError:
        print(f"{step.__name__:8} once")

# %% Two losses share a step
w = torch.tensor(2.0, requires_grad=True)
shared = w**2
one, other = 3 * shared, 5 * shared
one.backward(retain_graph=True)
other.backward()
print(w.grad)

# %% A sum needs one walk
w.grad = None
shared = w**2
(3 * shared + 5 * shared).backward()
print(w.grad)

# %% A hook sees what passes
w.grad = None
middle = w * 3
middle.register_hook(lambda gradient: print("passing", gradient))
(middle**2).backward()
print(w.grad)

# %% What a hook returns goes on
w.grad = None
handle = w.register_hook(lambda gradient: gradient.clamp(max=1.0))
(w * 3).backward()
print(w.grad)
handle.remove()


# %% Exercise: one row of a Jacobian tags=["exercise"]
def row_of_jacobian(f, x, i):
    """How output `i` of `f` depends on each number of `x`; no `.grad` touched."""
    f(x).sum().backward()  # all outputs at once: not the question
    return x.grad


def first_two(p):
    return lengths_and_sum(p)[:2]  # two outputs, three inputs


def scaled(p):
    return scale * lengths_and_sum(p)


scale = torch.tensor(2.0, requires_grad=True)  # a leaf of somebody else
spot = torch.tensor([2.0, 3.0, 5.0], requires_grad=True)
spot.grad = torch.full((3,), 7.0)  # from some other calculation
print(torch.func.jacrev(first_two)(spot.detach()))
for f in [first_two, scaled]:
    expected = torch.func.jacrev(f)(spot.detach())
    for i in range(len(expected)):
        found = row_of_jacobian(f, spot, i)
        assert torch.equal(found, expected[i]), f"row {i} is {found.tolist()}"
assert spot.grad.tolist() == [7, 7, 7] and scale.grad is None, "somebody's gradient has changed"


# %% Solution: one row of a Jacobian tags=["solution"]
def row_of_jacobian(f, x, i):
    """How output `i` of `f` depends on each number of `x`; no `.grad` touched."""
    outputs = f(x)
    one_hot = torch.zeros_like(outputs)
    one_hot[i] = 1
    (row,) = torch.autograd.grad(outputs, x, one_hot)
    return row


spot.grad = torch.full((3,), 7.0)
for f in [first_two, scaled]:
    expected = torch.func.jacrev(f)(spot.detach())
    for i in range(len(expected)):
        found = row_of_jacobian(f, spot, i)
        assert torch.equal(found, expected[i]), f"row {i} is {found.tolist()}"
assert spot.grad.tolist() == [7, 7, 7] and scale.grad is None, "somebody's gradient has changed"


# %% Wrong: a column tags=["wrong"]
def row_of_jacobian(f, x, i):
    return torch.func.jacrev(f)(x.detach())[:, i]


# %% Wrong: into .grad tags=["wrong"]
def row_of_jacobian(f, x, i):
    x.grad = None
    f(x)[i].backward()
    return x.grad


# %% Wrong: into .grad, and zeros after tags=["wrong"]
def row_of_jacobian(f, x, i):
    x.grad.zero_()
    f(x)[i].backward()
    row = x.grad.clone()
    x.grad.zero_()
    return row


# %% Wrong: put away, and put back tags=["wrong"]
def row_of_jacobian(f, x, i):
    before, x.grad = x.grad, None
    f(x)[i].backward()
    row, x.grad = x.grad, before
    return row


# %% Wrong: the first row tags=["wrong"]
def row_of_jacobian(f, x, i):
    (row,) = torch.autograd.grad(f(x)[0], x)
    return row


# %% Wrong: all rows at once tags=["wrong"]
def row_of_jacobian(f, x, i):
    outputs = f(x)
    (row,) = torch.autograd.grad(outputs, x, torch.ones_like(outputs))
    return row


# %% Exercise: examples that count more tags=["exercise"]
def weighted_slope(guess, distances, times, importance):
    """The slope of the mean of importance · error², by a `v` for the errors."""
    errors = (guess * distances - times) ** 2  # one for each example
    errors.sum().backward()  # each counts the same
    return guess.grad


distances = torch.tensor([1.0, 2.0, 3.0, 4.0])
times = torch.tensor([2.0, 4.0, 6.0, 9.0])
importance = torch.tensor([1.0, 1.0, 1.0, 5.0])
for some in [slice(0, 4), slice(1, 3)]:  # all four, and two that count alike
    data = distances[some], times[some], importance[some]
    guess = torch.tensor(1.0, requires_grad=True)
    loss = (data[2] * (guess * data[0] - data[1]) ** 2).mean()
    (expected,) = torch.autograd.grad(loss, guess)
    found = weighted_slope(guess, *data)
    assert torch.equal(found, expected), f"{found.item()}, not {expected.item()}"


# %% Solution: examples that count more tags=["solution"]
def weighted_slope(guess, distances, times, importance):
    """The slope of the mean of importance · error², by a `v` for the errors."""
    errors = (guess * distances - times) ** 2  # one for each example
    errors.backward(importance / len(errors))
    return guess.grad


for some in [slice(0, 4), slice(1, 3)]:
    data = distances[some], times[some], importance[some]
    guess = torch.tensor(1.0, requires_grad=True)
    loss = (data[2] * (guess * data[0] - data[1]) ** 2).mean()
    (expected,) = torch.autograd.grad(loss, guess)
    found = weighted_slope(guess, *data)
    assert torch.equal(found, expected), f"{found.item()}, not {expected.item()}"


# %% Wrong: a sum tags=["wrong"]
def weighted_slope(guess, distances, times, importance):
    errors = (guess * distances - times) ** 2
    errors.backward(importance)
    return guess.grad


# %% Wrong: always by four tags=["wrong"]
def weighted_slope(guess, distances, times, importance):
    errors = (guess * distances - times) ** 2
    errors.backward(importance / 4)
    return guess.grad


# %% Wrong: a weighted mean tags=["wrong"]
def weighted_slope(guess, distances, times, importance):
    errors = (guess * distances - times) ** 2
    errors.backward(importance / importance.sum())
    return guess.grad


# %% Wrong: five for the last tags=["wrong"]
def weighted_slope(guess, distances, times, importance):
    errors = (guess * distances - times) ** 2
    v = torch.ones_like(errors)
    v[-1] = 5
    errors.backward(v / len(errors))
    return guess.grad


# %% Exercise: the gradient turned round tags=["exercise"]
def turned_round(t):
    """The numbers of `t`; what comes back through the result changes its sign."""
    t.register_hook(lambda gradient: -gradient)  # and who else uses t?
    return t


feature = torch.tensor([1.0, 2.0], requires_grad=True)
hidden = feature * 2
turned = turned_round(hidden)
(turned @ torch.tensor([1.0, 3.0]) + 10 * hidden.sum()).backward()
assert torch.equal(turned, hidden), "the numbers changed"
slopes = feature.grad.tolist()
assert slopes == [18.0, 14.0], slopes  # 2 · (10 - 1) and 2 · (10 - 3)
given = torch.tensor([1.0, 1.0])
turned_round(feature * 2).backward(given)
assert given.tolist() == [1, 1], "the gradient that was given has changed"


# %% Solution: the gradient turned round tags=["solution"]
def turned_round(t):
    """The numbers of `t`; what comes back through the result changes its sign."""
    result = t.view_as(t)
    result.register_hook(lambda gradient: -gradient)
    return result


feature.grad = None
hidden = feature * 2
turned = turned_round(hidden)
(turned @ torch.tensor([1.0, 3.0]) + 10 * hidden.sum()).backward()
assert torch.equal(turned, hidden), "the numbers changed"
slopes = feature.grad.tolist()
assert slopes == [18.0, 14.0], slopes  # 2 · (10 - 1) and 2 · (10 - 3)
given = torch.tensor([1.0, 1.0])
turned_round(feature * 2).backward(given)
assert given.tolist() == [1, 1], "the gradient that was given has changed"


# %% Wrong: for everybody tags=["wrong"]
def turned_round(t):
    t.register_hook(lambda gradient: -gradient)
    return t


# %% Wrong: written into tags=["wrong"]
def turned_round(t):
    result = t.view_as(t)
    result.register_hook(torch.neg_)
    return result


# %% Wrong: no gradient tags=["wrong"]
def turned_round(t):
    return t.detach()


# %% Wrong: the numbers turned too tags=["wrong"]
def turned_round(t):
    return -t


# %% Wrong: as it came tags=["wrong"]
def turned_round(t):
    return t.view_as(t)
