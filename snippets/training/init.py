"""Initialisation: which numbers a model starts with, and why it matters."""

# %% One start for every layer
import torch
from torch import nn


def start(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(400, 50), nn.ReLU(), nn.Linear(50, 3))
print(f"{model[0].weight.std().item():.2f} by default")
model.apply(start)
print(f"{model[0].weight.std().item():.2f} now")
print(model[2].bias)

# %% Only one line stays level tags=["hide-input"]
import matplotlib.pyplot as plt

torch.manual_seed(0)
plt.figure(figsize=(4.5, 1.9))
starts = {"1": 1.0, "0.088, Kaiming": (2 / 256) ** 0.5, "0.036, as in nn.Linear": (3 * 256) ** -0.5, "0.01": 0.01}
for name, std in starts.items():
    x, powers = torch.randn(100, 256), []
    for _ in range(20):
        x = (x @ (std * torch.randn(256, 256))).relu()
        powers.append(x.abs().mean().log10())
    plt.plot(range(1, 21), powers, label=f"std {name}")
plt.xticks(range(0, 21, 5))
plt.xlabel("layer")
plt.ylabel("mean size,\nas a power of 10")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% Twenty layers, three starts
signal = torch.randn(100, 256)  # (example, feature)


def sizes(std, layers=20):
    """The mean size of the numbers after each layer."""
    x, found = signal, []
    for _ in range(layers):
        weight = std * torch.randn(256, 256)
        x = (x @ weight).relu()
        found.append(x.abs().mean().item())
    return found


kaiming = (2 / 256) ** 0.5
for std in (0.01, 1.0, kaiming):
    print(f"std {std:.3f}: {sizes(std)[-1]:.0e}")

# %% A product adds up, relu halves
weight = torch.randn(256, 256) / 256**0.5  # variance 1 / 256
product = signal @ weight
before, after = signal.square().mean(), product.square().mean()
kept = product.relu().square().mean()
print(f"product {after / before:.1f}, relu {kept / after:.1f}")


# %% Kaiming in two lines
def kaiming_by_hand_(weight):
    with torch.no_grad():
        return weight.normal_(0, (2 / weight[0].numel()) ** 0.5)


for shape in ((5, 4), (1, 300), (6, 3, 5, 5), (7, 2, 3)):
    for dtype in (torch.float32, torch.float64):
        mine = torch.empty(shape, dtype=dtype)
        theirs = torch.empty_like(mine)
        torch.manual_seed(1)
        kaiming_by_hand_(mine)
        torch.manual_seed(1)
        nn.init.kaiming_normal_(theirs, nonlinearity="relu")
        torch.testing.assert_close(mine, theirs)
print(mine.shape, mine[0].numel())

# %% Rows and columns swapped
weight = nn.init.kaiming_normal_(torch.empty(1000, 10))  # meant as (in, out)
print(f"std {weight.std().item():.2f}, wanted {(2 / 1000) ** 0.5:.2f}")

# %% Xavier keeps a tanh awake
torch.manual_seed(0)
for gain in (0.5, 1.0, nn.init.calculate_gain("tanh"), 4.0):
    x = signal
    for _ in range(20):
        weight = nn.init.xavier_normal_(torch.empty(256, 256), gain=gain)
        x = (x @ weight).tanh()
    asleep = (x.abs() > 0.97).float().mean()
    print(f"gain {gain:.2f}: std {x.std().item():.2f}, flat {asleep.item():.2f}")

# %% One over the root of the inputs
for inputs in (4, 100, 2500):
    layer = nn.Linear(inputs, 1000)
    print(inputs, round(layer.weight.abs().max().item(), 3), round(inputs**-0.5, 3))

# %% By default, the inputs are forgotten
torch.manual_seed(0)
x = signal
for layers in range(1, 11):
    x = nn.Linear(256, 256)(x).relu()
    if layers in (1, 3, 10):
        apart = x.std(dim=0).mean()
        print(f"{layers:2} layers: mean {x.mean().item():.0e}, apart {apart.item():.0e}")


