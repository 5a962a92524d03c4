# %% [markdown]
# # From a line to a network
#
# Hang a weight from a spring and it gets longer; how much longer for each newton?
# A straight line through a few measurements answers that (*linear regression*), and you can find it by the four things that training a large network repeats: a guess, a loss, a gradient, a step.
# Then a rubber band takes the spring's place, a line fits badly, and a network has to learn where to bend.
#
# If you came for a program to copy: [a line in twelve lines](../start.md#twelve-lines-that-learn), [the same line with `nn` and `optim`](#the-same-with-nn-and-optim), [a whole program with training, test, saving and loading](../training/loop.md).
#
# ## Eleven measurements
#
# The measurements are made up, by a rule that you know: 12 cm without a load, 3 cm more for each newton, and an error of half a centimetre or so.
# In the end you can compare what was learned with what is true.

# %% Measurements with a known rule
import torch

torch.manual_seed(0)
load = torch.arange(0, 5.5, 0.5)  # newtons
truth = 12 + 3 * load  # centimetres
length = truth + 0.5 * torch.randn(11)
length

# %% [markdown]
# The seed makes the errors the same each time ([Randomness](../tensors/randomness.md)).
# You will see many pictures, so make a function for the part that they have in common.

# %% Eleven points, almost a line
import matplotlib.pyplot as plt


def chart(title, xlabel="load in N", ylabel="length in cm"):
    fig, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return axes


axes = chart("Eleven measurements of a spring")
axes.plot(load, length, "o")
plt.show()

# %% [markdown]
# ## A guess, and how wrong it is
#
# A line has two numbers: its slope, and its value at zero, which is the spring's length at rest.
# Guess both, a bit carelessly.

# %% A careless guess
slope, rest = 2.0, 14.0
guess = rest + slope * load
error = guess - length
error

# %% [markdown]
# The guess is too long for light loads and too short for heavy ones.

# %% Every miss is a length
axes = chart("What the guess gets wrong")
axes.plot(load, length, "o", label="measured")
axes.plot(load, guess, label="guessed")
axes.vlines(load, guess, length, linestyles="dotted", label="error")
axes.legend()
plt.show()

# %% [markdown]
# To improve a guess you need *one* number that says how bad it is, the **loss**.
# The sum of the errors will not do, since too long and too short cancel each other.
# Squares do not cancel, so take their mean.

# %% The loss by hand
loss = (error**2).mean()
loss

# %% [markdown]
# The library has this mean squared error too: `torch.nn.functional.mse_loss(guess, length) == loss`{.proof}.
#
# ## Which way is better
#
# Raise the slope by a tiny $d$, and each guess rises by $d$ times its load.
# So its error grows by $\text{load} \cdot d$, and its squared error from $\text{error}^2$ to $(\text{error} + \text{load} \cdot d)^2$.
# Multiply that out, and the middle term, which comes twice, is $2 \cdot \text{error} \cdot \text{load} \cdot d$; the last one has $d^2$, which is so small for a tiny $d$ that it is dropped.
# The loss changes by the mean of the middle terms.
# What stands before the $d$ is the **gradient** of the slope.
# For the rest, which moves all guesses by the same amount, the load drops out.

# %% The gradient by hand
slope_gradient = (2 * error * load).mean()
rest_gradient = (2 * error).mean()
print(slope_gradient)
print(rest_gradient)

# %% [markdown]
# Both are negative: a slightly larger slope would make the loss smaller, and so would a slightly longer rest, though much less.
#
# You could derive such formulas for a network of a million numbers as well, but you would not want to.
# Autograd does it for you: mark the two numbers, calculate as before, call `backward`.

# %% Autograd finds the same
slope = torch.tensor(2.0, requires_grad=True)
rest = torch.tensor(14.0, requires_grad=True)
loss = ((rest + slope * load - length) ** 2).mean()
loss.backward()
print(slope.grad)
print(rest.grad)

# %% [markdown]
# It wrote down the steps from the two numbers to the loss, and walked them backwards; [Autograd](../autograd/backward.md) tells how.
#
# ```graph
# loss
# ```
#
# What it found is what you derived (`torch.allclose(slope.grad, slope_gradient)`{.proof}, `torch.allclose(rest.grad, rest_gradient)`{.proof}).
# The loads and lengths were not marked, so they got no gradient (`load.grad is None`{.proof}): you are not going to change the measurements.
#
# ## One step
#
# Move both numbers against their gradients, by a small part of them: [gradient descent](../training/descent.md).
# That part is the **learning rate**, here 0.05.

