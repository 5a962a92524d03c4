"""Autograd: mark what you want slopes for, compute, walk back."""

# %% Mark, compute, walk back
import torch

x = torch.tensor(2.0, requires_grad=True)  # mark
y = x**3 - 3 * x  # compute
y.backward()  # walk back
x.grad


# %% By a formula, by a small step
def curve(x):
    return x**3 - 3 * x


def slope_by_hand(x):
    return 3 * x**2 - 3


h = 0.001
rise = curve(2.0 + h) - curve(2.0 - h)
print(f"{slope_by_hand(2.0):.4f}")
print(f"{rise / (2 * h):.4f}")


# %% One backward, every slope
points = torch.tensor([-1.0, 0.0, 1.5], requires_grad=True)
heights = curve(points)
heights.sum().backward()
points.grad


# %% Slopes are tangent lines tags=["hide-input"]
import matplotlib.pyplot as plt

wide = torch.linspace(-2, 2, 81)
nearby = torch.tensor([-0.6, 0.6])

fig, ax = plt.subplots(figsize=(6, 2.5))
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


# %% One marked factor, one plain
weight = torch.tensor(3.0, requires_grad=True)
feature = torch.tensor(2.0)
product = weight * feature
product


# %% Backward fills grad
product.backward()
print(f"{weight.grad = }")
print(f"{feature.grad = }")


# %% Backward adds, never replaces
(weight * feature).backward()
weight.grad


# %% Leaf means no grad_fn
made = torch.ones(2)
marked = torch.ones(2, requires_grad=True)


def kind(tensor):
    place = "leaf" if tensor.is_leaf else "result"
    return place, "marked" if tensor.requires_grad else "plain"


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


# %% Nothing was recorded tags=["raises-exception"]
unrecorded = torch.tensor(1.0) ** 2
unrecorded.backward()


# %% Three numbers are no start tags=["raises-exception"]
lengths = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
areas = lengths**2
areas.backward()


# %% Reduce to one number first
areas.sum().backward()
lengths.grad


# %% The second walk fails tags=["raises-exception"]
growth = weight.exp()
growth.backward()
growth.backward()


# %% Integers have no slopes tags=["raises-exception"]
torch.tensor([1, 2, 3], requires_grad=True)


# %% Asked later, refused later tags=["raises-exception"]
counts = torch.tensor([1, 2, 3])
counts.requires_grad_()


# %% The weight you scaled is lost
start = torch.ones(2, requires_grad=True) * 0.1
(start * 3).sum().backward()
print(start.grad)


# %% Scale first, then mark
begin = (torch.ones(2) * 0.1).requires_grad_()
(begin * 3).sum().backward()
begin.grad


# %% One path cut, no message
whole = torch.tensor(3.0, requires_grad=True)
cut = torch.tensor(3.0, requires_grad=True)
(whole * whole).backward()
(cut * cut.item()).backward()
print(whole.grad, cut.grad)


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


# %% Two steps, one gradient
a = torch.tensor(1.0, requires_grad=True)
b = a**2
c = 5 * b
b.retain_grad()  # b is no leaf, and would keep nothing
c.backward()
print(b.grad, a.grad)


# %% Two paths add up
t = torch.tensor(3.0, requires_grad=True)
forked = t**2 + 4 * t
forked.backward()
t.grad


# %% Each result names its step
grid = torch.ones(4, 3, requires_grad=True)
shifted = grid + 5
scaled = shifted * shifted * 5
out = scaled.mean()
print(out)
print(out.grad_fn.name())


# %% Why every slope is five
out.backward()
grid.grad


# %% A gradient without backward
side = torch.tensor(3.0, requires_grad=True)
height = torch.tensor(4.0, requires_grad=True)
volume = side**2 * height
torch.autograd.grad(volume, [side, height])


# %% What autograd says at zero
origin = torch.tensor(0.0, requires_grad=True)
for f in [torch.relu, torch.abs, torch.sqrt]:
    (slope,) = torch.autograd.grad(f(origin), origin)
    print(f"{f.__name__:6}{slope}")


# %% Infinity times zero
root_of_square = (origin**2).sqrt()
torch.autograd.grad(root_of_square, origin)


# %% Exercise: differences for a vector tags=["exercise"]
def wavy(v):
    return (v.sin() * v**2).sum()


def gradient_by_differences(f, v, h=1e-4):
    """The slope of `f` in each direction of `v`, without autograd."""
    return torch.zeros_like(v)  # your code here


place = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
(slopes_spec,) = torch.autograd.grad(wavy(place), place)
by_differences = gradient_by_differences(wavy, place.detach())
assert torch.allclose(by_differences, slopes_spec), "the slopes differ"
beyond_autograd = gradient_by_differences(lambda v: v.prod().item(), place.detach()[1:])
assert torch.allclose(beyond_autograd, place.detach().new_tensor([3, 2]))


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
beyond_autograd = gradient_by_differences(lambda v: v.prod().item(), place.detach()[1:])
assert torch.allclose(beyond_autograd, place.detach().new_tensor([3, 2]))
print(by_differences)


# %% Wrong: a step to one side only tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    steps = h * torch.eye(len(v), dtype=v.dtype)
    return torch.tensor([(f(v + step) - f(v)) / h for step in steps], dtype=v.dtype)


# %% Wrong: all elements step at once tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    return torch.full_like(v, (f(v + h) - f(v - h)) / (2 * h))


