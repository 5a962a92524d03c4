"""Dataset and DataLoader: samples in, shuffled batches out, and what worker processes change."""

# %% Ten samples, four batches
import torch
from torch.utils.data import DataLoader, TensorDataset, random_split

features = torch.arange(10.0)[:, None]  # (sample, feature)
labels = torch.arange(10) % 2  # (sample,)
dataset = TensorDataset(features, labels)

generator = torch.Generator().manual_seed(0)
loader = DataLoader(dataset, batch_size=3, shuffle=True, generator=generator)
for x, y in loader:
    print(x.flatten(), y)

# %% Three epochs, three orders tags=["hide-input"]
import matplotlib.pyplot as plt

orders = torch.stack([torch.cat([x.flatten() for x, y in loader]) for _ in range(3)])  # (epoch, place)
fig, ax = plt.subplots(figsize=(5, 1.4), layout="constrained")
for epoch, order in enumerate(orders.int().tolist()):
    colours = [f"C{place // 3}" for place in range(10)]
    ax.scatter(range(10), [epoch] * 10, s=260, marker="s", c=colours, alpha=0.4)
    for place, number in enumerate(order):
        ax.text(place, epoch, number, ha="center", va="center")
ax.set(xlabel="one colour, one batch", yticks=range(3), yticklabels=["epoch 1", "2", "3"])
ax.set(xticks=[], xlim=(-0.6, 9.6), ylim=(2.6, -0.6))
plt.show()

# %% One sample is no batch for BatchNorm tags=["raises-exception"]
last = x  # the tenth sample, alone
torch.nn.BatchNorm1d(1)(last)

# %% A dataset in three methods
from torch.utils.data import Dataset