# %% One step against the gradient
with torch.no_grad():
    slope -= 0.05 * slope.grad
    rest -= 0.05 * rest.grad
print(slope, rest)
print(((rest + slope * load - length) ** 2).mean())

# %% [markdown]
# The loss fell from `loss.item():.2f`{.value} to `((rest + slope * load - length) ** 2).mean().item():.2f`{.value}.
#
# [`no_grad`](../autograd/switches.md#no_grad-nothing-is-written-down) says that the step is no part of the calculation.
# Without it, `slope -= …` raises; [The ball](ball.py), another walk-through, shows the error.
# `slope = slope - …` raises nothing there and then: it puts the result of a subtraction in the place of your marked number (`not (slope - 0.05).is_leaf`{.proof}), `backward` stores no gradient in it, and the next step finds `None`.
#
# The next step needs the gradient at the new place.
# But the old one is still there.

# %% Old gradients stay
old = slope.grad.clone()
loss = ((rest + slope * load - length) ** 2).mean()
loss.backward()
new = (2 * (rest + slope * load - length) * load).mean()
print(f"old {old:.4f}, new {new:.4f}, stored {slope.grad:.4f}")

# %% [markdown]
# `backward` adds to what it finds: `torch.allclose(slope.grad, old + new)`{.proof}.
# So clear the gradients before each `backward`, by setting them to `None`.
#
# ## The whole loop
#
# That is all of training: calculate the loss, clear, go backwards, step; again and again.
# Start once more from the careless guess, and keep a record of the way.

# %% Five hundred steps by hand
slope = torch.tensor(2.0, requires_grad=True)
rest = torch.tensor(14.0, requires_grad=True)
path = []
for step in range(500):
    loss = ((rest + slope * load - length) ** 2).mean()
    path.append([slope.item(), rest.item(), loss.item()])
    slope.grad = rest.grad = None
    loss.backward()
    with torch.no_grad():
        slope -= 0.05 * slope.grad
        rest -= 0.05 * rest.grad
    if step % 100 == 0:
        print(f"step {step}: loss {loss:.4f}")
print(f"slope {slope:.3f}, rest {rest:.3f}")

# %% [markdown]
# From step 200 on, four digits of the loss no longer change (`{f"{loss:.4f}" for *_, loss in path[200:]} == {"0.2581"}`{.proof}).

# %% The line that was learned
axes = chart("The line after 500 steps")
axes.plot(load, length, "o", label="measured")
axes.plot(load, (rest + slope * load).detach(), label="learned")
axes.plot(load, truth, "--", label="true")
axes.legend()
plt.show()

# %% [markdown]
# Learned and true line are almost one, but `slope.item():.3f`{.value} is not 3 and `rest.item():.3f`{.value} is not 12.
# Did it stop too early?
# For straight lines there is a formula that needs no steps ([More equations than unknowns](../tensors/linalg.md#more-equations-than-unknowns)).

# %% The best line has a formula
columns = torch.stack([load, torch.ones(11)], dim=1)  # (11, 2)
best = torch.linalg.lstsq(columns, length).solution
best

# %% [markdown]
# It is the same line: `torch.allclose(torch.stack([slope, rest]), best, atol=1e-3)`{.proof}.
# For these eleven points even the true line is worse (`((truth - length) ** 2).mean() > loss`{.proof}).
# Training finds the line that suits the measurements, errors and all; it knows nothing else.
#
# With many more measurements, over the same loads, it usually comes nearer to the truth, provided that each error is drawn anew and is zero on average, at light loads as at heavy ones.
# So it is with `randn`.
# Many examples take `rand`, which has no negative numbers.

# %% Errors that only push up
torch.manual_seed(0)
many = torch.linspace(0, 5, 2001)
both_ways = 12 + 3 * many + 0.5 * torch.randn(2001)
upward = 12 + 3 * many + torch.rand(2001)
many_columns = torch.stack([many, torch.ones(2001)], dim=1)
for measured in (both_ways, upward):
    print(torch.linalg.lstsq(many_columns, measured).solution.round(decimals=2))

