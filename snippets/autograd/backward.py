"""Autograd I: how PyTorch records what you compute, and walks the record back."""


# %% A slope by hand
def curve(x):
    return x**3 - 3 * x


def slope_by_hand(x):
    return 3 * x**2 - 3


slope_by_hand(2.0)

# %% A slope by difference
h = 0.001
rise = curve(2.0 + h) - curve(2.0 - h)
print(f"{rise / (2 * h):.6f}")

# %% A slope by autograd
import torch

x = torch.tensor(2.0, requires_grad=True)
y = curve(x)
y.backward()
x.grad

# %% Small steps drown in rounding
two = torch.tensor(2.0)
for step in [0.1, 0.001, 0.00001, 0.0000001]:
    rise = curve(two + step) - curve(two - step)
    print(f"{step:<7g}{(rise / (2 * step)).item():.4f}")

# %% One backward, every slope
points = torch.tensor([-1.0, 0.0, 1.5], requires_grad=True)
heights = curve(points)
heights.sum().backward()
points.grad

# %% Slopes are tangent lines
import matplotlib.pyplot as plt

wide = torch.linspace(-2, 2, 81)
nearby = torch.tensor([-0.6, 0.6])

fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(wide, curve(wide))
for point, level, slope in zip(points.detach(), heights.detach(), points.grad):
    ax.plot(point + nearby, level + slope * nearby, label=f"slope {slope.item():g}")
ax.set(title="curve(x) = x³ − 3x and three tangents", xlabel="x", ylabel="curve(x)")
ax.legend(loc="upper center")
fig.tight_layout()

# %% A line has one slope
torch.manual_seed(0)
scattered = torch.rand(3, 4, requires_grad=True)  # 12 numbers
line = 3 * scattered + 2
line.mean().backward()
scattered.grad

# %% On CUDA, the same gradients tags=["cuda"]
points_there = torch.tensor([-1.0, 0.0, 1.5], device="cuda", requires_grad=True)
curve(points_there).sum().backward()
points_there.grad

# %% One marked factor, one plain
weight = torch.tensor(3.0, requires_grad=True)
feature = torch.tensor(2.0)
product = weight * feature
product

# %% Four of the five attributes
for name, tensor in [("weight", weight), ("feature", feature), ("product", product)]:
    print(name)
    print("  value        ", tensor.detach())
    print("  requires_grad", tensor.requires_grad)
    print("  is_leaf      ", tensor.is_leaf)
    print("  grad_fn      ", tensor.grad_fn and tensor.grad_fn.name())

# %% Backward fills the fifth
product.backward()
print(f"{weight.grad = }")
print(f"{feature.grad = }")

# %% Backward adds, never replaces
(weight * feature).backward()
weight.grad

# %% Leaf means no grad_fn
made = torch.ones(2)
marked = torch.ones(2, requires_grad=True)
candidates = {
    "made": made,
    "marked": marked,
    "made * 2": made * 2,
    "marked * 2": marked * 2,
    "marked.detach()": marked.detach(),
    "marked.clone()": marked.clone(),
    "marked.float()": marked.float(),
    "marked.double()": marked.double(),
    "nn.Parameter": torch.nn.Parameter(made * 2),
}
print("                 leaf   requires_grad")
for name, tensor in candidates.items():
    print(f"{name:17}{tensor.is_leaf!s:7}{tensor.requires_grad}")

# %% Two numbers and two Nones
used = torch.tensor(2.0, requires_grad=True)
unmarked = torch.tensor(3.0)
silenced = torch.tensor(4.0, requires_grad=True)
unused = torch.tensor(5.0, requires_grad=True)
loss = used * unmarked + silenced * 0
loss.backward()
print(f"{used.grad     = }")
print(f"{silenced.grad = }")
print(f"{unmarked.grad = }")
print(f"{unused.grad   = }")

# %% A sum gives everyone one
left = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
right = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
total = (left + right).sum()
total.backward()
print(total)
print(left.grad, right.grad)

