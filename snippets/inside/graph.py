"""Inside autograd: nodes, saved values, graphs that Python decides, corners."""

# %% The graph, printed from the end
import torch

grid = torch.ones(4, 3, requires_grad=True)
shifted = grid + 5
scaled = shifted * shifted * 5
out = scaled.mean()


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


# %% A node is a function
a = torch.tensor(1.0, requires_grad=True)
b = a**2
c = 5 * b
into_c = torch.tensor(1.0)
into_b, _ = c.grad_fn(into_c)
into_a = b.grad_fn(into_b).detach()
print(into_c, into_b, into_a)


# %% Exp keeps its own result
growth = a.exp()
saved = growth.grad_fn._saved_result
print(saved.data_ptr() == growth.data_ptr())


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


# %% Two corners and a wall
import matplotlib.pyplot as plt

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
origin = torch.tensor(0.0, requires_grad=True)
corner_of = {
    "relu": torch.relu(origin),
    "maximum": torch.maximum(origin, torch.tensor(0.0)),
    "clamp": origin.clamp(min=0),
}
for name, corner in corner_of.items():
    (slope,) = torch.autograd.grad(corner, origin)
    print(f"{name:9}{slope}")


# %% The identity with slope zero
for at in [origin, three]:
    identity = torch.relu(at) - torch.relu(-at)
    (slope,) = torch.autograd.grad(identity, at)
    print(f"at {at.item()}: slope {slope.item()}")


# %% Small steps drown in rounding
def curve(x):
    return x**3 - 3 * x


two = torch.tensor(2.0)
for step in [0.1, 0.001, 0.00001, 0.0000001]:
    rise = curve(two + step) - curve(two - step)
    print(f"{step:<7g}{(rise / (2 * step)).item():.4f}")


# %% Exercise: find the leaves tags=["exercise"]
def leaves_of(node):
    """Every leaf that a backward from `node` would reach, each once."""
    return []  # your code here


width = torch.tensor(2.0, requires_grad=True)
depth = torch.tensor(2.0, requires_grad=True)  # an equal number, another leaf
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


# %% Wrong: equal numbers are one leaf tags=["wrong"]
def leaves_of(node):
    if node is None:
        return []
    if hasattr(node, "variable"):
        return [node.variable]
    unique = []
    for parent, _ in node.next_functions:
        for leaf in leaves_of(parent):
            if leaf not in unique:
                unique.append(leaf)
    return unique


# %% Exercise: the longest path tags=["exercise"]
def longest(node):
    """Operations on the longest way from `node` to a leaf."""
    return 0  # your code here


seed = torch.tensor(2.0, requires_grad=True)
side_road = seed.exp()
assert longest(side_road.grad_fn) == 1, "one operation"
wave = seed.sin()
assert longest((wave * wave.cos() * wave).grad_fn) == 4, "the sine, the cosine, two products"
assert longest((seed * seed.sin().cos() + side_road).grad_fn) == 4


# %% Solution: the longest path tags=["solution"]
def longest(node):
    """Operations on the longest way from `node` to a leaf."""
    if node is None or hasattr(node, "variable"):
        return 0
    return 1 + max(longest(parent) for parent, _ in node.next_functions)


assert longest((seed * seed.sin().cos() + side_road).grad_fn) == 4
print(longest((side_road * side_road).sqrt().grad_fn))


# %% Wrong: the first input only tags=["wrong"]
def longest(node):
    if node is None or hasattr(node, "variable"):
        return 0
    return 1 + longest(node.next_functions[0][0])


# %% Wrong: each node visited once tags=["wrong"]
def longest(node):
    visited = set()

    def below(node):
        if node is None or hasattr(node, "variable") or node in visited:
            return 0
        visited.add(node)
        return 1 + max(below(parent) for parent, _ in node.next_functions)

    return below(node)


# %% Wrong: the leaf counted tags=["wrong"]
def longest(node):
    if node is None:
        return 0
    return 1 + max([longest(parent) for parent, _ in node.next_functions], default=0)


# %% Wrong: all operations tags=["wrong"]
def longest(node):
    if node is None or hasattr(node, "variable"):
        return 0
    return 1 + sum(longest(parent) for parent, _ in node.next_functions)


# %% Exercise: your own backward tags=["exercise"]
def walk_back(node, gradient, found):
    """Add to `found[leaf]` what each path from `node` brings to that leaf."""
    # your code here: call node(gradient), then go on to node.next_functions


p = torch.tensor(2.0, requires_grad=True)
q = torch.tensor(3.0, requires_grad=True)
power = p.exp()
tangle = (p * q + power) * (power - 1) * q

gradients = {}
walk_back(tangle.grad_fn, torch.tensor(1.0), gradients)
expected = torch.autograd.grad(tangle, [p, q], retain_graph=True)
print(expected)
assert gradients, "no leaf was reached"
assert torch.allclose(gradients[p], expected[0])
assert torch.allclose(gradients[q], expected[1])
halves = {}
walk_back(tangle.grad_fn, torch.tensor(0.5), halves)
assert torch.allclose(halves[p], expected[0] / 2)


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


# %% Wrong: not waiting for the rest tags=["wrong"]
def walk_back(node, gradient, found):
    visited, waiting = set(), [(node, gradient)]
    while waiting:
        node, gradient = waiting.pop()
        if hasattr(node, "variable"):
            found[node.variable] = found.get(node.variable, 0) + gradient
        elif node is not None and node not in visited:
            visited.add(node)
            results = node(gradient)
            results = results if isinstance(results, tuple) else (results,)
            waiting += [(parent, result) for (parent, _), result in zip(node.next_functions, results)]


# %% Wrong: added, never multiplied tags=["wrong"]
def walk_back(node, gradient, found):
    if hasattr(node, "variable"):
        found[node.variable] = found.get(node.variable, 0) + gradient
        return
    for parent, _ in node.next_functions:
        if parent is not None:
            walk_back(parent, gradient, found)


# %% Wrong: as the library does it tags=["wrong"]
def walk_back(node, gradient, found):
    found[p], found[q] = torch.autograd.grad(tangle, [p, q], retain_graph=True)