# %% [markdown]
# Two thousand measurements: with `randn` the line is nearer to the truth than before, with `rand` the spring seems half a centimetre too long.
# No training can repair that: `rand` is 0.5 on average, and what is always added looks like a part of the spring.
# Nor is it enough that errors go both ways: 0.2 less, and the spring still seems too long (`torch.linalg.lstsq(many_columns, upward - 0.2).solution[1] > 12.2`{.proof}).
# Nor that they cancel in all: too short for light loads and too long for heavy ones, and it seems softer (`torch.linalg.lstsq(many_columns, 12 + 3 * many + 0.1 * (many - many.mean())).solution[0] > 3.05`{.proof}).
# Nor that each is zero on average, if they hang together: where each error is the one before and a little more or less, the spring seems too long on one day and too short on another (`min(rests := [torch.linalg.lstsq(many_columns, 12 + 3 * many + (0.05 * torch.randn(2001)).cumsum(0)).solution[1] for _ in range(100)]) < 11.5 and max(rests) > 12.5`{.proof}).
#
# ## Forgotten zeros
#
# What if you leave out the line that [clears the gradients](../training/optimizers.md#zero_grad-leaves-none)?
# Nothing raises.

# %% The slope that never settles
line = torch.tensor([2.0, 14.0], requires_grad=True)  # slope, rest
swings = []
for step in range(150):
    swings.append(line[0].item())
    ((columns @ line - length) ** 2).mean().backward()
    with torch.no_grad():
        line -= 0.05 * line.grad
axes = chart("Old gradients push on", "step", "slope")
axes.plot(swings, label="never cleared")
axes.plot([point[0] for point in path[:150]], label="cleared")
axes.set_ylim(1.8, 4.6)
axes.legend(loc="upper right", ncols=2)
plt.show()

# %% [markdown]
# Each step now follows the sum of all gradients since the start, like a ball that rolls in a bowl without friction: through the lowest point, up the other side, and back.
# In the last fifty steps it swings as far as in the first, give or take 0.02: `abs(max(swings[100:]) - min(swings[100:]) - max(swings[:50]) + min(swings[:50])) < 0.02`{.proof}.
#
# ## The same with nn and optim
#
# [`nn.Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) holds the two numbers, already marked, and calculates the line.
# It wants one example a row, so loads and lengths become columns.

# %% Linear is a line
from torch import nn
from torch.nn.functional import mse_loss

x, y = load[:, None], length[:, None]  # (11, 1)
model = nn.Linear(1, 1)
with torch.no_grad():
    model.weight.fill_(2.0)
    model.bias.fill_(14.0)
print(model.weight)
print(model.bias)

# %% [markdown]
# It would have begun with random numbers; now it repeats the careless guess (`torch.allclose(model(x), guess[:, None])`{.proof}).
# The columns are no formality.

# %% Eleven errors become 121
print((model(x) - length).shape)
print(((model(x) - length) ** 2).mean())
print(((model(x) - y) ** 2).mean())

# %% [markdown]
# A column less a row compares every guess with every length.
# Nothing raises, and you would train for another problem ([The loss that looks fine](../tensors/pairs.md#the-loss-that-looks-fine)).
#
# An [optimizer](../training/optimizers.md) gets the numbers to be changed and the rate; `zero_grad` clears, `step` steps.

# %% Five hundred steps by SGD
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
record = []
for step in range(500):
    loss = mse_loss(model(x), y)
    line = [model.weight.item(), model.bias.item()]
    record.append([*line, loss.item()])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"slope {model.weight.item():.3f}, rest {model.bias.item():.3f}")

# %% [markdown]
# Not only the end is the same: slope, rest and loss agree at all 500 steps (`torch.allclose(torch.tensor(record), torch.tensor(path), atol=1e-5)`{.proof}).
# `SGD` did nothing that you have not done by hand.
#
# ## The shape of the loss
#
# The loss is a landscape over all slopes and rests, and the steps are a way down.
# By [broadcasting](../tensors/broadcasting.md) you get the losses of 2500 lines at once.