# %% The weight you scaled is lost
start = torch.ones(2, requires_grad=True) * 0.1
(start * 3).sum().backward()
print(start.grad)

# %% Scale first, then mark
begin = (torch.ones(2) * 0.1).requires_grad_()
(begin * 3).sum().backward()
begin.grad

# %% Each result names its step
grid = torch.ones(4, 3, requires_grad=True)
shifted = grid + 5
scaled = shifted * shifted * 5
out = scaled.mean()
print(shifted)
print(out)
print(out.grad_fn.name())


# %% The graph, printed from the end
def print_graph(node, indent=""):
    if node is None:
        print(indent + "-")
        return
    print(indent + node.name())
    for parent, _ in node.next_functions:
        print_graph(parent, indent + "    ")


print_graph(out.grad_fn)

# %% Two lines, one node
square = out.grad_fn.next_functions[0][0].next_functions[0][0]
one_way = square.next_functions[0][0]
other_way = square.next_functions[1][0]
print(square.name(), one_way is other_way)

# %% The last node knows its leaf
accumulate = one_way.next_functions[0][0]
print(accumulate.name(), accumulate.variable is grid)

# %% Why every slope is five
out.backward()
grid.grad

# %% Two steps, one gradient
a = torch.tensor(1.0, requires_grad=True)
b = a**2
c = 5 * b
print(b, c)

# %% A node is a function
into_c = torch.tensor(1.0)
into_b, _ = c.grad_fn(into_c)
into_a = b.grad_fn(into_b).detach()
print(into_c, into_b, into_a)

# %% Keep what passes through
b.retain_grad()
c.retain_grad()
c.backward()
print(c.grad, b.grad, a.grad)

# %% Two paths add up
t = torch.tensor(3.0, requires_grad=True)
forked = t**2 + 4 * t
forked.backward()
t.grad

# %% One path cut, no message
whole = torch.tensor(3.0, requires_grad=True)
cut = torch.tensor(3.0, requires_grad=True)
(whole * whole).backward()
(cut * cut.item()).backward()
print(whole.grad, cut.grad)

# %% A gradient without backward
side = torch.tensor(3.0, requires_grad=True)
height = torch.tensor(4.0, requires_grad=True)
volume = side**2 * height
torch.autograd.grad(volume, [side, height])

# %% Three numbers are no start tags=["raises-exception"]
lengths = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
areas = lengths**2
areas.backward()

# %% Reduce to one number first
areas.sum().backward()
lengths.grad

# %% Integers have no slopes tags=["raises-exception"]
torch.tensor([1, 2, 3], requires_grad=True)

# %% Asked later, refused later tags=["raises-exception"]
counts = torch.tensor([1, 2, 3])
counts.requires_grad_()

# %% Nothing was recorded tags=["raises-exception"]
unrecorded = torch.tensor(1.0) ** 2
unrecorded.backward()

# %% Nodes keep what they need
area = weight * feature
print(area.grad_fn._saved_self)
print(area.grad_fn._saved_other)

# %% Exp keeps its own result
growth = weight.exp()
saved = growth.grad_fn._saved_result
print(saved.data_ptr() == growth.data_ptr())

# %% The second walk fails tags=["raises-exception"]
growth.backward()
growth.backward()


# %% The graph is what ran
def double_up_to_ten(x):
    while x < 10:
        x = x * 2
    return x


three = torch.tensor(3.0, requires_grad=True)
grown = double_up_to_ten(three)
grown.backward()
print_graph(grown.grad_fn)
print(grown.item(), three.grad.item())

# %% The jump is not seen
for number in [4.99, 5.0]:
    near_five = torch.tensor(number, requires_grad=True)
    grown = double_up_to_ten(near_five)
    grown.backward()
    print(f"{number} -> {grown.item():.2f}, slope {near_five.grad.item()}")

