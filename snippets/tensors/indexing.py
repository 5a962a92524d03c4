"""Indexing: picking numbers out of a tensor, and writing them back."""

# %% Each number names its place
import torch

grid = torch.tensor([[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]])
print(grid[1])  # a row
print(grid[:, 2])  # a column
print(grid[1:, :2])  # a block
print(grid[[2, 0]])  # rows by number
print(grid[grid > 11])  # numbers by a question

# %% What each index picks tags=["hide-input"]
import matplotlib.pyplot as plt

picks = {
    "[1]": grid[1],
    "[:, 2]": grid[:, 2],
    "[1:, :2]": grid[1:, :2],
    "[[2, 0]]": grid[[2, 0]],
    "[grid > 11]": grid[grid > 11],
}
fig, axes = plt.subplots(1, 5, figsize=(4.2, 1.05), layout="constrained")
for ax, (form, part) in zip(axes, picks.items()):
    ax.imshow(0 * grid, cmap="tab10", vmin=0, vmax=9, alpha=0.08 + 0.4 * (grid[..., None] == part.flatten()).any(-1))
    for (i, j), number in zip(torch.ones_like(grid).nonzero().tolist(), grid.flatten().tolist()):
        ax.text(j, i, number, ha="center", va="center", fontsize="small")
    ax.set_title(form, family="monospace", fontsize="small")
    ax.set_axis_off()
plt.show()

# %% One slice, one storage
board = grid.clone()
middle = board[1:, 1:3]
middle += 500

# %% An integer takes an axis
print(grid[1])
print(grid[:, 2])
print(grid[1, 2])

# %% A slice keeps its axis
print(grid[:1])
print(grid[:1, 1:3])
print(f"{grid[0].shape = }, {grid[:1].shape = }")

# %% Swapping rows loses one
swapped = grid.clone()
swapped[0], swapped[1] = swapped[1], swapped[0]
print(swapped)

# %% Lists copy, so they swap
exchanged = grid.clone()
exchanged[[0, 1]] = exchanged[[1, 0]]
print(exchanged)

# %% Dots stand for the rest
images = torch.arange(120).view(2, 3, 4, 5)  # (image, channel, height, width)
print(f"{images[..., 0].shape = }")
print(f"{images[0, ..., 0].shape = }")
print(f"{images[:, None].shape = }")

# %% A list takes whole rows
print(grid[[2, 0, 2]])
print(grid[:, [3, 0]])

# %% A tuple is no list
print(grid[(0, 2)])
print(grid[[0, 2]])

# %% Two lists make pairs
values = torch.tensor([[0, 1, 2], [10, 11, 12]])
rows = torch.tensor([0, 1])
columns = torch.tensor([0, 2])
print(values[rows, columns])

# %% A column of rows, all crossings
print(values[rows[:, None], columns])
print(values[rows][:, columns])

# %% Questions make masks
mask = grid > 11
print(mask)
print(grid[mask])

# %% A mask for each row
even_rows = torch.tensor([True, False, True])
print(grid[even_rows])
print(grid[:, grid[0] > 1])

# %% Joining questions
print(grid[(grid > 2) & (grid < 20)])
print(grid[(grid < 2) | (grid > 21)])
print(grid[~mask])

# %% Where, in which order
places = mask.nonzero(as_tuple=True)
places

# %% Replace without moving
print(grid.masked_fill(mask, -1))
print(torch.where(mask, grid, -grid))

# %% Multiplying does not switch off
scores = torch.tensor([2.0, float("-inf"), float("nan")])
usable = torch.tensor([True, False, False])
print(scores * usable)
print(scores.masked_fill(~usable, 0))

# %% Left of the equals sign
canvas = torch.zeros(3, 4, dtype=torch.int64)
canvas[0] = 1
canvas[:, 3] = torch.tensor([7, 8, 9])
canvas[[1, 2], [0, 1]] = 5
canvas[canvas == 0] = -1
print(canvas)

# %% One bracket writes, two do not
kept = grid.clone()
kept[kept > 11][0] = -1  # lost
kept[[0, 2]][:, 1] = -1  # lost
print(torch.equal(kept, grid))
kept[0][1] = -1  # arrives
kept[[0, 2], 3] = -1  # arrives
print(kept)

# %% Twice the same place
visits = torch.tensor([0, 2, 2, 2])
once = torch.zeros(4, dtype=torch.int64)
once[visits] += 1
print(once)
counted = torch.zeros(4, dtype=torch.int64)
counted.index_put_((visits,), torch.tensor(1), accumulate=True)
print(counted)


