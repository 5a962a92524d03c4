"""A chapter that holds every kind of line, and takes little time."""

# %% A column of prices
import torch

prices = torch.tensor([2, 5, 9])
column = prices[:, None]
print("in all", column.sum())
column

# %% A line of squares tags=["hide-input"]
import matplotlib.pyplot as plt

_, axes = plt.subplots(figsize=(3, 2))
_ = axes.plot(prices, prices**2)

# %% The library warns
guess = torch.ones(3, 1)
torch.nn.functional.mse_loss(guess, torch.ones(3))

# %% Sizes that never meet tags=["raises-exception"]
prices + torch.ones(2)

# %% Double tags=["exercise"]
numbers = torch.ones(3)


def double(values):
    return values


assert torch.equal(double(numbers), numbers + numbers)


# %% Solution: double tags=["solution"]
def double(values):
    return 2 * values


print(double(numbers))


# %% Wrong: squared tags=["wrong"]
def double(values):
    return values**2