# %% The way down a narrow valley
slopes = torch.linspace(1.8, 4.0, 50)  # along x
rests = torch.linspace(9, 15, 50)[:, None]  # along y
misses = rests[..., None] + slopes[:, None] * load - length
losses = (misses**2).mean(dim=-1)  # (rest, slope)
way = torch.tensor(path)[:80, :2]
axes = chart("Lines of equal loss", "slope", "rest")
axes.contour(slopes, rests[:, 0], losses, [0.3, 1, 3, 9], colors="gray")
axes.plot(way[:, 0], way[:, 1], ".-", label="80 steps")
axes.plot(best[0], best[1], "x", label="the best line")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# It is a narrow valley.
# The first step goes to its floor, and the others creep along it.
# A step with rate 0.05 removes `5 * torch.linalg.eigvalsh(2 * columns.T @ columns / 11)[1].item():.0f`{.value} % of what is wrong across the valley, but only `5 * torch.linalg.eigvalsh(2 * columns.T @ columns / 11)[0].item():.1f`{.value} % of what is wrong along it.
# A larger rate is faster along it.
# Across it, a step goes beyond the floor with a rate above `1 / torch.linalg.eigvalsh(2 * columns.T @ columns / 11)[1].item():.3f`{.value}, and with one above `2 / torch.linalg.eigvalsh(2 * columns.T @ columns / 11)[1].item():.3f`{.value} further beyond than it was before.

