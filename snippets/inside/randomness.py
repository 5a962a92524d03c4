"""Inside randomness: the generator by hand, what changed between versions, and other processors."""

# %% Raw numbers from NumPy
import numpy as np
import torch

twister = np.random.RandomState(0)
raw = torch.tensor(twister.randint(2**32, size=200, dtype=np.uint32).tolist())
print(raw[:4])

# %% The stream is 32-bit integers
uniform = (raw & (2**24 - 1)) / 2**24
print(uniform[:4])
torch.manual_seed(0)
print(torch.rand(4))

# %% A remainder makes randint
print(raw[:8] % 10)
torch.manual_seed(0)
print(torch.randint(10, (8,)))


# %% Two raws make a double
def double(position):
    high, low = raw[position : position + 2].tolist()
    return ((high << 32 | low) & (2**53 - 1)) / 2**53


print([double(0), double(2)])
torch.manual_seed(0)
print(torch.rand(2, dtype=torch.float64).tolist())

# %% Dropout compares doubles
from torch.nn import functional as F

print([2.0 * (double(2 * i) < 0.5) for i in range(8)])
torch.manual_seed(0)
print(F.dropout(torch.ones(8), p=0.5))


# %% What each call takes
def seeded(function, *arguments, **options):
    torch.manual_seed(0)
    return function(*arguments, **options)


def taken(function, *arguments, **options):
    """How many raws of the stream a call takes."""
    seeded(function, *arguments, **options)
    return (uniform == torch.rand(1)).nonzero().item()


# %% Fifteen is not most of sixteen
fifteen = seeded(torch.randn, 15)
sixteen = seeded(torch.randn, 16)
print(fifteen[:4])
print(sixteen[:4])

# %% Below sixteen, in pairs
import math


def pair(position):
    radius = math.sqrt(-2 * math.log1p(-double(position + 2)))
    angle = 2 * math.pi * double(position)
    return [radius * math.cos(angle), radius * math.sin(angle)]


by_pairs = torch.tensor(pair(0) + pair(4))
print(by_pairs)


# %% From sixteen on, in blocks
def block(uniform16):
    radius = torch.sqrt(-2 * torch.log(1 - uniform16[:8]))
    angle = 2 * math.pi * uniform16[8:]
    return torch.cat([radius * angle.cos(), radius * angle.sin()])


by_block = block(uniform[:16])
print(by_block[:4])

# %% The last sixteen are redrawn
twenty = seeded(torch.randn, 20)
print(torch.isclose(twenty[:16], by_block))
print(torch.allclose(twenty[4:], block(uniform[20:36]), atol=1e-6))

# %% A normal waits in the state
torch.manual_seed(0)
half = torch.randn(1)
torch.rand(1)
other_half = torch.randn(1)
print(half, other_half)

# %% Seeds that are one seed
for seed in (0, 2**32, 7 * 2**32):
    torch.manual_seed(seed)
    print(torch.rand(3))

# %% Same raws, other recipe
print(np.random.RandomState(0).rand())
print(((raw[0] >> 5) * 2**26 + (raw[1] >> 6)).item() / 2**53)

# %% Asked again today
torch.manual_seed(0)
print(torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 4))
torch.manual_seed(0)
print(F.dropout(torch.ones(8), p=0.5))

# %% Addition has an order
torch.manual_seed(0)
terms = torch.rand(1000)


def one_by_one(numbers):
    total = torch.tensor(0.0)
    for number in numbers:
        total = total + number
    return total


print(f"{one_by_one(terms):.4f}")
print(f"{one_by_one(terms.flip(0)):.4f}")
print(f"{one_by_one(terms.sort().values):.4f}")

# %% A program for any processor
import json
import os
import subprocess
import sys

program = '''
import torch
from torch.nn import functional as F


def numbers(call):
    """Every number that the call returns, in full precision."""
    torch.manual_seed(0)
    return eval(call).flatten().tolist()


def losses(rate):
    """A small network learns the sign of a product; the loss at every step."""
    torch.manual_seed(0)
    inputs = torch.randn(64, 8)
    targets = inputs.prod(dim=1, keepdim=True).sign()
    layers = [torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1)]
    model = torch.nn.Sequential(*layers)
    history = []
    for _ in range(200):
        loss = F.mse_loss(model(inputs), targets)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
        history.append(loss.item())
    return history


def everything(calls):
    return {call: numbers(call) for call in calls} | {
        "gentle": losses(0.05),
        "rough": losses(0.2),
    }
'''
exec(program)

# %% Run it with another environment
tested = """
torch.rand(1000)
torch.randint(10, (1000,))
torch.randperm(1000)
F.dropout(torch.ones(1000))
torch.randn(15)
torch.randn(1000)
torch.randn(1000, dtype=torch.float64)
torch.nn.Linear(100, 10).weight
torch.rand(1000).softmax(0)
F.gelu(torch.rand(1000))
torch.rand(64, 64) @ torch.rand(64, 64)
torch.randint(9, (64, 64)).float() @ torch.ones(64, 64)
torch.rand(100_000).sum()
torch.randint(9, (100_000,)).sum()
""".split("\n")[1:-1]