# %% What autograd says at zero
origin = torch.tensor(0.0, requires_grad=True)
for f in [torch.relu, torch.abs, torch.sqrt]:
    (slope,) = torch.autograd.grad(f(origin), origin)
    print(f"{f.__name__:6}{slope}")

# %% Two corners and a wall
fig, axes = plt.subplots(1, 3, figsize=(7, 2.8))
for ax, f in zip(axes, [torch.relu, torch.abs, torch.sqrt]):
    start_at = 0 if f is torch.sqrt else -100
    along = (torch.arange(start_at, 101) / 100).requires_grad_()
    values = f(along)
    (slopes,) = torch.autograd.grad(values.sum(), along)
    at_zero = along == 0
    ax.plot(along.detach(), values.detach(), label="value")
    ax.plot(along.detach(), slopes.where(~at_zero, torch.nan), "--", label="gradient")
    ax.plot(0, slopes[at_zero].item(), "o", label="gradient at 0")
    ax.set(title=f.__name__, xlabel="x", ylim=(-1.5, 4))
axes[0].set_ylabel("value, gradient")
axes[0].legend()
fig.tight_layout()

# %% One corner, three slopes
corner_of = {
    "relu": torch.relu(origin),
    "maximum": torch.maximum(origin, torch.tensor(0.0)),
    "clamp": origin.clamp(min=0),
}
for name, corner in corner_of.items():
    (slope,) = torch.autograd.grad(corner, origin)
    print(f"{name:9}{slope}")

# %% The identity with slope zero
for at in [origin, weight]:
    identity = torch.relu(at) - torch.relu(-at)
    (slope,) = torch.autograd.grad(identity, at)
    print(f"at {at.item()}: slope {slope.item()}")

# %% Infinity times zero
root_of_square = (origin**2).sqrt()
torch.autograd.grad(root_of_square, origin)

# %% The mask hides, the gradient shows
amount = torch.tensor([0.0, 2.0], requires_grad=True)
ratio = amount / amount
masked = torch.where(amount == 0, 1.0, ratio)
masked.sum().backward()
print(masked)
print(amount.grad)

# %% Mask before you divide
quantity = torch.tensor([0.0, 2.0], requires_grad=True)
is_zero = quantity == 0
divisor = torch.where(is_zero, 1.0, quantity)
repaired = torch.where(is_zero, 1.0, quantity / divisor)
repaired.sum().backward()
print(repaired)
print(quantity.grad)


# %% Exercise: differences for a vector tags=["exercise"]
def wavy(v):
    return (v.sin() * v**2).sum()


def gradient_by_differences(f, v, h=1e-4):
    """The slope of `f` in each direction of `v`, without autograd."""
    return torch.zeros_like(v)  # your code here


place = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
(slopes_spec,) = torch.autograd.grad(wavy(place), place)
print(slopes_spec)
by_differences = gradient_by_differences(wavy, place.detach())
assert torch.allclose(by_differences, slopes_spec), "the slopes differ"
beyond_autograd = gradient_by_differences(lambda v: v.prod().item(), place.detach())
assert torch.allclose(beyond_autograd, place.detach().new_tensor([6, 3, 2]))


# %% Solution: differences for a vector tags=["solution"]
def gradient_by_differences(f, v, h=1e-4):
    """The slope of `f` in each direction of `v`, without autograd."""
    slopes = torch.zeros_like(v)
    for i in range(len(v)):
        shift = torch.zeros_like(v)
        shift[i] = h
        slopes[i] = (f(v + shift) - f(v - shift)) / (2 * h)
    return slopes


by_differences = gradient_by_differences(wavy, place.detach())
assert torch.allclose(by_differences, slopes_spec), "the slopes differ"
beyond_autograd = gradient_by_differences(lambda v: v.prod().item(), place.detach())
assert torch.allclose(beyond_autograd, place.detach().new_tensor([6, 3, 2]))
print(by_differences)


