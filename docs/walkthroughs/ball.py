# %% [markdown]
# # A ball, its speed and its highest point
#
# You throw a ball straight up at 12 metres a second.
# After $t$ seconds it is $12\,t - \frac{g}{2} t^2$ metres above your hand, with $g = 9.81$.
# From this one line of code autograd reads the speed, and gradient steps find the highest point.

# %% One formula, nine moments
import torch


def height(t):
    return 12 * t - 9.81 / 2 * t**2


t = torch.linspace(0, 2.4, 9, requires_grad=True)
h = height(t)
h

# %% [markdown]
# The ball is back after almost two and a half seconds: at 2.4 it is still above your hand, at 2.5 it would be below (`height(2.4) > 0 > height(2.5)`{.proof}).
#
# ## Speed is a slope
#
# Nobody wrote down a formula for the speed.
# [Backward](../autograd/backward.md) gives one slope for each moment: each height depends on its own moment only, so the slopes of their sum are the slopes of the heights.

# %% The slope at every moment
h.sum().backward()
t.grad

# %% [markdown]
# It starts at 12 and loses 9.81 each second: `torch.allclose(t.grad, 12 - 9.81 * t)`{.proof}.
# The slope says which way, too: above zero the ball rises, below zero it falls, and in between it turns.

# %% The path and its speed
import matplotlib.pyplot as plt

plt.plot(t.detach(), h.detach(), "o-", label="height in m")
plt.plot(t.detach(), t.grad, "s--", label="speed in m/s")
plt.xlabel("seconds")
plt.legend()
plt.show()

# %% [markdown]
# ## Climbing to the top
#
# Training steps *against* the gradient, to make a loss small.
# Here you step along it, to make a height large, and start from a bad guess.

# %% Twenty steps uphill
guess = torch.tensor(0.2, requires_grad=True)
for _ in range(20):
    (slope,) = torch.autograd.grad(height(guess), guess)
    with torch.no_grad():
        guess += 0.05 * slope
print(f"{guess:.4f} s, {height(guess):.4f} m")

# %% [markdown]
# At the top the speed is zero, which is at $12 / 9.81$ seconds: `torch.isclose(guess, torch.tensor(12 / 9.81))`{.proof}.
# `+=` writes into `guess` itself: mark that as no part of the calculation, or autograd refuses it.

# %% A step that autograd would record tags=["raises-exception"]
guess += 0.05 * slope