class Squares(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return torch.tensor([float(i)]), i * i


squares = Squares(5)
print(len(squares), squares[3])

# %% A loop that would not end
from itertools import islice

[square for number, square in islice(squares, 8)]

# %% The loader, by hand
from torch.utils.data import default_collate


def batches_by_hand(dataset, batch_size, order):
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        yield default_collate([dataset[i] for i in places])


for numbers, answers in batches_by_hand(squares, 2, [4, 0, 3, 1, 2]):
    print(numbers.flatten(), answers)

# %% The loader agrees
for size in (1, 2, 3, 5, 9):
    for order in (range(5), [4, 0, 3, 1, 2], [2, 2]):
        by_hand = list(batches_by_hand(squares, size, order))
        by_loader = list(DataLoader(squares, batch_size=size, sampler=order))
        torch.testing.assert_close(by_hand, by_loader, rtol=0, atol=0)

# %% A loader has no places tags=["raises-exception"]
loader[0]

# %% An empty folder tags=["raises-exception"]
files = []  # the pattern matched nothing
DataLoader(files, batch_size=2, shuffle=True)

# %% Dictionaries stay dictionaries
people = [
    {"name": "Ada", "height": 1.65, "born": 1815},
    {"name": "Alan", "height": 1.78, "born": 1912},
]
batch = default_collate(people)
for key, value in batch.items():
    print(key, value)

# %% A float becomes a double tags=["raises-exception"]
layer = torch.nn.Linear(1, 1)
layer(batch["height"][:, None])

# %% A list is taken apart
default_collate([[1, 2, 3], [4, 5, 6]])

# %% Two lengths, no batch tags=["raises-exception"]
sentences = [torch.tensor([5, 2]), torch.tensor([7, 1, 3]), torch.tensor([4])]
next(iter(DataLoader(sentences, batch_size=3)))

# %% Pad to the longest
from torch.nn.utils.rnn import pad_sequence


def pad(samples):
    lengths = torch.tensor([len(sample) for sample in samples])
    return pad_sequence(samples, batch_first=True), lengths


padded, lengths = next(iter(DataLoader(sentences, batch_size=3, collate_fn=pad)))
print(padded)
print(lengths)

# %% None in a batch tags=["raises-exception"]
readings = [20.5, 21.0, None, 19.5]
list(DataLoader(readings, batch_size=2))


# %% Leave the missing ones out
def skip_missing(samples):
    return torch.tensor([sample for sample in samples if sample is not None])


list(DataLoader(readings, batch_size=2, collate_fn=skip_missing))

# %% Eight and two
seeded = torch.Generator().manual_seed(0)
train, val = random_split(dataset, [0.8, 0.2], generator=seeded)
print(len(train), train.indices)
print(len(val), val.indices)

# %% Eight and three of ten tags=["raises-exception"]
random_split(dataset, [8, 3])


# %% One switch for both parts
class Noisy(Dataset):
    augment = False

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return i + 0.5 if self.augment else i


seeded.manual_seed(0)
learn, measure = random_split(Noisy(), [0.8, 0.2], generator=seeded)
learn.dataset.augment = True
list(measure)  # two whole numbers?

# %% Two datasets, one division
from torch.utils.data import Subset

noisy = Noisy()
noisy.augment = True
order = torch.randperm(10, generator=seeded.manual_seed(0)).tolist()
learn, measure = Subset(noisy, order[:8]), Subset(Noisy(), order[8:])
list(measure)

# %% One in ten becomes one in two
from torch.utils.data import WeightedRandomSampler

rare = (torch.arange(1000) % 10 == 0).long()  # (sample,), one in ten is 1
counts = rare.bincount()
weights = 1 / counts[rare]  # (sample,)
sampler = WeightedRandomSampler(weights, 1000, generator=seeded)
drawn = torch.tensor(list(sampler))
print(counts)
print(rare[drawn].bincount())

# %% Two weights, two samples
wrong = WeightedRandomSampler(1 / counts, 1000, generator=seeded)
torch.tensor(list(wrong)).unique()

# %% Two orders at once tags=["raises-exception"]
DataLoader(dataset, sampler=sampler, shuffle=True)

# %% Whole batches, by turns
from torch.utils.data import get_worker_info


class Signed(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        worker = get_worker_info()
        return i, "main" if worker is None else f"worker {worker.id}"


for workers in (0, 2):
    signed = DataLoader(Signed(), batch_size=2, num_workers=workers)
    for numbers, makers in signed:
        print(numbers, makers)


# %% What a worker counts is lost
class Counting(Dataset):
    asked = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        self.asked += 1
        return i


for workers in (0, 2):
    counting = Counting()
    list(DataLoader(counting, num_workers=workers))
    print(f"{workers} workers: {counting.asked = }")


# %% Shared memory is not copied
class Noting(Dataset):
    def __init__(self):
        self.asked = torch.zeros(4).share_memory_()

    def __len__(self):
        return 4

    def __getitem__(self, i):
        self.asked[i] += 1
        return i


noting = Noting()
list(DataLoader(noting, num_workers=2))
print(noting.asked)


# %% Persistent workers keep the old copy
class Versioned(Dataset):
    version = 1

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.version


def two_epochs(persistent):
    data = Versioned()
    options = {"num_workers": 1, "persistent_workers": persistent}
    versions = DataLoader(data, batch_size=2, **options)
    first = list(versions)
    data.version = 2
    return first, list(versions)


print(two_epochs(persistent=False))
print(two_epochs(persistent=True))

# %% A stream comes twice
from torch.utils.data import IterableDataset


class Stream(IterableDataset):
    def __iter__(self):
        yield from range(6)


for workers in (0, 2):
    stream = DataLoader(Stream(), batch_size=3, num_workers=workers)
    print([batch.tolist() for batch in stream])


# %% Every worker takes its share
class SharedStream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        yield from islice(range(6), first, None, step)


for workers in (0, 2):
    stream = DataLoader(SharedStream(), batch_size=3, num_workers=workers)
    print([batch.tolist() for batch in stream])


# %% An open file is read once
from pathlib import Path


class Opened(IterableDataset):
    def __init__(self, name):
        self.file = open(name)

    def __iter__(self):
        return map(int, self.file)


Path("lines.txt").write_text("0\n1\n2\n3\n4\n5\n")
sorted(DataLoader(Opened("lines.txt"), batch_size=None, num_workers=2))

# %% A stream has no order to shuffle tags=["raises-exception"]
DataLoader(Stream(), shuffle=True)

# %% A worker's error arrives in your loop
try:
    list(DataLoader([b"\xff"], collate_fn=lambda batch: batch[0].decode(), num_workers=1))
except RuntimeError as error:
    print(str(error).splitlines()[0])

# %% What pickle refuses does not arrive tags=["raises-exception"]
import os
import sys


def unnamed(batch):
    sys.stderr = open(os.devnull, "w")  # what the worker prints names folders
    return lambda: batch


list(DataLoader([0], collate_fn=unnamed, num_workers=1, timeout=0.5))


# %% Three of six, and no error
class Lines(Dataset):
    def __init__(self):
        self.lines = iter(["a", "b", "c"])

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return next(self.lines)


for workers in (0, 1):
    print(list(DataLoader(Lines(), num_workers=workers)))

# %% A script without a guard tags=["raises-exception"]
import subprocess

start = 'multiprocessing.get_context("spawn").Process(target=print).start()\n'
Path("unguarded.py").write_text("import multiprocessing\n" + start)
Path("guarded.py").write_text("import multiprocessing\nif __name__ == '__main__':\n    " + start)
for script in ("guarded.py", "unguarded.py"):
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    print(script, "failed" if done.stderr else "ran")
said = done.stderr.partition("RuntimeError:")[2].strip()
raise RuntimeError(said.partition("\n\n")[0])

# %% A worker dies tags=["raises-exception"]
import re
import signal
import time


class Deadly(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)  # as Linux does, out of memory


try:
    list(DataLoader(Deadly(), num_workers=1))
except RuntimeError as error:
    print(re.sub(r"\d+", "…", str(error.__cause__)).strip())
    raise RuntimeError(re.sub(r"\d+", "…", str(error)))

# %% Pinning without a GPU tags=["cpu"]
pinning = DataLoader(dataset, batch_size=5, pin_memory=True)
print(next(iter(pinning))[0].is_pinned())

# %% Pinned for the trip tags=["cuda"]
pinning = DataLoader(dataset, batch_size=5, pin_memory=True)
pinned, _ = next(iter(pinning))
there = pinned.to("cuda", non_blocking=True)
print(pinned.is_pinned(), there.device.type, torch.equal(there.cpu(), pinned))


# %% Exercise: a fair share of the stream tags=["exercise"]
def share(stream, worker, workers):
    """What worker number `worker` of `workers` takes from the stream, one by one."""
    size = len(stream) // workers
    return stream[worker * size : (worker + 1) * size]


def patient_stream():
    yield from range(4)
    raise ValueError("nobody has asked for a fifth one yet")


for workers in (1, 2, 3, 4):
    parts = [list(share("abcdefghij", worker, workers)) for worker in range(workers)]
    assert sorted(sum(parts, [])) == list("abcdefghij"), f"{workers} workers: {parts}"
    assert max(map(len, parts)) - min(map(len, parts)) <= 1, f"{workers} workers: {parts}"
assert next(iter(share(patient_stream(), 3, 5))) == 3


# %% Solution: a fair share of the stream tags=["solution"]
def share(stream, worker, workers):
    """What worker number `worker` of `workers` takes from the stream, one by one."""
    return islice(stream, worker, None, workers)


for workers in (1, 2, 3, 4):
    parts = [list(share("abcdefghij", worker, workers)) for worker in range(workers)]
    assert sorted(sum(parts, [])) == list("abcdefghij"), f"{workers} workers: {parts}"
    assert max(map(len, parts)) - min(map(len, parts)) <= 1, f"{workers} workers: {parts}"
assert next(iter(share(patient_stream(), 3, 5))) == 3
print(parts)


# %% Wrong: blocks tags=["wrong"]
def share(stream, worker, workers):
    size = len(stream) // workers
    return stream[worker * size : (worker + 1) * size]


# %% Wrong: all of it for each tags=["wrong"]
def share(stream, worker, workers):
    return iter(stream)


# %% Wrong: a list first tags=["wrong"]
def share(stream, worker, workers):
    return list(stream)[worker::workers]


# %% Wrong: a round ahead tags=["wrong"]
def share(stream, worker, workers):
    stream = iter(stream)
    while together := list(islice(stream, workers)):
        yield from together[worker : worker + 1]


# %% Wrong: the first for each tags=["wrong"]
def share(stream, worker, workers):
    return islice(stream, 0, None, workers)


# %% Exercise: pad and mark tags=["exercise"]
measured = [[0.0, -1.0], [-999.0, 0.0, torch.inf, 0.0], [0.0]]
temperatures = [torch.tensor(row) for row in measured]


def pad_and_mark(samples):
    """The padded table, and a mask that is True where a number was measured."""
    table = pad_sequence(samples, batch_first=True)
    return table, table != 0


table, mask = pad_and_mark(temperatures)
assert table.shape == mask.shape == (3, 4) and mask.dtype == torch.bool
assert mask.sum(dim=1).tolist() == [2, 4, 1], mask
assert torch.equal(table[mask], torch.cat(temperatures)), "a measured number is missing"
assert (table[~mask] == 0).all(), "padded with something else"
assert pad_and_mark([row > 0 for row in temperatures])[1].sum() == 7, "a value marks the padding"


# %% Solution: pad and mark tags=["solution"]
def pad_and_mark(samples):
    """The padded table, and a mask that is True where a number was measured."""
    lengths = torch.tensor([len(sample) for sample in samples])
    table = pad_sequence(samples, batch_first=True)
    return table, torch.arange(table.shape[1]) < lengths[:, None]


table, mask = pad_and_mark(temperatures)
assert table.shape == mask.shape == (3, 4) and mask.dtype == torch.bool
assert mask.sum(dim=1).tolist() == [2, 4, 1], mask
assert torch.equal(table[mask], torch.cat(temperatures)), "a measured number is missing"
assert (table[~mask] == 0).all(), "padded with something else"
assert pad_and_mark([row > 0 for row in temperatures])[1].sum() == 7, "a value marks the padding"
print(mask)


# %% Wrong: zeros are padding tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True)
    return table, table != 0


# %% Wrong: minus one as padding tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True, padding_value=-1)
    return table.clamp(min=0).where(table == -1, table), table != -1


# %% Wrong: nan, and then zeros tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True, padding_value=torch.nan)
    return table.nan_to_num(0), ~table.isnan()


# %% Wrong: nan as padding tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True, padding_value=torch.nan)
    return table, ~table.isnan()


# %% Wrong: minus infinity as padding tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True, padding_value=-torch.inf)
    mask = table != -torch.inf
    return table.where(mask, 0), mask


# %% Wrong: the padding marked tags=["wrong"]
def pad_and_mark(samples):
    lengths = torch.tensor([len(sample) for sample in samples])
    table = pad_sequence(samples, batch_first=True)
    return table, torch.arange(table.shape[1]) >= lengths[:, None]


# %% Wrong: everything tags=["wrong"]
def pad_and_mark(samples):
    table = pad_sequence(samples, batch_first=True)
    return table, torch.ones_like(table, dtype=torch.bool)


# %% Exercise: batches of equal lengths tags=["exercise"]
words = tuple(torch.zeros(n) for n in (9, 2, 9, 1, 9, 1, 2))


def batches_by_length(samples, batch_size):
    """Lists of indices, so that a batch holds samples of similar length."""
    order = list(range(len(samples)))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


for size in (2, 3, 4):
    batches = batches_by_length(words, size)
    assert sorted(sum(batches, [])) == list(range(7)), "each sample once"
    assert max(map(len, batches)) == size
    assert len(batches) == -(-7 // size), "more batches than needed"
    sizes = [batch.numel() for batch, _ in DataLoader(words, batch_sampler=batches, collate_fn=pad)]
    assert sum(sizes) <= 42, f"{sum(sizes)} numbers for 33"


# %% Solution: batches of equal lengths tags=["solution"]
def batches_by_length(samples, batch_size):
    """Lists of indices, so that a batch holds samples of similar length."""
    order = sorted(range(len(samples)), key=lambda i: len(samples[i]))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


for size in (2, 3, 4):
    batches = batches_by_length(words, size)
    assert sorted(sum(batches, [])) == list(range(7)), "each sample once"
    assert max(map(len, batches)) == size
    assert len(batches) == -(-7 // size), "more batches than needed"
    sizes = [batch.numel() for batch, _ in DataLoader(words, batch_sampler=batches, collate_fn=pad)]
    assert sum(sizes) <= 42, f"{sum(sizes)} numbers for 33"
    print(batches, sum(sizes))


# %% Wrong: in their order tags=["wrong"]
def batches_by_length(samples, batch_size):
    order = list(range(len(samples)))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


# %% Wrong: the caller's samples sorted tags=["wrong"]
def batches_by_length(samples, batch_size):
    samples.sort(key=len)
    order = list(range(len(samples)))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


# %% Wrong: by what is in them tags=["wrong"]
def batches_by_length(samples, batch_size):
    order = sorted(range(len(samples)), key=lambda i: samples[i].sum())
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


# %% Wrong: the last one dropped tags=["wrong"]
def batches_by_length(samples, batch_size):
    order = sorted(range(len(samples)), key=lambda i: len(samples[i]))
    whole = len(order) // batch_size * batch_size
    return [order[start : start + batch_size] for start in range(0, whole, batch_size)]


# %% Wrong: one alone tags=["wrong"]
def batches_by_length(samples, batch_size):
    return [[i] for i in sorted(range(len(samples)), key=lambda i: len(samples[i]))]


# %% Wrong: equal lengths only tags=["wrong"]
def batches_by_length(samples, batch_size):
    found = {}
    for i, sample in enumerate(samples):
        found.setdefault(len(sample), []).append(i)
    return [same[start : start + batch_size] for same in found.values() for start in range(0, len(same), batch_size)]