# %% Copy or view, asked of each tags=["hide-input"]
class Ask:
    def __getitem__(self, form):
        """Index a fresh table: view or copy, its shape, and whether writes reach."""
        x = grid.clone()
        part = x[form]
        ours, theirs = x.untyped_storage(), part.untyped_storage()
        kind = "view" if ours.data_ptr() == theirs.data_ptr() else "copy"
        part.fill_(-1)
        filled = "reaches" if (x == -1).any() else "lost"
        x = grid.clone()
        x[form] = -1
        assigned = "reaches" if (x == -1).any() else "lost"
        return kind, tuple(part.shape), filled, assigned


ask = Ask()

# %% Past the end tags=["raises-exception"]
grid[3]

# %% One index too many tags=["raises-exception"]
grid[1, 2, 0]

# %% Item wants exactly one tags=["raises-exception"]
grid[1].item()

# %% No step backwards tags=["raises-exception"]
grid[::-1]

# %% Pairs need equal lengths tags=["raises-exception"]
grid[[0, 1, 2], [0, 3]]

# %% The mask must fit tags=["raises-exception"]
grid[torch.tensor([True, False])]

# %% And asks for one truth tags=["raises-exception"]
grid[(grid > 2) and (grid < 20)]

# %% Brackets are not optional tags=["raises-exception"]
grid[grid > 2 & grid < 20]

# %% Wrong number of values tags=["raises-exception"]
kept[kept > 11] = torch.tensor([1, 2, 3])

# %% Empty lists make floats tags=["raises-exception"]
grid[torch.tensor([])]

# %% Shift by one, refused tags=["raises-exception"]
tokens = torch.arange(5)
tokens[1:] = tokens[:-1]

# %% Shift by one, silently wrong
batch = torch.tensor([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
batch[:, 1:] = batch[:, :-1]
print(batch)

# %% Nine come out right, by luck
for length in (8, 9, 100):
    longer = torch.arange(2 * length).view(2, length)
    wanted = longer[:, :-1].clone()
    longer[:, 1:] = longer[:, :-1]
    print(f"{length} in a row: {(longer[:, 1:] != wanted).sum()} wrong")

# %% Clone before you shift
shifted = torch.tensor([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
shifted[:, 1:] = shifted[:, :-1].clone()
print(shifted)

# %% NumPy clones for you
import numpy as np

shelf = np.arange(10).reshape(2, 5)
shelf[:, 1:] = shelf[:, :-1]
print(shelf)

# %% A list of tensors is a tuple
found = [torch.tensor(0), torch.tensor(2)]
print(grid[found])
print(grid[torch.stack(found)])

# %% A list of lists still warns
grid[[[0, 1], [1, 0]]]

# %% Apart, they go first
print(f"{images[:, [0, 1], [2, 3]].shape = }")
print(f"{images[[0, 1], :, [2, 3]].shape = }")

# %% An integer between, NumPy differs
array = images.numpy()
print(f"{images[0, :, [2, 3]].shape = }")
print(f"{array[0, :, [2, 3]].shape = }")

# %% Exercise: copy or view tags=["exercise"]
samples = {
    "one row": 1,
    "a 0-d tensor": torch.tensor(1),
    "rows from 1": slice(1, None),
    "dots": (..., 0),
    "a new axis": None,
    "a list": [1],
    "a 1-d tensor": (slice(None), torch.tensor([1])),
    "a mask": grid > 11,
    "a 0-d mask": torch.tensor(True),
    "True": True,
    "True and a row": (True, 1),
    "slice and list": (slice(1), [0, 2]),
    "slice and tuple": (slice(1), (0, 2)),
}


def is_view(index):
    """Whether x[index] shares memory with x; look at the index only."""
    return isinstance(index, (int, slice))


for name, sample in samples.items():
    shared = grid[sample].untyped_storage().data_ptr() == grid.untyped_storage().data_ptr()
    assert is_view(sample) == shared, name


# %% Solution: copy or view tags=["solution"]
def is_view(index):
    """Whether x[index] shares memory with x; look at the index only."""
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, (bool, list, tuple)):
            return False
        if isinstance(part, torch.Tensor) and (part.dim() or part.dtype == torch.bool):
            return False
    return True


for name, sample in samples.items():
    shared = grid[sample].untyped_storage().data_ptr() == grid.untyped_storage().data_ptr()
    assert is_view(sample) == shared, name


# %% Wrong: only a list copies tags=["wrong"]
def is_view(index):
    return not isinstance(index, list)


# %% Wrong: True is an integer tags=["wrong"]
def is_view(index):
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, list) or (isinstance(part, torch.Tensor) and part.dim()):
            return False
    return True


# %% Wrong: True alone is a mask tags=["wrong"]
def is_view(index):
    if isinstance(index, bool):
        return False
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, (list, tuple)):
            return False
        if isinstance(part, torch.Tensor) and (part.dim() or part.dtype == torch.bool):
            return False
    return True


# %% Wrong: every tensor copies tags=["wrong"]
def is_view(index):
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(part, (bool, list, torch.Tensor)) for part in parts)