report = f"import json\nprint(json.dumps(everything({tested})))"
variables = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "AVX2,STRICT", "ONEDNN_MAX_CPU_ISA": "SSE41"}
answer = subprocess.run([sys.executable, "-c", program + report], env=os.environ | variables, stdout=subprocess.PIPE)
other_cpu = json.loads(answer.stdout)
here = everything(tested)
threads = torch.get_num_threads()
torch.set_num_threads(2)
two_threads = {call: numbers(call) for call in tested}
torch.set_num_threads(threads)


# %% What came out bit for bit
def verdict(ours, theirs):
    if ours == theirs:
        return "same"
    ours, theirs = torch.tensor(ours), torch.tensor(theirs)
    close = torch.allclose(ours, theirs, rtol=1e-5, atol=5e-5)
    return "last digits" if close else "differs"


print(f"{'':56}{'other CPU':12}two threads")
for call in tested:
    row = [verdict(here[call], there[call]) for there in (other_cpu, two_threads)]
    print(f"{call:56}{row[0]:12}{row[1]}")

# %% Roots beside the nearest float tags=["volatile"]
torch.manual_seed(0)
squares = torch.rand(100_000)
nearest = squares.double().sqrt().float()
below = nearest.nextafter(torch.tensor(0.0))
above = nearest.nextafter(torch.tensor(1.0))
by_numpy = torch.from_numpy(np.sqrt(squares.numpy()))
roots = squares.sqrt()
print(f"{(roots != nearest).sum():,} of {len(roots):,}")

# %% One training on two processors
gaps = {}
for run in ("gentle", "rough"):
    gaps[run] = (torch.tensor(here[run]) - torch.tensor(other_cpu[run])).abs()
    print(f"{run:6} always below 0.00001: {(gaps[run] < 1e-5).all()}, once above 0.1: {(gaps[run] > 0.1).any()}")


# %% Exercise: rand in double precision tags=["exercise"]
def my_rand64(count):
    """torch.rand(count, dtype=torch.float64) after manual_seed(0), from raw."""
    return (raw[:count] / 2**32).double()


torch.manual_seed(0)
assert torch.equal(my_rand64(6), torch.rand(6, dtype=torch.float64))


# %% Solution: rand in double precision tags=["solution"]
def my_rand64(count):
    """torch.rand(count, dtype=torch.float64) after manual_seed(0), from raw."""
    high, low = raw[: 2 * count].view(count, 2).unbind(1)
    bits = (high % 2**21) * 2**32 + low  # the lower 53 of 64
    return bits.double() / 2**53


torch.manual_seed(0)
assert torch.equal(my_rand64(6), torch.rand(6, dtype=torch.float64))


# %% Wrong: the recipe of float32 tags=["wrong"]
def my_rand64(count):
    return (raw[:count] % 2**24).double() / 2**24


# %% Wrong: low before high tags=["wrong"]
def my_rand64(count):
    low, high = raw[: 2 * count].view(count, 2).unbind(1)
    return ((high % 2**21) * 2**32 + low).double() / 2**53


# %% Wrong: the upper bits alone tags=["wrong"]
def my_rand64(count):
    high = raw[: 2 * count : 2]
    return (high % 2**21).double() / 2**21


# %% Exercise: randperm by hand tags=["exercise"]
def my_randperm(count):
    """torch.randperm(count) after manual_seed(0), from raw."""
    cards = list(range(count))
    for place in range(count - 1):
        pick = raw[place].item() % count
        cards[place], cards[pick] = cards[pick], cards[place]
    return cards


for count in (2, 8, 50):
    torch.manual_seed(0)
    assert my_randperm(count) == torch.randperm(count).tolist(), count


# %% Solution: randperm by hand tags=["solution"]
def my_randperm(count):
    """torch.randperm(count) after manual_seed(0), from raw."""
    cards = list(range(count))
    for place in range(count - 1):
        pick = place + raw[place].item() % (count - place)
        cards[place], cards[pick] = cards[pick], cards[place]
    return cards


for count in (2, 8, 50):
    torch.manual_seed(0)
    assert my_randperm(count) == torch.randperm(count).tolist(), count


# %% Wrong: from the last card down tags=["wrong"]
def my_randperm(count):
    cards = list(range(count))
    for step in range(count - 1):
        place = count - 1 - step
        pick = raw[step].item() % (place + 1)
        cards[place], cards[pick] = cards[pick], cards[place]
    return cards


# %% Wrong: sorted by the raw numbers tags=["wrong"]
def my_randperm(count):
    return raw[:count].argsort().tolist()


# %% Exercise: how many raws tags=["exercise"]
def raws(count):
    """How many raws torch.randn(count) takes from a fresh stream."""
    return count


for count in [*range(1, 50), 64, 65]:
    assert raws(count) == taken(torch.randn, count), count


# %% Solution: how many raws tags=["solution"]
def raws(count):
    """How many raws torch.randn(count) takes from a fresh stream."""
    if count < 16:
        return 4 * ((count + 1) // 2)
    return count if count % 16 == 0 else count + 16


for count in [*range(1, 50), 64, 65]:
    assert raws(count) == taken(torch.randn, count), count


# %% Wrong: no pairs tags=["wrong"]
def raws(count):
    if count < 16:
        return 2 * count
    return count if count % 16 == 0 else count + 16


# %% Wrong: whole blocks alone tags=["wrong"]
def raws(count):
    return 4 * ((count + 1) // 2) if count < 16 else -(-count // 16) * 16