# %% Wrong: a step to one side only tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    steps = h * torch.eye(len(v), dtype=v.dtype)
    return torch.tensor([(f(v + step) - f(v)) / h for step in steps], dtype=v.dtype)


# %% Wrong: all elements step at once tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    return torch.full_like(v, (f(v + h) - f(v - h)) / (2 * h))


# %% Wrong: autograd after all tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    v = v.clone().requires_grad_()
    return torch.autograd.grad(f(v), v)[0]


# %% Exercise: mean squared error tags=["exercise"]
inputs = torch.tensor([1.0, 2.0, 3.0, 4.0])
targets = torch.tensor([2.0, 4.0, 6.0, 8.0])


def error_gradient(w):
    """The slope of ((w * inputs - targets) ** 2).mean(), as a formula."""
    return torch.tensor(0.0)  # your formula here


for guess in torch.tensor([0.5, 2.0, 3.0], requires_grad=True):
    error = ((guess * inputs - targets) ** 2).mean()
    (error_slope,) = torch.autograd.grad(error, guess)
    print(error_slope)
    assert torch.allclose(error_gradient(guess.detach()), error_slope), "another slope"


# %% Solution: mean squared error tags=["solution"]
def error_gradient(w):
    """The slope of ((w * inputs - targets) ** 2).mean(), as a formula."""
    return (2 * inputs * (w * inputs - targets)).mean()


for guess in torch.tensor([0.5, 2.0, 3.0], requires_grad=True):
    error = ((guess * inputs - targets) ** 2).mean()
    (error_slope,) = torch.autograd.grad(error, guess)
    assert torch.allclose(error_gradient(guess.detach()), error_slope), "another slope"
    print(error_gradient(guess.detach()))


# %% Wrong: the right number for one guess tags=["wrong"]
def error_gradient(w):
    return torch.tensor(-22.5)


# %% Wrong: the inner slope forgotten tags=["wrong"]
def error_gradient(w):
    return (2 * (w * inputs - targets)).mean()


# %% Wrong: a sum for the mean tags=["wrong"]
def error_gradient(w):
    return (2 * inputs * (w * inputs - targets)).sum()


# %% Exercise: find the leaves tags=["exercise"]
def leaves_of(node):
    """Every leaf that a backward from `node` would reach, each once."""
    return []  # your code here


width = torch.tensor(2.0, requires_grad=True)
depth = torch.tensor(3.0, requires_grad=True)
idle = torch.tensor(4.0, requires_grad=True)
block = width * depth * width + 7
found = leaves_of(block.grad_fn)
assert len(found) == 2, f"found {len(found)} leaves"
assert {id(leaf) for leaf in found} == {id(width), id(depth)}
assert [id(leaf) for leaf in leaves_of((idle * idle).grad_fn)] == [id(idle)]


# %% Solution: find the leaves tags=["solution"]
def leaves_of(node):
    """Every leaf that a backward from `node` would reach, each once."""
    if node is None:
        return []
    if hasattr(node, "variable"):
        return [node.variable]
    unique = {}
    for parent, _ in node.next_functions:
        for leaf in leaves_of(parent):
            unique[id(leaf)] = leaf
    return list(unique.values())


found = leaves_of(block.grad_fn)
assert len(found) == 2, f"found {len(found)} leaves"
assert {id(leaf) for leaf in found} == {id(width), id(depth)}
assert [id(leaf) for leaf in leaves_of((idle * idle).grad_fn)] == [id(idle)]
print(found)


# %% Wrong: once for each path tags=["wrong"]
def leaves_of(node):
    if node is None:
        return []
    if hasattr(node, "variable"):
        return [node.variable]
    return [leaf for parent, _ in node.next_functions for leaf in leaves_of(parent)]


# %% Wrong: the two of this block tags=["wrong"]
def leaves_of(node):
    return [width, depth]


