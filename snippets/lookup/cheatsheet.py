"""Cheat sheet: what the lines of each group start from."""

# %% Imports
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

# %% Two kinds of numbers
numbers = torch.tensor([3, 1, 2])
floats = torch.tensor([1.5, -2.5])

# %% Two rows of three
grid = torch.arange(6).view(2, 3)

# %% Writing through an index
written = grid.clone()
written[0] = 9
written[written < 5] = 0

# %% Two short rows
a = torch.tensor([1, 2])
b = torch.tensor([3, 4])

# %% A matrix of ones
left = torch.ones(2, 3)
right = torch.ones(3, 4)

# %% One memory
array = np.array([1.0, 2.0])
shared = torch.from_numpy(array)
array[0] = 9

# %% A stream of its own
generator = torch.Generator().manual_seed(0)

# %% A loss and its slopes
w = torch.tensor([1.0, 2.0], requires_grad=True)
square = (w**2).sum()
square.backward()
with torch.no_grad():
    doubled = w * 2


# %% A network
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.hidden(x).relu())


net = Net()

# %% Scores and labels
logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
labels = torch.tensor([0, 1])

# %% An optimizer
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)

# %% The loop
torch.manual_seed(0)
x = torch.tensor([[1.0], [2.0], [3.0]])
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(100):
    loss = F.mse_loss(model(x), 2 * x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model.eval()
with torch.inference_mode():
    guess = model(torch.tensor([[4.0]]))

# %% Ten samples
dataset = TensorDataset(torch.arange(10), torch.arange(10) ** 2)
loader = DataLoader(dataset, batch_size=4, shuffle=True)

# %% A file
torch.save(model.state_dict(), "model.pt")
state = torch.load("model.pt", weights_only=True)

# %% Chosen once
device = "cuda" if torch.cuda.is_available() else "cpu"
model = model.to(device)
with torch.autocast("cpu", dtype=torch.bfloat16):
    half = left @ right