# %% A little too much is far too much
for rate in (0.10, 0.11):
    line = torch.tensor([2.0, 14.0], requires_grad=True)
    for step in range(200):
        line.grad = None
        loss = ((columns @ line - length) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            line -= rate * line.grad
    print(f"rate {rate:.2f}: loss {loss:.2g}")

# %% [markdown]
# When a loss grows from step to step, the first thing to try is [a smaller rate](../training/descent.md#learning-rate-too-small-too-large).
#
# The other cure changes the valley.
# It is narrow mostly because all loads lie on one side of zero: raise the slope, and the whole line rises too, so that the rest must give way.
# Measure the loads from their mean, in units of their spread, and the two numbers leave each other alone.
# All directions are equally steep then, and with rate 0.5 one step removes all that is wrong.

# %% In standard units one step is enough
standard = (load - load.mean()) / load.std(correction=0)
standard_columns = torch.stack([standard, torch.ones(11)], dim=1)
line = torch.zeros(2, requires_grad=True)
loss = ((standard_columns @ line - length) ** 2).mean()
loss.backward()
with torch.no_grad():
    line -= 0.5 * line.grad
    print(((standard_columns @ line - length) ** 2).mean())

# %% [markdown]
# This is the best line, in other units: `torch.allclose(standard_columns @ line, columns @ best)`{.proof}.
# A network has no such magic rate, but its valleys can be narrow too, and standard units are a cheap way to widen them.
#
# ??? info "How narrow the valley is, in numbers"
#
#     The second derivatives of the loss, a table of two by two, say how it is bent.
#     Its two eigenvalues say how strongly along the valley, where it is flattest, and across, where it is steepest.
#
#     ```table
#     with loads in newtons | torch.linalg.eigvalsh(2 * columns.T @ columns / 11)
#     with loads in standard units | torch.linalg.eigvalsh(2 * standard_columns.T @ standard_columns / 11)
#     at this rate a step overshoots by as much as was missing | 2 / torch.linalg.eigvalsh(2 * columns.T @ columns / 11)[1]
#     ```
#
#     A step removes the rate times the eigenvalue of what is wrong in its direction: 0.5 · 2 is all of it.
#
# ## A rubber band
#
# Now hang the weights from a rubber band.
# It is stiff at first, then gives way, then is stiff again.
# You measure 24 times, with errors of about a centimetre.


# %% Measurements that bend twice
def band(x):
    return 10 + 20 * torch.sigmoid(2 * (x - 2.5))


torch.manual_seed(2)
x = torch.linspace(0, 5, 24)[:, None]  # (24, 1)
y = band(x) + torch.randn(24, 1)

# %% [markdown]
# A model is wanted for loads that nobody has measured.
# To know how good it is there, hold half of the measurements back, chosen at random, and train on the other half.

# %% Half is held back
order = torch.randperm(24)
x_train, x_held = x[order[:12]], x[order[12:]]
y_train, y_held = y[order[:12]], y[order[12:]]


def band_chart(title):
    axes = chart(title)
    axes.plot(x_train, y_train, "o", label="to train on")
    axes.plot(x_held, y_held, "o", fillstyle="none", label="held back")
    return axes


# %% [markdown]
# First a line, by the formula.

# %% The best line for a curve
ones = torch.ones(12, 1)
train_columns = torch.cat([x_train, ones], dim=1)
band_line = torch.linalg.lstsq(train_columns, y_train).solution
line_held = torch.cat([x_held, ones], dim=1) @ band_line
print(f"best line {mse_loss(line_held, y_held):.2f}")
print(f"true rule {mse_loss(band(x_held), y_held):.2f}")
axes = band_chart("A rubber band, and a line")
ends = torch.tensor([[0.0, 1.0], [5.0, 1.0]])
axes.plot(ends[:, 0], ends @ band_line, label="best line")
axes.legend()
plt.show()

# %% [markdown]
# Even the true rule has a loss on the held-back half, because of the errors of measuring.
# The line has five times as much (`5 < mse_loss(line_held, y_held) / mse_loss(band(x_held), y_held) < 5.5`{.proof}), and its misses have a pattern: too short, too long, too short, too long.
# No other line does better on the points to train on, for there the gradient is 0 (`(train_columns.T @ (train_columns @ band_line - y_train)).abs().max() < 1e-3`{.proof}), so more training is of no use.
#
# ## Where to bend
#
# A network has layers, so put two lines one behind the other.

# %% Two lines in a row are a line
torch.manual_seed(0)
two = nn.Sequential(nn.Linear(1, 8), nn.Linear(8, 1))
one_slope = two[1].weight @ two[0].weight  # (1, 1)
one_rest = two[1].weight @ two[0].bias + two[1].bias  # (1,)
torch.allclose(two(x), x @ one_slope + one_rest, atol=1e-6)

# %% [markdown]
# Eight lines, added up by a ninth, and all they make is one slope and one rest.
# Between the layers there has to be something that is no line.
# A simple one is `relu`: it puts zero in the place of all that is negative, and so bends a line at one point.
# With two bends you can draw a fair rubber band by hand.


# %% Two bends by hand
def two_bends(x):
    return 10 + 10 * torch.relu(x - 1.5) - 10 * torch.relu(x - 3.5)


fine = torch.linspace(0, 5, 501)[:, None]
axes = chart("Flat, up, flat")
axes.plot(x, y, "o", label="measured")
axes.plot(fine[::10], two_bends(fine[::10]), label="two bends")
axes.legend()
plt.show()

# %% [markdown]
# The first `relu` is silent up to 1.5 N, then adds 10 cm for each newton; from 3.5 N on, the second takes as much away.
# This *is* a network, with one hidden layer of two units.

# %% The same as a network
hand = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
with torch.no_grad():
    hand[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
    hand[0].bias.copy_(torch.tensor([-1.5, -3.5]))
    hand[2].weight.copy_(torch.tensor([[10.0, -10.0]]))
    hand[2].bias.fill_(10.0)
    print(f"by hand {mse_loss(hand(x_held), y_held):.2f}")

# %% [markdown]
# It draws your line (`torch.allclose(hand(fine), two_bends(fine))`{.proof}), and has less than half the loss of the best straight one (`mse_loss(hand(x_held), y_held) < mse_loss(line_held, y_held) / 2`{.proof}).
# Each of the two hidden units brings one bend; weights and biases say where it lies and how sharp it is.
# You need not choose them: they are numbers like slope and rest, and the loop can find them.
#
# ## A network learns the curve
#
# Standard units first, for lengths as well as loads.
# Mean and spread are taken from the training half alone, as the held-back half must not help.
# They belong to the model no less than its weights do: without them its answers are no centimetres.
# So make [a model class](../training/modules.md) of your own, which keeps them in a [**buffer**](../training/modules.md#parameter-buffer-or-plain-tensor), a tensor that is saved with the parameters but not trained.


# %% A model that knows its units
class Curve(nn.Module):
    def __init__(self, layers, units=(0.0, 1.0, 0.0, 1.0)):
        super().__init__()
        self.layers = layers
        self.register_buffer("units", torch.tensor(units))

    def forward(self, x):
        x_mean, x_std, y_mean, y_std = self.units
        return y_mean + y_std * self.layers((x - x_mean) / x_std)


# %% [markdown]
# `__init__` says what the model holds, `forward` what it does when you call it.
# `super().__init__()` comes first, or layers cannot be held.

# %% Sixteen units to begin with
units = [x_train.mean(), x_train.std()]
units += [y_train.mean(), y_train.std()]
torch.manual_seed(3)
layers = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1))
small = Curve(layers, units)
for name, value in small.state_dict().items():
    print(name, tuple(value.shape))