# %% Exercise: a distance without nan tags=["exercise"]
def distance(p, q):
    """Straight-line distance of each row of `p` from the same row of `q`."""
    return ((p - q) ** 2).sum(dim=1).sqrt()


from_here = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
to_there = torch.zeros(2, 2)
apart = distance(from_here, to_there)
(pull,) = torch.autograd.grad(apart.sum(), from_here)
print(apart)
print(pull)
assert apart.tolist() == [0, 5], "a distance has changed"
assert not pull.isnan().any(), "a gradient is nan"
torch.testing.assert_close(pull, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))


# %% Solution: a distance without nan tags=["solution"]
def distance(p, q):
    """Straight-line distance of each row of `p` from the same row of `q`."""
    squared = ((p - q) ** 2).sum(dim=1)
    same = squared == 0
    safe = torch.where(same, 1.0, squared)
    return torch.where(same, 0.0, safe.sqrt())


apart = distance(from_here, to_there)
(pull,) = torch.autograd.grad(apart.sum(), from_here)
assert apart.tolist() == [0, 5], "a distance has changed"
assert not pull.isnan().any(), "a gradient is nan"
torch.testing.assert_close(pull, torch.tensor([[0.0, 0.0], [0.6, 0.8]]))
print(pull)


# %% Wrong: a little more under the root tags=["wrong"]
def distance(p, q):
    return (((p - q) ** 2).sum(dim=1) + 1e-12).sqrt()


# %% Wrong: the zero replaced after the root tags=["wrong"]
def distance(p, q):
    squared = ((p - q) ** 2).sum(dim=1)
    return torch.where(squared == 0, 0.0, squared.sqrt())


# %% Wrong: no slope for anybody tags=["wrong"]
def distance(p, q):
    return ((p - q) ** 2).sum(dim=1).sqrt().detach() + 0 * p.sum()


# %% Exercise: your own backward tags=["exercise"]
def walk_back(node, gradient, found):
    """Add to `found[leaf]` what each path from `node` brings to that leaf."""
    # your code here: call node(gradient), then go on to node.next_functions


p = torch.tensor(2.0, requires_grad=True)
q = torch.tensor(3.0, requires_grad=True)
tangle = (p * q + p.exp()) * (p - 1) * q

gradients = {}
walk_back(tangle.grad_fn, torch.tensor(1.0), gradients)
expected = torch.autograd.grad(tangle, [p, q], retain_graph=True)
print(expected)
assert gradients, "no leaf was reached"
assert torch.allclose(gradients[p], expected[0])
assert torch.allclose(gradients[q], expected[1])


# %% Solution: your own backward tags=["solution"]
def walk_back(node, gradient, found):
    """Add to `found[leaf]` what each path from `node` brings to that leaf."""
    if hasattr(node, "variable"):
        found[node.variable] = found.get(node.variable, 0) + gradient
        return
    results = node(gradient)
    if not isinstance(results, tuple):  # a node with one input
        results = (results,)
    for (parent, _), result in zip(node.next_functions, results):
        if parent is not None:
            walk_back(parent, result.detach(), found)


gradients = {}
walk_back(tangle.grad_fn, torch.tensor(1.0), gradients)
assert torch.allclose(gradients[p], expected[0])
assert torch.allclose(gradients[q], expected[1])
print(gradients[p], gradients[q])


# %% Wrong: the last path wins tags=["wrong"]
def walk_back(node, gradient, found):
    if hasattr(node, "variable"):
        found[node.variable] = gradient
        return
    results = node(gradient)
    results = results if isinstance(results, tuple) else (results,)
    for (parent, _), result in zip(node.next_functions, results):
        if parent is not None:
            walk_back(parent, result.detach(), found)


# %% Wrong: added, never multiplied tags=["wrong"]
def walk_back(node, gradient, found):
    if hasattr(node, "variable"):
        found[node.variable] = found.get(node.variable, 0) + gradient
        return
    for parent, _ in node.next_functions:
        if parent is not None:
            walk_back(parent, gradient, found)