# %% Exercise: confusion matrix tags=["exercise"]
def confusion_spec(truth, guesses, classes):
    """counts[t, g]: how often class t was taken for class g."""
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for t, g in zip(truth.tolist(), guesses.tolist()):
        counts[t, g] += 1
    return counts


def confusion(truth, guesses, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts[truth, guesses] += 1
    return counts


truth = torch.tensor([0, 0, 1, 1, 1, 2])
guesses = torch.tensor([0, 0, 1, 0, 1, 2])
assert torch.equal(confusion(truth, guesses, 3), confusion_spec(truth, guesses, 3))
assert torch.equal(confusion(truth, guesses, 4), confusion_spec(truth, guesses, 4)), "a class that never occurs"


# %% Solution: confusion matrix tags=["solution"]
def confusion(truth, guesses, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    return counts.index_put_((truth, guesses), torch.tensor(1), accumulate=True)


assert torch.equal(confusion(truth, guesses, 3), confusion_spec(truth, guesses, 3))
print(confusion(truth, guesses, 3))


# %% Wrong: guesses down, truth across tags=["wrong"]
def confusion(truth, guesses, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    return counts.index_put_((guesses, truth), torch.tensor(1), accumulate=True)


# %% Wrong: the truth alone tags=["wrong"]
def confusion(truth, guesses, classes):
    return truth.bincount(minlength=classes).diag()


# %% Wrong: the last class forgotten tags=["wrong"]
def confusion(truth, guesses, classes):
    counts = torch.bincount(truth * classes + guesses)
    return counts.view(-1, classes)


# %% Exercise: fill the gaps tags=["exercise"]
def fill_gaps_spec(table):
    """Each nan becomes the mean of the numbers in its column."""
    out = table.clone()
    for column in out.T:
        known = [v for v in column.tolist() if v == v]  # nan is not equal to itself
        for i in range(len(column)):
            if column[i].isnan():
                column[i] = sum(known) / len(known)
    return out


def fill_gaps(table):
    filled = table.clone()
    filled[table.isnan()] = table.nanmean(dim=0)
    return filled


gappy = torch.tensor([[1.0, float("nan"), 5.0], [3.0, 4.0, 6.0], [float("nan"), 8.0, 7.0]])
taller = torch.cat([gappy, torch.tensor([[8.0, float("nan"), 3.0]])])
assert torch.allclose(fill_gaps(gappy), fill_gaps_spec(gappy))
assert torch.allclose(fill_gaps(taller), fill_gaps_spec(taller)), "two gaps in a column"
assert gappy.isnan().sum() == 2, "the argument was changed"


# %% Solution: fill the gaps tags=["solution"]
def fill_gaps(table):
    return torch.where(table.isnan(), table.nanmean(dim=0), table)


assert torch.allclose(fill_gaps(gappy), fill_gaps_spec(gappy))
assert torch.allclose(fill_gaps(taller), fill_gaps_spec(taller)), "two gaps in a column"
assert gappy.isnan().sum() == 2, "the argument was changed"
print(fill_gaps(gappy))


# %% Wrong: one mean for all tags=["wrong"]
def fill_gaps(table):
    return torch.where(table.isnan(), table.nanmean(), table)


# %% Wrong: gaps count as zeros tags=["wrong"]
def fill_gaps(table):
    return torch.where(table.isnan(), table.nan_to_num().mean(dim=0), table)


# %% Wrong: one gap in each column tags=["wrong"]
def fill_gaps(table):
    return torch.where(table.isnan(), table.nansum(dim=0) / (len(table) - 1), table)


# %% Wrong: the middle of smallest and largest tags=["wrong"]
def fill_gaps(table):
    smallest, largest = table.nan_to_num(torch.inf).amin(dim=0), table.nan_to_num(-torch.inf).amax(dim=0)
    return torch.where(table.isnan(), (smallest + largest) / 2, table)


# %% Wrong: the mean of the row tags=["wrong"]
def fill_gaps(table):
    return torch.where(table.isnan(), table.nanmean(dim=1, keepdim=True), table)


# %% Wrong: written into the argument tags=["wrong"]
def fill_gaps(table):
    return table.copy_(torch.where(table.isnan(), table.nanmean(dim=0), table))