# %% Twenty layers, forty steps
def deep():
    layers = [nn.Linear(2, 32)]
    for _ in range(19):
        layers += [nn.ReLU(), nn.Linear(32, 32)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 2))


def losses(model, steps=40):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)  # all weights in one call
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(points), quadrant)
        loss.backward()
        optimizer.step()
        yield loss.item()


torch.manual_seed(0)
points = torch.randn(200, 2)
quadrant = (points[:, 0] * points[:, 1] > 0).long()
for name, network in (("default", deep()), ("Kaiming", deep().apply(start))):
    history = list(losses(network))
    print(f"{name}: {history[0]:.1f}, then {history[-1]:.1f}")

# %% Too large for a number
x = signal
for _ in range(50):
    x = (x @ torch.randn(256, 256)).relu()
print(nn.functional.cross_entropy(x[:, :10], torch.zeros(100).long()))

# %% Equal neurons stay equal
same = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
for parameter in same.parameters():
    nn.init.constant_(parameter, 0.5)
with torch.no_grad():
    same[2].bias.copy_(torch.tensor([0.0, 0.1]))
    same[2].weight[1] = 0.4
for _ in losses(same):
    pass
print(same[0].weight.detach().numpy().round(3))

# %% Zeros let one bias move
zeros = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
for parameter in zeros.parameters():
    nn.init.zeros_(parameter)
nn.functional.cross_entropy(zeros(points), quadrant).backward()
for name, parameter in zeros.named_parameters():
    print(name, bool(parameter.grad.any()))

# %% The first loss is the logarithm of the classes
torch.manual_seed(0)
labels = torch.arange(100) % 10
head = nn.Linear(256, 10)
loss = nn.functional.cross_entropy(head(signal), labels)
print(f"{loss.item():.1f} by default")
nn.init.normal_(head.weight)
loss = nn.functional.cross_entropy(head(signal), labels)
print(f"{loss.item():.0f} with std 1")

# %% The bias of a rare class
rare = torch.zeros(1000)
rare[:10] = 1  # one in a hundred
for bias in (0.0, torch.tensor(0.01).logit().item()):
    guess = torch.full((1000,), bias)
    loss = nn.functional.binary_cross_entropy_with_logits(guess, rare)
    print(f"bias {bias:.1f}: loss {loss.item():.3f}")

# %% A norm layer forgives
for std in (0.01, 1.0):
    x = signal
    for _ in range(20):
        x = x @ (std * torch.randn(256, 256))
        x = nn.BatchNorm1d(256)(x).relu()
    print(f"std {std}: {x.abs().mean().item():.1f}")

# %% A bias has no fan tags=["raises-exception"]
nn.init.xavier_uniform_(model[0].bias)

# %% Not every module has a weight tags=["raises-exception"]
model.apply(lambda module: nn.init.xavier_uniform_(module.weight))

# %% Parameters are not for writing tags=["raises-exception"]
model[0].bias.fill_(0.1)

# %% No gain for GELU tags=["raises-exception"]
nn.init.kaiming_normal_(model[0].weight, nonlinearity="gelu")

# %% Without the underscore
print(nn.init.xavier_uniform(model[0].weight) is model[0].weight)


# %% Exercise: the bias that knows the classes tags=["exercise"]
def start_head_(head, labels):
    """Make the first guess, for every input, how often each class occurs."""
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(labels.bincount(minlength=len(head.bias)) / len(labels))
    return head


def check_head(start_head_):
    labels = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    head = start_head_(nn.Linear(5, 3), labels)
    guess = head(torch.randn(4, 5)).softmax(dim=1)
    shares = torch.tensor([0.7, 0.2, 0.1]).expand(4, 3)
    assert guess.allclose(shares, atol=1e-5), "not how often they occur"
    assert head.weight.requires_grad and head.bias.requires_grad, "they are still to be trained"
    two = start_head_(nn.Linear(5, 2), torch.tensor([0, 1, 1, 1]))
    assert two(torch.zeros(5)).softmax(dim=0).allclose(torch.tensor([0.25, 0.75]), atol=1e-5)


check_head(start_head_)