# %% [markdown]
# Assigning the layers was enough for the model to find their parameters: the optimizer gets `sum(p.numel() for p in small.parameters())`{.value} numbers, and `units` is not among them.
# [`Adam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html) goes by the gradients too, but gives each number a step of its own, made from all the gradients that it has seen so far.

# %% Six hundred steps by Adam
optimizer = torch.optim.Adam(small.parameters(), lr=0.02)
for step in range(600):
    loss = mse_loss(small(x_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

small.eval()
with torch.no_grad():
    print(f"trained on {mse_loss(small(x_train), y_train):.2f}")
    print(f"held back {mse_loss(small(x_held), y_held):.2f}")

# %% [markdown]
# The same loop; only the model and the optimizer are others.
# Before judging, [`eval`](../autograd/switches.md#eval-for-layers-not-for-gradients) switches off what should act in training only.
# There is no such part in this model, but it is a good habit.
# `eval` does not replace `no_grad`, as autograd would still write down the steps (`not small.training and small(x_held).requires_grad`{.proof}).
#
# Where does the network bend?
# Each hidden unit does so where its line crosses zero.

# %% A curve made of straight pieces
with torch.no_grad():
    curve = small(fine)
    bends = -small.layers[0].bias / small.layers[0].weight[:, 0]
    bends = units[0] + units[1] * bends  # in newtons again
    inside = bends[(bends > 0) & (bends < 5)]
axes = band_chart("Sixteen units")
axes.plot(fine[::20], band(fine[::20]), "--", label="true")
axes.plot(fine, curve, label="network")
axes.plot(inside, torch.full_like(inside, 7), "|", label="bends")
axes.legend()
plt.show()

# %% [markdown]
# Nine of the sixteen units bend between 0 and 5 N (`len(inside) == 9`{.proof}), the others where nobody measured.
# Seven of the nine lie less than half a newton from the two places that you chose by eye (`((inside[:, None] - torch.tensor([1.5, 3.5])).abs() < 0.5).sum() == 7`{.proof}), where the rubber gives way and where it stiffens again.
# In between, the curve is straight: of 499 small steps, at most two for each bend rise differently from the step before, while the true curve bends in more than 400 of them (`(curve.diff(n=2, dim=0).abs() > 1e-4).sum() <= 18`{.proof}, `(band(fine).diff(n=2, dim=0).abs() > 1e-4).sum() > 400`{.proof}).
#
# ## Too much of a good thing
#
# If sixteen units are good, are more better?
# Here are two hidden layers of fifty, with `Tanh`, which bends smoothly.


# %% More numbers than there is to learn
def wide():
    return nn.Sequential(
        nn.Linear(1, 50),
        nn.Tanh(),
        nn.Linear(50, 50),
        nn.Tanh(),
        nn.Linear(50, 1),
    )


torch.manual_seed(0)
large = Curve(wide(), units)
sum(p.numel() for p in large.parameters())

# %% [markdown]
# So many numbers for twelve points.
# Watch both halves while it trains, every tenth step, and keep a copy from the one with the lowest held-back loss.
# `state_dict` alone makes no copy: it hands over the very tensors that go on changing (`large.state_dict()["layers.0.weight"].data_ptr() == large.layers[0].weight.data_ptr()`{.proof}), so clone them.

# %% Watching both halves
optimizer = torch.optim.Adam(large.parameters(), lr=0.01)
history = []
lowest = float("inf")
for step in range(1300):
    loss = mse_loss(large(x_train), y_train)
    if step % 10 == 0:
        with torch.no_grad():
            held = mse_loss(large(x_held), y_held).item()
        history.append([loss.item(), held])
        if held < lowest:
            lowest = held
            kept = {k: v.clone() for k, v in large.state_dict().items()}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"trained on {loss:.2f}, held back {held:.2f}, lowest {lowest:.2f}")

# %% One falls, one rises
axes = chart("One falls, the other turns", "step", "loss")
axes.plot(range(0, 1300, 10), history, label=["trained on", "held back"])
axes.set_ylim(0, 2)
axes.legend()
plt.show()

# %% [markdown]
# The loss on the training half goes towards zero, as it should.
# On the held-back half it was lowest after `10 * [h for _, h in history].index(lowest)`{.value} steps, and in the end it is more than twice as high (`held > 2 * lowest`{.proof}).
# By then the network has learned not only the rubber band but the errors in twelve measurements, too.
# This is **overfitting**; the training half does not show it.

# %% Early and late
early = Curve(wide(), units)
early.load_state_dict(kept)
with torch.no_grad():
    axes = band_chart("Stopped early, and trained on")
    axes.plot(fine[::20], band(fine[::20]), "--", label="true")
    axes.plot(fine[::5], early(fine[::5]), label="early")
    axes.plot(fine[::5], large(fine[::5]), label="late")
axes.legend()
plt.show()

# %% [markdown]
# The late curve passes all points that it was trained on within a millimetre (`(large(x_train) - y_train).abs().max() < 0.1`{.proof}), and swings between them.
# The early one is calm, but was `lowest:.2f`{.value} its true loss?
# That is less than the `mse_loss(band(x_held), y_held).item():.2f`{.value} of the true rule itself, so something flatters it: step `10 * [h for _, h in history].index(lowest)`{.value} was picked from `len(history)`{.value} because it suited these twelve points.
# Points that helped to choose can no longer judge.
# You would have to measure afresh; here you can ask the rule.

# %% The judge that chose nothing
with torch.no_grad():
    for name, model in {"small": small, "early": early, "late": large}.items():
        print(f"{name} {mse_loss(model(fine), band(fine)):.2f}")

# %% [markdown]
# Stopping early was right: the late network is further from the truth (`mse_loss(large(fine), band(fine)) > 3 * mse_loss(early(fine), band(fine))`{.proof}).
# But the small network, whose held-back loss of `mse_loss(small(x_held), y_held).item():.2f`{.value} looked almost twice as bad as the early one's, is almost as near (`0 < mse_loss(small(fine), band(fine)) - mse_loss(early(fine), band(fine)) < 0.1`{.proof}).
#
# ## Keep what was learned
#
# A file outlives the session, and [the numbers](../training/saving.md#what-is-in-the-file) are all that has to be in it.

# %% Save the numbers
torch.save(small.state_dict(), "band.pt")
print(*torch.load("band.pt"), sep=", ")

# %% [markdown]
# Whoever loads them builds the model first, by the same code.
# It begins with other random numbers and other units, and gives other lengths.

# %% The same predictions again
layers = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1))
loaded = Curve(layers)
print(torch.allclose(loaded(fine), small(fine)))
loaded.load_state_dict(torch.load("band.pt"))
print(torch.equal(loaded(fine), small(fine)))

