"""Randomness: seeds, generators, shuffles, and how to repeat a run."""

# %% A friend gets the same numbers
import torch

torch.manual_seed(42)
mine = torch.rand(3)
more = torch.rand(3)
torch.manual_seed(42)
friends = torch.rand(6)
print(mine)
print(more)
print(friends)

# %% Another seed, another stream
torch.manual_seed(0)
stream = torch.rand(6)
print(stream)

# %% The same six numbers
torch.manual_seed(1234)
first = torch.randn(2, 3)  # around 0
print(first)
print(torch.randint(1, 7, (5,)))  # five dice
print(torch.rand(3))  # from 0 to 1
print(torch.randperm(5))  # a shuffle

# %% Yes or no, and one of three
torch.manual_seed(1)
print(torch.rand(5) < 0.3)
picks = torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 10, replacement=True)
print(picks)
deck = torch.tensor([10, 20, 30, 40])
print(deck[torch.randperm(len(deck))])

# %% Two generators, two streams
noise = torch.Generator().manual_seed(0)
order = torch.Generator().manual_seed(0)
drawn = torch.rand(3, generator=noise)
torch.rand(3)
shuffled = torch.randperm(5, generator=order)
print(drawn)
print(shuffled)

# %% One draw more, all others change
for extra in (0, 1):
    torch.manual_seed(0)
    torch.rand(extra)
    moved = torch.rand(3)
    print(moved, torch.randperm(5))

# %% One seed, used twice
torch.manual_seed(0)
inputs = torch.randn(100, 8)
torch.manual_seed(0)
weights = torch.randn(100, 8)
torch.manual_seed(1)
others = torch.randn(100, 8)
print((inputs * weights).mean())
print((inputs * others).mean())

# %% A new generator is not random
print(torch.rand(3, generator=torch.Generator()))
print(torch.rand(3, generator=torch.Generator()))

# %% One row more, other noise
torch.manual_seed(0)
two_rows = torch.randn(2, 7)
torch.manual_seed(0)
three_rows = torch.randn(3, 7)
print(two_rows[0])
print(three_rows[0])

# %% Dropout takes no generator tags=["raises-exception"]
torch.nn.functional.dropout(torch.ones(8), generator=torch.Generator())

# %% A detour that leaves no trace
torch.manual_seed(0)
torch.rand(1)
with torch.random.fork_rng():
    torch.manual_seed(7)
    mask = torch.nn.functional.dropout(torch.ones(8))
after = torch.rand(3)
print(after)

# %% Rewinding without a seed
state = torch.get_rng_state()
print(torch.rand(3))
torch.set_rng_state(state)
print(torch.rand(3))

# %% Three libraries, three streams
import random

import numpy as np


def draw():
    return [random.random(), np.random.rand(), torch.rand(1).item()]


random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
before = draw()
torch.manual_seed(0)
later = draw()
print([x == y for x, y in zip(before, later)])


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

# %% Memory nobody wrote
torch.set_deterministic_debug_mode("error")
print(torch.empty(2, 3))
print(torch.empty(2, dtype=torch.int64))

# %% Who writes last? tags=["raises-exception"]
seats = torch.zeros(4)
seats.put_(torch.tensor([2, 2]), torch.tensor([1.0, 5.0]))

# %% Back to normal
torch.set_deterministic_debug_mode("default")


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
many = batch_noise(300, 20, seed=0)
assert many.shape == (300, 20), many.shape
assert (many < -2).any() and 0.9 < many.std() < 1.1, "not normal"
assert not (many[:, None] == batch_noise(300, 20, seed=1)).all(dim=-1).any(), "another seed has a row of this one"


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
many = batch_noise(300, 20, seed=0)
assert many.shape == (300, 20), many.shape
assert (many < -2).any() and 0.9 < many.std() < 1.1, "not normal"
assert not (many[:, None] == batch_noise(300, 20, seed=1)).all(dim=-1).any(), "another seed has a row of this one"


# %% Wrong: one row for all tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(columns, generator=generator).expand(rows, columns)


# %% Wrong: the seed forgotten tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator()
    return torch.stack([torch.randn(columns, generator=generator) for _ in range(rows)])


# %% Wrong: uniform around zero tags=["wrong"]
def batch_noise(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.rand(columns, generator=generator) - 0.5 for _ in range(rows)])


# %% Wrong: a hundred rows, cut tags=["wrong"]
def batch_noise(rows, columns, seed):
    return torch.randn(100, columns, generator=torch.Generator().manual_seed(seed))[:rows]


# %% Wrong: the next seed for the next row tags=["wrong"]
def batch_noise(rows, columns, seed):
    return torch.stack([torch.randn(columns, generator=torch.Generator().manual_seed(seed + i)) for i in range(rows)])


# %% Wrong: uniform, as wide as normal numbers tags=["wrong"]
def batch_noise(rows, columns, seed):
    return 6 * torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) - 3


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


for seed in (0, 7):
    torch.manual_seed(seed)
    target = walk(torch.zeros(1), 10)
    torch.manual_seed(seed)
    checkpoint = save(walk(torch.zeros(1), 3))
    torch.manual_seed(99)  # another program runs in between
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
torch.manual_seed(99)  # another program runs in between
arrived = walk(resume(checkpoint), 7)
assert torch.equal(arrived, target), (arrived, target)


# %% Wrong: the seed instead of the state tags=["wrong"]
def save(position):
    return {"position": position, "seed": torch.initial_seed()}


def resume(checkpoint):
    torch.manual_seed(checkpoint["seed"])
    return checkpoint["position"]


# %% Wrong: the first three steps again, from a constant seed tags=["wrong"]
def save(position):
    return {"position": position}


def resume(checkpoint):
    torch.manual_seed(0)
    walk(torch.zeros(1), 3)
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


def detour(seed=5):
    with without_trace(seed):
        return draw()


def accident():
    with suppress(ZeroDivisionError), without_trace(5):
        draw()[0] / 0


assert detour() == detour(), "not seeded inside"
assert detour(5) != detour(6), "the seed does nothing"
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
assert detour(5) != detour(6), "the seed does nothing"
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


# %% Wrong: one seed for all tags=["wrong"]
@contextmanager
def without_trace(seed):
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            seed_everything(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


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
