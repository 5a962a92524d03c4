"""Randomness: which seeded numbers come back, and what changes them."""

# %% The same six numbers
import torch

torch.manual_seed(1234)
first = torch.randn(2, 3)
print(first)

# %% Asking again moves on
second = torch.randn(2, 3)
torch.manual_seed(1234)
again = torch.randn(2, 3)
print(f"{torch.equal(first, second) = }")
print(f"{torch.equal(first, again) = }")

# %% One seed, used twice
torch.manual_seed(0)
inputs = torch.randn(100, 8)
torch.manual_seed(0)
weights = torch.randn(100, 8)
torch.manual_seed(1)
others = torch.randn(100, 8)
print((inputs * weights).mean())
print((inputs * others).mean())

# %% Raw numbers from NumPy
import numpy as np

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
torch.testing.assert_close(twenty[4:], block(uniform[20:36]))

# %% One row more, other noise
two_rows = seeded(torch.randn, 2, 7)
three_rows = seeded(torch.randn, 3, 7)
print(two_rows[0])
print(three_rows[0])

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

# %% Two generators, two streams
noise = torch.Generator().manual_seed(0)
order = torch.Generator().manual_seed(0)
drawn = torch.rand(3, generator=noise)
torch.rand(3)
shuffled = torch.randperm(5, generator=order)
print(drawn)
print(shuffled)

# %% One draw more, all others change
torch.manual_seed(0)
torch.rand(1)
print(torch.rand(3))
print(torch.randperm(5))

# %% A new generator is not random
print(torch.rand(3, generator=torch.Generator()))
print(torch.rand(3, generator=torch.Generator()))

# %% Dropout takes no generator tags=["raises-exception"]
F.dropout(torch.ones(8), generator=noise)

# %% A detour that leaves no trace
torch.manual_seed(0)
torch.rand(1)
with torch.random.fork_rng():
    torch.manual_seed(7)
    mask = F.dropout(torch.ones(8))
after = torch.rand(3)
print(after)

# %% Rewinding without a seed
state = torch.get_rng_state()
print(torch.rand(3))
torch.set_rng_state(state)
print(torch.rand(3))

# %% Three libraries, three streams
import random


def draw():
    return [random.random(), np.random.rand(), torch.rand(1).item()]


random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
before = draw()
torch.manual_seed(0)
later = draw()
print([x == y for x, y in zip(before, later)])

# %% Same raws, other recipe
print(np.random.RandomState(0).rand())
print(((raw[0] >> 5) * 2**26 + (raw[1] >> 6)).item() / 2**53)

# %% Looking at data moves the stream
from torch.utils.data import DataLoader

samples = [10, 20, 30]


def after_looking(times, **options):
    torch.manual_seed(0)
    for _ in range(times):
        list(DataLoader(samples, **options))
    return torch.rand(2)


print(after_looking(0))
print(after_looking(1))
print(after_looking(2))


# %% Four ways to draw in a worker
class Jitter:
    """Every sample draws one number from each of four streams."""

    def __init__(self):
        self.torch_own = torch.Generator().manual_seed(0)
        self.numpy_own = np.random.default_rng(0)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (
            torch.rand(1).item(),
            np.random.rand(),
            torch.rand(1, generator=self.torch_own).item(),
            self.numpy_own.random(),
        )


def epochs(count, data, workers):
    torch.manual_seed(0)
    options = {"batch_size": None, "num_workers": workers}
    if workers:
        options["multiprocessing_context"] = "fork"
    loader = DataLoader(data, **options)
    return [torch.tensor(list(loader)) for _ in range(count)]


jitter = epochs(2, Jitter(), workers=2)
print(jitter[0])  # (sample, stream)
print(jitter[1])


# %% Seed each sample by its index
class Keyed:
    epoch = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        seed = np.random.SeedSequence([self.epoch, index]).generate_state(1)
        return torch.rand(1, generator=torch.Generator().manual_seed(seed.item()))


print(epochs(1, Keyed(), workers=2)[0])
print(epochs(1, Keyed(), workers=0)[0])

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
torch.rand(64, 64) @ torch.rand(64, 64)
torch.randint(9, (64, 64)).float() @ torch.ones(64, 64)
torch.rand(100_000).sum()
torch.randint(9, (100_000,)).sum()
""".split("\n")[1:-1]


def start(**variables):
    report = f"import json\nprint(json.dumps(everything({tested})))"
    command = [sys.executable, "-c", program + report]
    environment = os.environ | variables
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


processes = [
    start(ATEN_CPU_CAPABILITY="default", MKL_CBWR="AVX2,STRICT"),
    start(OMP_NUM_THREADS="2"),
]
other_cpu, two_threads = [json.loads(p.communicate()[0]) for p in processes]
here = everything(tested)


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

# %% One training on two processors
import matplotlib.pyplot as plt

fig, axes = plt.subplots(figsize=(6, 3), layout="constrained")
gaps = {}
for run in ("gentle", "rough"):
    gaps[run] = (torch.tensor(here[run]) - torch.tensor(other_cpu[run])).abs()
    axes.plot(gaps[run].clamp(min=1e-8), label=run)
axes.set(xlabel="step", ylabel="difference of the losses")
axes.set_title("Same seed, same code, two processors")
axes.legend()
axes.set_yscale("log")
# %% Memory nobody wrote
torch.use_deterministic_algorithms(True)
print(torch.empty(2, 3))
print(torch.empty(2, dtype=torch.int64))

# %% Who writes last? tags=["raises-exception"]
seats = torch.zeros(4)
seats.put_(torch.tensor([2, 2]), torch.tensor([1.0, 5.0]))

# %% Back to normal
torch.use_deterministic_algorithms(False)


# %% A recipe for seeding
def seed_everything(seed):
    """Seed the three global streams; return a generator for each purpose."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    purposes = ["init", "shuffle", "noise"]
    seeds = np.random.SeedSequence(seed).generate_state(len(purposes))
    return {purpose: torch.Generator().manual_seed(int(own)) for purpose, own in zip(purposes, seeds)}