# %% Wrong: three directions, whatever comes tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    steps = h * torch.eye(3, dtype=v.dtype)
    return torch.tensor([(f(v + step) - f(v - step)) / (2 * h) for step in steps], dtype=v.dtype)


# %% Wrong: autograd after all tags=["wrong"]
def gradient_by_differences(f, v, h=1e-4):
    v = v.clone().requires_grad_()
    return torch.autograd.grad(f(v), v)[0]


# %% Exercise: slopes for an input tags=["exercise"]
def slopes_for(f, v):
    """The slope of f for each number of v; v stays as it was."""
    v.requires_grad_()
    f(v).backward()
    return v.grad


for mark, f, slopes in ((False, torch.prod, [3, 2]), (True, lambda v: (v**3).sum(), [12, 27])):
    photo = torch.tensor([2.0, 3.0], requires_grad=mark)
    photo.grad = torch.tensor([7.0, 7.0])  # from some other calculation
    assert slopes_for(f, photo).tolist() == slopes, "other slopes"
    assert photo.grad.tolist() == [7, 7], "its gradient has changed"
    assert photo.requires_grad == mark, "it was marked, or lost its mark"


# %% Solution: slopes for an input tags=["solution"]
def slopes_for(f, v):
    """The slope of f for each number of v; v stays as it was."""
    v = v.detach().requires_grad_()
    return torch.autograd.grad(f(v), v)[0]


print(slopes_for(torch.prod, torch.tensor([2.0, 3.0])))


# %% Wrong: cleared before tags=["wrong"]
def slopes_for(f, v):
    v.grad = None
    v.requires_grad_()
    f(v).backward()
    return v.grad


# %% Wrong: the mark stays tags=["wrong"]
def slopes_for(f, v):
    return torch.autograd.grad(f(v.requires_grad_()), v)[0]


# %% Wrong: the mark goes tags=["wrong"]
def slopes_for(f, v):
    slopes = torch.autograd.grad(f(v.requires_grad_()), v)[0]
    v.requires_grad_(False)
    return slopes


# %% Wrong: the numbers of the example tags=["wrong"]
def slopes_for(f, v):
    return torch.tensor([3.0, 2.0])


# %% Wrong: the rise of a whole step tags=["wrong"]
def slopes_for(f, v):
    with torch.no_grad():
        return torch.stack([f(v + step) - f(v) for step in torch.eye(len(v))])


# %% Wrong: a share of the height tags=["wrong"]
def slopes_for(f, v):
    return (f(v) / v).detach()


# %% Exercise: a distance without nan tags=["exercise"]
def distance(p, q):
    """Straight-line distance of each row of `p` from the same row of `q`."""
    return ((p - q) ** 2).sum(dim=1).sqrt()


from_here = torch.tensor([[1.0, 2.0], [4.0, 6.0], [0.0, 2.0**-20]], requires_grad=True)
to_there = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
apart = distance(from_here, to_there)
(pull,) = torch.autograd.grad(apart.sum(), from_here)
assert apart.tolist() == [0, 5, 2**-20], "a distance has changed"
assert not pull.isnan().any(), "a gradient is nan"
torch.testing.assert_close(pull, torch.tensor([[0.0, 0.0], [0.6, 0.8], [0.0, 1.0]]))


# %% Solution: a distance without nan tags=["solution"]
def distance(p, q):
    """Straight-line distance of each row of `p` from the same row of `q`."""
    squared = ((p - q) ** 2).sum(dim=1)
    same = squared == 0
    safe = torch.where(same, 1.0, squared)
    return torch.where(same, 0.0, safe.sqrt())


apart = distance(from_here, to_there)
(pull,) = torch.autograd.grad(apart.sum(), from_here)
assert apart.tolist() == [0, 5, 2**-20], "a distance has changed"
assert not pull.isnan().any(), "a gradient is nan"
torch.testing.assert_close(pull, torch.tensor([[0.0, 0.0], [0.6, 0.8], [0.0, 1.0]]))
print(pull)


# %% Wrong: a little more under the root tags=["wrong"]
def distance(p, q):
    return (((p - q) ** 2).sum(dim=1) + 1e-12).sqrt()


# %% Wrong: the zero replaced after the root tags=["wrong"]
def distance(p, q):
    squared = ((p - q) ** 2).sum(dim=1)
    return torch.where(squared == 0, 0.0, squared.sqrt())


# %% Wrong: what is small is zero tags=["wrong"]
def distance(p, q):
    squared = ((p - q) ** 2).sum(dim=1)
    same = squared < 1e-12
    safe = torch.where(same, 1.0, squared)
    return torch.where(same, 0.0, safe.sqrt())


# %% Wrong: zero for the origin tags=["wrong"]
def distance(p, q):
    same = (p == 0).all(dim=1)
    safe = torch.where(same, 1.0, ((p - q) ** 2).sum(dim=1))
    return torch.where(same, 0.0, safe.sqrt())


# %% Wrong: zero where one coordinate agrees tags=["wrong"]
def distance(p, q):
    far = (p != q).all(dim=1)
    apart = torch.zeros(len(p))
    apart[far] = ((p - q)[far] ** 2).sum(dim=1).sqrt()
    return apart


# %% Wrong: no slope for anybody tags=["wrong"]
def distance(p, q):
    return ((p - q) ** 2).sum(dim=1).sqrt().detach() + 0 * p.sum()