# %% Solution: the bias that knows the classes tags=["solution"]
def start_head_(head, labels):
    """Make the first guess, for every input, how often each class occurs."""
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_((labels.bincount(minlength=len(head.bias)) / len(labels)).log())
    return head


check_head(start_head_)


# %% Wrong: the odds instead of the share tags=["wrong"]
def start_head_(head, labels):
    share = labels.bincount() / len(labels)
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(share.logit())
    return head


# %% Wrong: a weight that still speaks tags=["wrong"]
def start_head_(head, labels):
    with torch.no_grad():
        head.bias.copy_((labels.bincount() / len(labels)).log())
    return head


# %% Wrong: the share instead of its logarithm tags=["wrong"]
def start_head_(head, labels):
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(labels.bincount(minlength=len(head.bias)) / len(labels))
    return head


# %% Exercise: a block that starts as nothing tags=["exercise"]
class Block(nn.Module):
    """x plus a small network of x; at the start, just x."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.last = nn.Linear(width, width)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x):
        return x + self.last(self.first(x).relu())


def check_block(cls):
    torch.manual_seed(0)
    block, x, target = cls(8), torch.randn(50, 8), torch.randn(50, 8)
    assert torch.equal(block(x), x), "a new block changes nothing"
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (block(x) - target).square().mean().backward()
        optimizer.step()
    assert all(parameter.grad.any() for parameter in block.parameters()), "after two steps, all of it learns"
    assert len(block.first.weight.unique(dim=0)) == 8, "eight different neurons"


check_block(Block)


# %% Solution: a block that starts as nothing tags=["solution"]
class Block(nn.Module):
    """x plus a small network of x; at the start, just x."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.last = nn.Linear(width, width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x):
        return x + self.last(self.first(x).relu())


check_block(Block)


# %% Wrong: the first layer zero tags=["wrong"]
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.last = nn.Linear(width, width)
        for parameter in [*self.first.parameters(), *self.last.parameters()]:
            nn.init.zeros_(parameter)
        nn.init.normal_(self.last.weight)

    def forward(self, x):
        return x + self.last(self.first(x).relu())


# %% Wrong: the first layer one tags=["wrong"]
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.last = nn.Linear(width, width)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        for parameter in self.first.parameters():
            nn.init.ones_(parameter)

    def forward(self, x):
        return x + self.last(self.first(x).relu())


# %% Wrong: nothing at all tags=["wrong"]
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.last = nn.Linear(width, width)

    def forward(self, x):
        return x


# %% Exercise: keep the size tags=["exercise"]
def keep_size_(weight):
    """Fill a weight (out, in, ...) so that the output is as large as the input."""
    return nn.init.normal_(weight)


def check_size(keep_size_):
    torch.manual_seed(0)
    for layer, shape in (
        (nn.Linear(1000, 50, bias=False), (500, 1000)),
        (nn.Linear(50, 1000, bias=False), (500, 50)),
        (nn.Conv2d(40, 10, 5, bias=False), (5, 40, 20, 20)),
    ):
        keep_size_(layer.weight)
        assert 0.9 < layer(torch.randn(shape)).std() < 1.1, layer
        assert layer.weight.is_leaf and len(layer.weight.unique()) > 1000, "leaves, all different"


check_size(keep_size_)


# %% Solution: keep the size tags=["solution"]
def keep_size_(weight):
    """Fill a weight (out, in, ...) so that the output is as large as the input."""
    return nn.init.normal_(weight, std=weight[0].numel() ** -0.5)


check_size(keep_size_)


# %% Wrong: the number of outputs tags=["wrong"]
def keep_size_(weight):
    return nn.init.normal_(weight, std=len(weight) ** -0.5)


# %% Wrong: the second axis only tags=["wrong"]
def keep_size_(weight):
    return nn.init.normal_(weight, std=weight.shape[1] ** -0.5)


# %% Wrong: Kaiming tags=["wrong"]
def keep_size_(weight):
    return nn.init.kaiming_normal_(weight)


# %% Wrong: a constant tags=["wrong"]
def keep_size_(weight):
    return nn.init.constant_(weight, weight[0].numel() ** -0.5)