streams = seed_everything(42)
for purpose, generator in streams.items():
    print(f"{purpose:8} {torch.rand(3, generator=generator)}")


# %% Exercise: rand in double precision tags=["exercise"]
def my_rand64(count):
    """torch.rand(count, dtype=torch.float64) after manual_seed(0), from raw."""
    return (raw[:count] / 2**32).double()


torch.manual_seed(0)
torch.testing.assert_close(my_rand64(6), torch.rand(6, dtype=torch.float64), rtol=0, atol=0)


# %% Solution: rand in double precision tags=["solution"]
def my_rand64(count):
    """torch.rand(count, dtype=torch.float64) after manual_seed(0), from raw."""
    high, low = raw[: 2 * count].view(count, 2).unbind(1)
    bits = (high % 2**21) * 2**32 + low  # the lower 53 of 64
    return bits.double() / 2**53


torch.manual_seed(0)
torch.testing.assert_close(my_rand64(6), torch.rand(6, dtype=torch.float64), rtol=0, atol=0)


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


# %% Exercise: noise for any batch tags=["exercise"]
def batch_noise(rows, columns, seed):
    """Normal numbers; a larger batch begins with the smaller one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator)


for columns in (1, 7, 8, 16, 20):
    small = batch_noise(3, columns, seed=0)
    large = batch_noise(5, columns, seed=0)
    assert torch.equal(large[:3], small), columns
    assert len(large.unique()) == large.numel(), columns
assert (large < 0).any(), "not normal"


# %% Solution: noise for any batch tags=["solution"]
def batch_noise(rows, columns, seed):
    """Normal numbers; a larger batch begins with the smaller one."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(columns, generator=generator) for _ in range(rows)]
    return torch.stack(drawn)


for columns in (1, 7, 8, 16, 20):
    small = batch_noise(3, columns, seed=0)
    large = batch_noise(5, columns, seed=0)
    assert torch.equal(large[:3], small), columns
    assert len(large.unique()) == large.numel(), columns
assert (large < 0).any(), "not normal"


# %% Wrong: one row for all tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(columns, generator=generator).expand(rows, columns)


# %% Wrong: uniform numbers tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, columns, generator=generator)


# %% Wrong: the columns one by one tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(rows, generator=generator) for _ in range(columns)], dim=1)


# %% Exercise: stop and go on tags=["exercise"]
def walk(position, steps):
    for _ in range(steps):
        position = position + torch.randn(1)
    return position


def save(position):
    return {"position": position}


def resume(checkpoint):
    return checkpoint["position"]


torch.manual_seed(0)
target = walk(torch.zeros(1), 10)
torch.manual_seed(0)
checkpoint = save(walk(torch.zeros(1), 3))
torch.rand(100)  # another program runs in between
arrived = walk(resume(checkpoint), 7)
assert torch.equal(arrived, target), (arrived, target)


# %% Solution: stop and go on tags=["solution"]
def save(position):
    return {"position": position, "random": torch.get_rng_state()}


def resume(checkpoint):
    torch.set_rng_state(checkpoint["random"])
    return checkpoint["position"]


torch.manual_seed(0)
checkpoint = save(walk(torch.zeros(1), 3))
torch.rand(100)  # another program runs in between
arrived = walk(resume(checkpoint), 7)
assert torch.equal(arrived, target), (arrived, target)


# %% Wrong: the seed instead of the state tags=["wrong"]
def save(position):
    return {"position": position, "seed": torch.initial_seed()}


def resume(checkpoint):
    torch.manual_seed(checkpoint["seed"])
    return checkpoint["position"]


# %% Wrong: the state of the resuming program tags=["wrong"]
def save(position):
    return {"position": position}


def resume(checkpoint):
    torch.set_rng_state(torch.get_rng_state())
    return checkpoint["position"]


# %% Exercise: no trace anywhere tags=["exercise"]
from contextlib import contextmanager, suppress


@contextmanager
def without_trace(seed):
    """Inside, all three libraries are seeded; outside, nobody notices."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def noticed(between):
    seed_everything(0)
    expected = draw()
    seed_everything(0)
    between()
    return draw() != expected


def detour():
    with without_trace(5):
        return draw()


def accident():
    with suppress(ZeroDivisionError), without_trace(5):
        draw()[0] / 0


assert detour() == detour(), "not seeded inside"
assert not noticed(detour), "noticed outside"
assert not noticed(accident), "noticed after an error"


# %% Solution: no trace anywhere tags=["solution"]
@contextmanager
def without_trace(seed):
    """Inside, all three libraries are seeded; outside, nobody notices."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            seed_everything(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


assert detour() == detour(), "not seeded inside"
assert not noticed(detour), "noticed outside"
assert not noticed(accident), "noticed after an error"


# %% Wrong: no finally tags=["wrong"]
@contextmanager
def without_trace(seed):
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        seed_everything(seed)
        yield
    random.setstate(python)
    np.random.set_state(numpy)


# %% Wrong: seeded again afterwards tags=["wrong"]
@contextmanager
def without_trace(seed):
    seed_everything(seed)
    try:
        yield
    finally:
        seed_everything(seed)


# %% Wrong: NumPy forgotten tags=["wrong"]
@contextmanager
def without_trace(seed):
    python = random.getstate()
    try:
        with torch.random.fork_rng():
            seed_everything(seed)
            yield
    finally:
        random.setstate(python)