# %% [markdown]
# Not nearly the same, but the same: every number came back, and the buffer brought the units along (`loaded.units.tolist() == small.units.tolist()`{.proof}).
# Had the mean and the spread been variables beside the model, the loaded one would answer in standard units.
#
# Old tutorials save the whole model, so that nobody has to build it.

# %% A whole model is refused
from pickle import UnpicklingError

torch.save(small, "whole.pt")
try:
    torch.load("whole.pt")
except UnpicklingError as error:
    print(str(error).split(".")[0])

# %% [markdown]
# Such a file can make Python run anything while it is loaded, so since version 2.6 `load` by itself refuses what is [more than tensors and plain data](../training/saving.md#weights-only-load-failed).
# `weights_only=False` lets it in: say it only for files that you made yourself; or save a `state_dict`, and you need not.
#
# Old loops say `loss.data[0]`, from a time when a loss had one axis.

# %% A line from 2017 tags=["raises-exception"]
loss.data[0]

# %% [markdown]
# Now it has none (`loss.shape == ()`{.proof}), and `loss.item()` is the number.
# Old loops also step by `param.data.add_(…)`, where you now say `no_grad`; and `Variable(x)`, which once wrapped a tensor for autograd, makes an ordinary one (`type(torch.autograd.Variable(x)) is torch.Tensor`{.proof}).
#
# One question is left: how long is the rubber band with 3.3 N, a load that was never measured?

# %% An answer in centimetres
with torch.no_grad():
    answer = loaded(torch.tensor([[3.3]]))
print(f"network {answer.item():.1f} cm")
print(f"true rule {band(torch.tensor(3.3)).item():.1f} cm")

# %% [markdown]
# Next on the path: [Modules](../training/modules.md), the parts that this network was built from.
