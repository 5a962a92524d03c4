# %% [markdown]
# # Digits from pixels to a confusion matrix
#
# Here are 1797 small pictures of handwritten digits, and a network that learns to read 98 or 99 in 100 of those that it has never seen.
# Reaching such a number is the easy half.
# The other half is to know what it is worth: which rule without any training does as well, which digits are taken for which, and how far it falls when somebody else holds the pen.
#
# If you want the program alone, [The training loop](../training/loop.md#the-whole-program-validate-keep-the-best-predict) shows it.
# Type along from top to bottom: the cells build on those above them, and none needs a GPU.
# The pictures come from scikit-learn, the plots are drawn by matplotlib.
#
# ## Look before you compute

# %% The pictures are arrays
import torch
from sklearn.datasets import load_digits

digits = load_digits()
print(digits.images.shape, digits.images.dtype)
print(digits.target.shape, digits.target.dtype)

# %% [markdown]
# 1797 pictures of 8 by 8 numbers, and one answer for each.
# `from_numpy` makes tensors that read the same memory, and [keeps the dtype](../tensors/numpy.md#float64-comes-along).

# %% A picture is a grid of numbers
pixels = torch.from_numpy(digits.images)  # (picture, row, column)
labels = torch.from_numpy(digits.target)  # (picture,)
print(pixels[0].int())
print(f"{labels[0] = }")

# %% [markdown]
# Squint, and the 0 is there, with its hole in the middle.
# The scans were 32 by 32 dots, black or white; each number counts the black ones in a block of 4 by 4, so they go from 0 (`pixels.min() == 0`{.proof}) to 16 (`pixels.max() == 16`{.proof}).
#
# People see better than they read tables, so let matplotlib draw it.

# %% The zero, drawn
import matplotlib.pyplot as plt

plt.figure(figsize=(1.6, 1.6))
plt.imshow(pixels[0], cmap="gray_r")
plt.axis("off")
plt.show()

# %% [markdown]
# Now the first forty, laid out as one picture.
# Each gets a frame of white, which makes it 10 by 10; four rows of ten of them are 40 by 100 pixels.

# %% Forty pictures in one
import torch.nn.functional as F

framed = F.pad(pixels[:40], (1, 1, 1, 1))  # (40, 10, 10)
grid = framed.unflatten(0, (4, 10))  # (4, 10, 10, 10)
sheet = grid.transpose(1, 2).reshape(40, 100)
plt.figure(figsize=(6, 2.6))
plt.imshow(sheet, cmap="gray_r", interpolation="none")
plt.axis("off")
plt.show()

# %% [markdown]
# `grid` has four axes: four rows of pictures, ten pictures in each, ten rows of pixels in each picture, ten pixels in each row.
# A line of the sheet runs through ten pictures before the next line begins, so the third axis has to come before the second, hence the `transpose`.
# Without it, `reshape` gives the same shape and [shreds the digits](../tensors/shapes.md#the-danger-of-reshaping) (`grid.reshape(40, 100).shape == sheet.shape and not grid.reshape(40, 100).equal(sheet)`{.proof}).
#
# Looking pays at once: the first thirty are 0 to 9 three times over (`torch.equal(labels[:30], torch.arange(10).repeat(3))`{.proof}).
# These pictures lie in an order that somebody gave them; at the end of this page it turns out to matter.
#
# Now count the answers, 0 to 9.

# %% No digit is rare
torch.bincount(labels)

# %% [markdown]
# All ten are about equally frequent, so "how many are right" is a fair measure.
# Whoever always answers 3 is right `(labels == 3).sum().item()`{.value} times, one in ten; if nine pictures in ten were a 3, the same stubbornness would score 90 %.
#
# ## The dtype that a layer wants
#
# These floats have 64 bits, the weights of a layer have 32, and the layer does not convert one to the other.

# %% Double meets float tags=["raises-exception"]
layer = torch.nn.Linear(64, 10)
layer(pixels.flatten(1))

# %% [markdown]
# Which dtype do these numbers need?
# They are whole and at most 16, so [one byte each](../tensors/dtypes.md#one-byte-for-a-pixel) would keep them all.

# %% One byte would do
for dtype in (torch.float64, torch.float32, torch.uint8):
    kept = pixels.to(dtype)
    same = torch.equal(kept.double(), pixels)
    print(f"{dtype!s:14} {kept.nbytes:7} bytes, nothing lost: {same}")

# %% [markdown]
# A network computes with fractions, so for it the pictures become `float32`, and are divided by 16 to lie between 0 and 1 (`pixels.max() / 16 == 1`{.proof}).

# %% Two shapes for one memory
x = (pixels / 16).float().unsqueeze(1)  # (picture, channel, row, column)
flat = x.flatten(1)  # (picture, pixel)
print(x.shape, x.dtype)
print(flat.shape, flat.data_ptr() == x.data_ptr())

# %% [markdown]
# `x` has the shape that the convolutions below expect: colours would be three channels, grey is one.
# `flat` takes each picture as 64 numbers in a row.
# Both read [the same memory](../tensors/memory.md), so there is no second copy.
#
# ??? info "65 numbers from one picture to the next"
#
#     `pixels` is [a view](../tensors/memory.md), too: scikit-learn read a table of 64 numbers and the answer in each row, so the next picture begins 65 numbers further (`pixels.stride() == (65, 8, 1)`{.proof}).
#
# ## Three piles
#
# A model is judged by pictures that it has not seen, or you measure its memory.
# So the pictures are [dealt out](../data/loading.md#split-training-and-validation) on three piles: **train** to learn from, **val** (validation) to compare and choose with, and **test**, which stays closed until there is nothing left to choose.
#
# Dealing each digit out on its own gives every pile nearly the same mixture, which is called stratified.
# The piles have [a generator of their own](../tensors/randomness.md), so other random numbers, drawn before, do not change them.

# %% Each digit is dealt out alone
generator = torch.Generator().manual_seed(0)
piles = [], [], []
for digit in range(10):
    rows = torch.where(labels == digit)[0]
    rows = rows[torch.randperm(len(rows), generator=generator)]
    cuts = round(0.6 * len(rows)), round(0.8 * len(rows))
    for pile, part in zip(piles, rows.tensor_split(cuts)):
        pile.append(part)
train, val, test = (torch.cat(pile) for pile in piles)
print(len(train), len(val), len(test))

# %% [markdown]
# `train`, `val` and `test` hold row numbers, not pictures.
# No row is lost and none lies on two piles: `torch.cat([train, val, test]).unique().numel() == 1797`{.proof}.
# One line of counts for each pile shows the mixture.

# %% The same mixture in each pile
torch.stack([torch.bincount(labels[pile]) for pile in (train, val, test)])

# %% [markdown]
# ## A rule without learning
#
# Before building anything clever, find out how far something simple gets.
# Average all zeros, all ones, and so on; a new picture is whatever average it is closest to.

# %% The nearest mean picture
means = torch.stack([flat[train][labels[train] == d].mean(0) for d in range(10)])
guess = torch.cdist(flat[val], means).argmin(1)  # (360,)
accuracy = (guess == labels[val]).float().mean()
print(f"{accuracy:.4f}")

# %% [markdown]
# `cdist` gives the distance from each picture to each mean, and `argmin` the number of the closest (`torch.cdist(flat[val], means).shape == (360, 10)`{.proof}).
# Three lines, no training, and `(guess == labels[val]).sum().item()`{.value} of `len(val)`{.value} are right.
# A network has to do better than `accuracy.item():.2f`{.value} to be worth its training.

# %% Ten mean pictures
framed = F.pad(means.unflatten(1, (8, 8)), (1, 1, 1, 1))  # (10, 10, 10)
sheet = framed.transpose(0, 1).reshape(10, 100)
plt.figure(figsize=(6, 1))
plt.imshow(sheet, cmap="gray_r", interpolation="none")
plt.axis("off")
plt.show()

# %% [markdown]
# A mean is blurred where people write differently, the 1 most of all, with and without a foot (`torch.stack([flat[train][labels[train] == d].var(0).sum() for d in range(10)]).argmax() == 1`{.proof}).
# The opposite of averaging is to forget nothing: take the answer of the one training picture that is closest.

# %% The nearest picture of all
distances = torch.cdist(flat[val], flat[train])  # (360, 1078)
guess = labels[train][distances.argmin(1)]
accuracy = (guess == labels[val]).float().mean()
print(f"{accuracy:.4f}")

# %% [markdown]
# That is a much harder rival, and it has never heard of gradients.
# Its price is that it carries all `len(train)`{.value} pictures along, `flat[train].numel()`{.value} numbers, and compares with every one of them.
# Whether a network can beat it is an open question until the end of this page.
#
# ## Batches
#
# Training looks at a few pictures at a time.
# This [`Dataset`](../data/loading.md) answers two questions, how many there are and what number `i` is; a `DataLoader` asks them, and stacks the answers.

# %% A dataset answers two questions
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, rows):
        self.images, self.labels = x[rows].unbind(), labels[rows].tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


train_set = Digits(train)
image, label = train_set[0]
print(len(train_set), image.shape, label)

# %% A loader stacks the answers
order = torch.Generator().manual_seed(0)
loader = DataLoader(train_set, batch_size=32, shuffle=True, generator=order)
images, targets = next(iter(loader))  # (32, 1, 8, 8), (32,)
print(images.shape, images.dtype)
print(targets.shape, targets.dtype)

# %% [markdown]
# One pass over the loader is an **epoch**; with `shuffle=True`, each has an order of its own.

# %% Each epoch has its own order
for _ in range(2):
    batches = [answers for _, answers in loader]
    print(batches[0][:8], len(batches), "batches, the last of", len(batches[-1]))

# %% [markdown]
# 1078 is not a multiple of 32, so the last batch is smaller: `33 * 32 + len(batches[-1]) == len(train_set)`{.proof}.
# Averaging the averages of batches would give those 22 more weight than the others; the loop below adds up and divides once.
#
# ## A network of two layers
#
# 64 numbers go in, 64 come out of a first layer, the negative ones become 0, and a second layer makes ten scores of them, one for each digit.
# Send the batch through layer by layer and look at the shapes.

# %% Shapes through the layers
from torch import nn

torch.manual_seed(0)
mlp = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
step = images
for layer in mlp:
    step = layer(step)
    print(f"{type(layer).__name__:8} {tuple(step.shape)}")

# %% [markdown]
# `Flatten` keeps the batch axis and joins the rest.
# Leave it out, and the layer takes the last axis for its input.

# %% Without flatten tags=["raises-exception"]
mlp[1](images)

# %% [markdown]
# 256 are the 32 · 1 · 8 rows of the whole batch, of 8 pixels each; [products](../tensors/products.md) explains how to read the two sizes.

# %% What there is to learn
for name, weight in mlp.named_parameters():
    print(f"{name:9} {tuple(weight.shape)!s:9} {weight.numel():5}")
print("together", sum(weight.numel() for weight in mlp.parameters()))

# %% [markdown]
# `sum(weight.numel() for weight in mlp.parameters())`{.value} numbers, all random so far.
#
# ## One number to make small
#
# What does the untrained network say about the first picture of the batch?
# Ten scores, positive or negative; `softmax` makes chances of them, from 0 to 1, that add up to 1.

# %% Ten scores for one picture
scores = mlp(images[:1]).detach().requires_grad_()  # (1, 10)
chances = scores.softmax(1)
print(scores.detach())
print(chances.detach())
print(f"{targets[0] = }")

# %% [markdown]
# Nothing stands out, as it should be before training.
# [**Cross-entropy**](../training/losses.md#cross_entropy-minus-the-log-of-one-chance) looks at one of the ten only, the chance given to the right answer, and takes its logarithm with a minus: 0 if it was 1, and without end as it goes to 0.

# %% Cross-entropy by hand
by_hand = -chances[0, targets[0]].log()
loss = F.cross_entropy(scores, targets[:1])
print(f"{by_hand:.4f} {loss:.4f}")

# %% [markdown]
# [`cross_entropy`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html) takes the scores, does the softmax itself, and in one go with the logarithm: `torch.isclose(loss, scores.logsumexp(1) - scores[0, targets[0]])`{.proof}.
# That way it [survives large scores](../tensors/reductions.md#too-large-on-the-way), where the logarithm of a softmax is minus infinity (`F.cross_entropy(torch.tensor([[0.0, 1000.0]]), torch.tensor([0])) == 1000 and torch.tensor([0.0, 1000.0]).softmax(0)[0].log() == -torch.inf`{.proof}).
# Ten equal scores cost the logarithm of 10, `F.cross_entropy(torch.zeros(1, 10), targets[:1]).item():.4f`{.value}; if a first loss is far above it, look for a mistake before you train.
#
# The gradient of all this is as simple as can be: the chances, minus 1 at the right answer.

# %% The gradient is the error
loss.backward()
print(scores.grad)
print(chances.detach() - F.one_hot(targets[:1], 10))

# %% [markdown]
# A step against it lowers nine scores and raises one (`(scores.grad > 0).sum() == 9`{.proof}).
#
# Here is the mistake of this topic that raises nothing: [softmax first](../training/losses.md#wrong-and-no-error), and then a `cross_entropy` that does it again.
# Take scores that are as sure as can be, and right.

# %% Softmax twice, no error
certain = torch.tensor([[50.0] + 9 * [0.0]])
zero = torch.tensor([0])
print(F.cross_entropy(certain, zero))
print(F.cross_entropy(certain.softmax(1), zero))

# %% [markdown]
# The second softmax sees a 1 and nine 0s, and makes a chance of `certain.softmax(1).softmax(1).max().item():.2f`{.value} of that 1.
# No scores do better, so with ten classes the loss of such a network never falls below `F.cross_entropy(certain.softmax(1), zero).item():.2f`{.value}: look for that number.
#
# ## Five lines that learn
#
# Compute the scores and the loss; forget the old gradients, compute new ones, take a step.
# Try [the five lines](../training/loop.md#the-five-lines-and-their-order) on a single batch first: if a network cannot learn 32 pictures by heart, look for a mistake.

# %% One batch by heart
from copy import deepcopy

pupil = deepcopy(mlp)
optimizer = torch.optim.Adam(pupil.parameters(), lr=0.01)
for _ in range(50):
    scores = pupil(images)
    loss = F.cross_entropy(scores, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{loss:.4f}", (pupil(images).argmax(1) == targets).sum())

# %% [markdown]
# All 32, so the lines work; about other pictures this says nothing.
# What `backward` leaves in `.grad` [is added to what is there](../autograd/backward.md#grad-adds-up-zero_grad), hence `zero_grad`.
#
# Measuring is another matter than learning: no gradients, and the model in the mode [`eval`](../autograd/switches.md#eval-for-layers-not-for-gradients), of which more below.


# %% Measure without learning
@torch.no_grad()
def evaluate(model, inputs, answers):
    model.eval()
    scores = model(inputs)
    right = scores.argmax(1) == answers
    return F.cross_entropy(scores, answers).item(), right.float().mean().item()


loss_and_accuracy = evaluate(mlp, x[val], labels[val])
print("untrained: loss {:.2f}, accuracy {:.2f}".format(*loss_and_accuracy))

# %% [markdown]
# `mlp` itself has learnt nothing yet: one in ten is what guessing gets.
# Now the loop: for each epoch all batches, then a look at pictures that it does not learn from.


# %% The training loop
def fit(model, pictures, watched, epochs):
    torch.manual_seed(0)
    order = torch.Generator().manual_seed(0)
    loader = DataLoader(pictures, batch_size=64, shuffle=True, generator=order)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, fused=True)
    shrink = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, epochs)
    log = []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for images, targets in loader:
            scores = model(images)
            loss = F.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        shrink.step()
        measured = evaluate(model, x[watched], labels[watched])
        log.append((total / len(pictures), *measured))
    return torch.tensor(log)  # (epoch, 3)


mlp_log = fit(mlp, Digits(train), val, epochs=20)
print("epoch  training  validation  accuracy")
for epoch in (1, 5, 10, 20):
    print("{:5}  {:8.2f}  {:10.2f}  {:8.2f}".format(epoch, *mlp_log[epoch - 1]))

# %% [markdown]
# `shrink` [makes the steps smaller](../training/optimizers.md#schedulers-the-learning-rate-over-time) from epoch to epoch, towards a fiftieth: large ones to get near, small ones to settle.
# `fused=True` asks for the same steps, but for rounding, all weights in one call.
# `training` and `validation` are losses, the first averaged over the epoch; the accuracy is that on the validation pile.
# The MLP has left the nearest mean far behind, and nearly reaches the nearest picture: `round(360 * mlp_log[-1, 2].item())`{.value} of 360, against `(labels[train][distances.argmin(1)] == labels[val]).sum().item()`{.value}.
#
# Its two losses part on the way; the scale is logarithmic, so that small numbers can be told apart.

# %% Two curves that part
epochs = torch.arange(1, 21)
plt.figure(figsize=(6, 3))
plt.semilogy(epochs, mlp_log[:, 0], label="training")
plt.semilogy(epochs, mlp_log[:, 1], label="validation")
plt.xlabel("epoch")
plt.ylabel("cross-entropy")
plt.title("The MLP, learning by heart")
plt.legend()
plt.show()

# %% [markdown]
# In the last twelve epochs the loss falls further for the pictures that it learns, to less than half (`mlp_log[-1, 0] < mlp_log[7, 0] / 2`{.proof}).
# For the others it stays about where it was (`(mlp_log[7:, 1] / mlp_log[7, 1] - 1).abs().max() < 0.15`{.proof}).
# What it learns there is true of these pictures and not of others: it is **overfitting**, and you would not know of it without the second pile.
#
# ## One pixel to the right
#
# Here is a test that costs one line: move every picture of the validation pile by one pixel.
# To you they are the same digits; the column that falls off holds less than 1 % of the ink (`x[val][..., 7].sum() < 0.01 * x[val].sum()`{.proof}).

# %% One pixel to the right
moved = F.pad(x[val], (1, -1, 0, 0))  # a column more left, one less right
print("in place {:.2f}".format(evaluate(mlp, x[val], labels[val])[1]))
print("moved    {:.2f}".format(evaluate(mlp, moved, labels[val])[1]))

# %% [markdown]
# More than half of the right answers are gone (`evaluate(mlp, moved, labels[val])[1] < mlp_log[-1, 2] / 2`{.proof}).
# A weight of its first layer belongs to one pixel, so what it learnt about an edge in column 3 says nothing about the same edge in column 4.
#
# A [**convolution**](../training/modules.md#linear-conv2d-relu-three-kinds-of-layers) has few weights and uses them everywhere: it slides a small window over the picture, multiplies, and adds up.
# With this window it answers "how much more ink is to the right than to the left".

# %% Nine weights for every place
window = torch.tensor([[-1.0, 0.0, 1.0]] * 3)
picture = x[val][0, 0]
response = F.conv2d(x[val], window[None, None])  # (360, 1, 6, 6)
print((picture[2:5, 3:6] * window).sum(), response[0, 0, 2, 3])

# %% [markdown]
# The window has 6 by 6 places to stand on, which is the size of the answer.
# And when the picture moves, the answer moves with it: `torch.equal(F.conv2d(moved, window[None, None])[..., 1:], response[..., :-1])`{.proof}.

# %% Where the ink begins and ends
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.4))
left.imshow(picture, cmap="gray_r", interpolation="none")
limits = {"vmin": -3, "vmax": 3, "cmap": "coolwarm"}
right.imshow(response[0, 0], **limits, interpolation="none")
for axes, title in ((left, "picture"), (right, "response")):
    axes.set(title=title, xlabel="column", ylabel="row")
plt.show()

# %% [markdown]
# Red is where ink begins, read from the left, and blue where it ends: the walls of the 0 come out twice each.
#
# ## A network of windows
#
# Nobody has to invent the windows: their weights are learnt like all others.
# The first layer has 16 of them; `padding=1` puts a frame of zeros around the picture, so it stays 8 by 8.
# `MaxPool2d(2)` keeps the largest of each 2 by 2, so that the windows behind it see twice as far.


# %% Shapes through the windows
def make_cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )


cnn = make_cnn()
step = images
for layer in cnn:
    step = layer(step)
    numbers = sum(weight.numel() for weight in layer.parameters())
    print(f"{type(layer).__name__:9} {tuple(step.shape)!s:15} {numbers:4}")

# %% [markdown]
# The pictures get smaller and the channels more, until each is 128 numbers and one linear layer can decide.
# The second convolution has 32 windows of 16 by 3 by 3 weights, and an offset for each: `sum(w.numel() for w in cnn[3].parameters()) == 32 * 16 * 3 * 3 + 32`{.proof}.
# That makes `sum(w.numel() for w in cnn.parameters())`{.value} numbers to learn, a quarter more than the MLP has.
#
# `Dropout(0.3)` is there against learning by heart: in training it erases each of those 128 numbers with a chance of 30 %, others each time, and enlarges the rest to make up for it, so that no single one can be relied on.
# When the network is asked about a new picture, nothing should be erased.

# %% Two answers or one
for mode in (cnn.train, cnn.eval):
    mode()
    same = torch.equal(cnn(images), cnn(images))
    print(f"{cnn.training = }, same answer twice: {same}")

# %% [markdown]
# `train()` and `eval()` tell layers such as dropout and batch normalisation which of the two is going on.
# They switch no gradients off, which is why `evaluate` says `no_grad` as well (`all(cnn.train(mode)(images).requires_grad for mode in (True, False))`{.proof}).

# %% The same loop, another model
cnn_log = fit(cnn, Digits(train), val, epochs=12)
print("epoch  training  validation  accuracy")
for epoch in (1, 4, 8, 12):
    print("{:5}  {:8.2f}  {:10.2f}  {:8.2f}".format(epoch, *cnn_log[epoch - 1]))

# %% Two models on the validation pile
plt.figure(figsize=(6, 3))
plt.semilogy(epochs, mlp_log[:, 1], label="MLP")
plt.semilogy(epochs[:12], cnn_log[:, 1], label="CNN")
plt.xlabel("epoch")
plt.ylabel("cross-entropy")
plt.title("Validation loss")
plt.legend()
plt.show()

# %% [markdown]
# In fewer epochs, the CNN came lower than the MLP ever did: `cnn_log[-1, 1] < 0.7 * mlp_log[:, 1].min()`{.proof}.
# And the pixel to the right?

# %% The pixel again
print("moved {:.2f}".format(evaluate(cnn, moved, labels[val])[1]))

# %% [markdown]
# Better than the MLP, and nothing to be proud of.
# The windows move along with the digit, but the squares of 2 by 2 that a pool looks at stay in their places, and so do those that the last layer knows by heart.
#
# ## The test pile, once
#
# Four candidates: two rules, two networks.
# The choice is made with the validation pile, before anybody looks at the test pile.


# %% Four candidates, one choice
@torch.no_grad()
def guesses(seen, asked, **networks):
    known, new = flat[seen], flat[asked]
    means = torch.stack([known[labels[seen] == d].mean(0) for d in range(10)])
    answers = {
        "nearest mean": torch.cdist(new, means).argmin(1),
        "nearest picture": labels[seen][torch.cdist(new, known).argmin(1)],
    }
    for name, model in networks.items():
        answers[name] = model.eval()(x[asked]).argmax(1)
    return answers


def report(answers, asked):
    for name, guess in answers.items():
        right = (guess == labels[asked]).sum()
        print(f"{name:15} {right} of {len(asked)}, {right / len(asked):.4f}")


report(guesses(train, val, MLP=mlp, CNN=cnn), val)

# %% [markdown]
# The CNN it is.
# Now the pile is opened; the other three come along to be looked at, not to be chosen.

# %% The pile is opened
answers = guesses(train, test, MLP=mlp, CNN=cnn)
report(answers, test)

# %% [markdown]
# `(right := (answers["CNN"] == labels[test]).sum().item())`{.value} of 359, and the nearest picture, without any training, is ahead by `(answers["nearest picture"] == labels[test]).sum().item() - right`{.value}.
# Is it better?
# Whoever is right with a chance of `right`{.value} in 359 is, on other piles of that size, typically two pictures up or down by luck alone: `1.5 < (answers["CNN"] == labels[test]).float().std() * len(test) ** 0.5 < 2.5`{.proof}.
# So that lead decides nothing; the `right - (answers["nearest mean"] == labels[test]).sum().item()`{.value} between the CNN and the nearest mean do.
#
# What you must not do now is to change the network until it gets 358.
# Then the pile would have chosen it, and nothing would be left to measure it with.
#
# ## Who is taken for whom
#
# One number hides which digits are hard.
# The **confusion matrix** has a row for each truth and a column for each guess, and counts the pairs.
# Write a pair as a number of two digits, a 5 taken for a 4 as 54, and it is [one count](../tensors/reductions.md#by-group) of a hundred.

# %% A pair is a two-digit number
truth, guess = labels[test], answers["CNN"]
confusion = torch.bincount(10 * truth + guess, minlength=100).reshape(10, 10)
confusion

# %% [markdown]
# The right answers lie on the diagonal, `confusion.diagonal().sum().item()`{.value} of them, and each row adds up to the pictures of that digit (`torch.equal(confusion.sum(1), torch.bincount(truth))`{.proof}).
# `minlength` is for the day when no 9 is called a 9: without it, `bincount` stops at the largest pair that it met (`torch.bincount(torch.tensor([3, 5])).shape == (6,)`{.proof}).
#
# The other way is to add 1 at each place (truth, guess).

# %% Add one at each place
again = torch.zeros(10, 10, dtype=torch.long)
again.index_put_((truth, guess), torch.tensor(1), accumulate=True)
torch.equal(again, confusion)

# %% [markdown]
# It looks as if `+=` could say the same, and nobody stops you.

# %% Each place counted once
marked = torch.zeros(10, 10, dtype=torch.long)
marked[truth, guess] += 1
marked.sum()

# %% [markdown]
# Not 359, but the number of different pairs (`marked.sum() == (10 * truth + guess).unique().numel()`{.proof}).
# All places are read first, then all are written, so a pair that occurs 35 times [gets the same 1](../tensors/indexing.md#twice-the-same-place) 35 times (`marked.max() == 1`{.proof}).
#
# The diagonal outshines the rest, so take it away; beside the CNN stands the nearest mean, in the same colours.

# %% Only the mistakes
figure, both = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for axes, name in zip(both, ["nearest mean", "CNN"]):
    pairs = torch.bincount(10 * truth + answers[name], minlength=100)
    mistakes = pairs.reshape(10, 10).fill_diagonal_(0)
    drawn = axes.imshow(mistakes, cmap="Blues", vmin=0, vmax=4, interpolation="none")
    axes.set(xlabel="guess", ylabel="truth", xticks=range(10), yticks=range(10))
    axes.set_title(f"{name}: {mistakes.sum()} mistakes")
figure.colorbar(drawn, ax=both, ticks=range(5), label="pictures")
plt.show()

# %% [markdown]
# The mean 9 attracts others: its column, the last, holds `(answers["nearest mean"][truth != 9] == 9).sum().item()`{.value} mistakes, that of the CNN `(answers["CNN"][truth != 9] == 9).sum().item()`{.value}.
#
# Two questions can be asked about a digit.
# Of all 8s, how many were found (**recall**, along the row)?
# And of all that were called 8, how many were one (**precision**, down the column)?

# %% Found, and rightly so called
recall = confusion.diagonal() / confusion.sum(1)
precision = confusion.diagonal() / confusion.sum(0)
print(recall)
print(precision)

# %% [markdown]
# Each 4 was found, and two others were called 4 as well; all that were called 0 were one, and one 0 was missed (`[int(n) for d in (4, 0) for n in (confusion[d].sum() - confusion[d, d], confusion[:, d].sum() - confusion[d, d])] == [0, 2, 1, 0]`{.proof}).
# Mind how few they are: with 35 pictures of a digit, one mistake costs three points.
#
# ## The most confident mistakes
#
# Which pictures are these?
# Put the mistakes in the order of how sure the network was.

# %% Wrong and sure of it
with torch.no_grad():
    sure, guess = cnn(x[test]).softmax(1).max(1)
wrong = torch.where(guess != truth)[0]
wrong = wrong[sure[wrong].argsort(descending=True)]
for row in wrong:
    print(f"{truth[row]} taken for {guess[row]}, sure to {sure[row]:.2f}")

# %% The mistakes, to look at
plt.figure(figsize=(7, 1.8))
for place, row in enumerate(wrong, 1):
    plt.subplot(1, len(wrong), place)
    plt.imshow(x[test[row], 0], cmap="gray_r", interpolation="none")
    plt.title(f"{truth[row]}, not {guess[row]}")
    plt.axis("off")
plt.show()

# %% [markdown]
# The trouble is how sure it was: `(sure[wrong] > 0.9).sum().item()`{.value} of the `len(wrong)`{.value} were above 0.9.
# Giving every picture below 0.9 to a person would mean `(sure < 0.9).sum().item()`{.value} pictures, `(sure[guess == truth] < 0.9).sum().item()`{.value} of them read rightly, and stop `(sure[wrong] < 0.9).sum().item()`{.value} of the mistakes.
# What `softmax` returns adds up to 1, which does not make it a chance that you could bet on.
#
# ## A hand it has never seen
#
# Remember that the pictures lie in some order.
# The description says that 13 people wrote them (`"different 13" in " ".join(digits.DESCR.split())`{.proof}), and not who wrote which.
# But see how often a test picture and the training picture most like it lie less than 150 places from each other.

# %% The most similar is close by
near = (test[:, None] - train).abs() < 150  # (359, 1078)
same = labels[test][:, None] == labels[train]  # (359, 1078)
closest = torch.cdist(flat[test], flat[train]).argmin(1, keepdim=True)  # (359, 1)
print(f"of the most similar pictures {near.gather(1, closest).float().mean():.2f}")
print(f"of those of the same digit   {near[same].float().mean():.2f}")

# %% [markdown]
# Three times as often as for just any picture of that digit (`near.gather(1, closest).float().mean() > 3 * near[same].float().mean()`{.proof}), which is what a list looks like that goes from hand to hand.
# If it is one, the shuffling mixed the hands, and the training pile knew the handwriting of those who asked.
# Whoever wants to read letters from strangers has to ask another question.
#
# Learn from the first `len(train)`{.value} pictures, leave a gap, and read the last `len(test)`{.value}: piles as large as before, cut by place instead of by chance.

# %% Cut by place, not by chance
early, late = torch.arange(1078), torch.arange(1438, 1797)
stranger = make_cnn()
fit(stranger, Digits(early), late, epochs=12)
report(guesses(early, late, CNN=stranger), late)

# %% [markdown]
# All three lose, the rules like the network, about twenty pictures where luck explains four to seven (`all(4 < (359 * share * (1 - share)) ** 0.5 < 7 for guess in guesses(early, late, CNN=stranger).values() for share in [(guess == labels[late]).float().mean()])`{.proof}).
# For the mean pictures the strange hand is the smaller part of it: those of the shuffled training pile, too, read only `(guesses(train, late)["nearest mean"] == labels[late]).sum().item()`{.value} of the late pictures.
# Nothing was wrong with the result before; it answers another question, how well the network reads piles that were shuffled together.
#
# Now tell the network something that you know and it does not: a pixel to the left or right changes nothing.
# The dataset is the place for it; each time it hands out a picture, it moves it by -1, 0 or 1 column, at random.


# %% A dataset that moves its pictures
class MovedDigits(Digits):
    def __getitem__(self, i):
        image, label = super().__getitem__(i)
        right = torch.randint(-1, 2, ()).item()
        return F.pad(image, (right, -right, 0, 0)), label


traveller = make_cnn()
fit(traveller, MovedDigits(early), late, epochs=12)
report(guesses(early, late, CNN=traveller), late)
moved = F.pad(x[late], (1, -1, 0, 0))
for name, model in (("stranger", stranger), ("traveller", traveller)):
    share = evaluate(model, moved, labels[late])[1]
    print(f"{name:9} on moved pictures {share:.2f}")

# %% [markdown]
# In place it reads the late pictures as well as before, and the pixel to the right has lost most of its terror.
# This is **augmentation**: what you know about the task, told to the network by examples.
#
# As to the open question, `round(359 * evaluate(traveller, x[late], labels[late])[1])`{.value} against `(guesses(early, late)["nearest picture"] == labels[late]).sum().item()`{.value} is a draw.
# With so few pictures, the rule that forgets nothing keeps up with the CNN, and you know it only because its three lines were written first.
#
# ## Asked in another process
#
# All of this ends with the process in which it was learnt, unless the numbers go into a file.
# So [save the state dict](../training/saving.md#in-short), and beside it the pictures to ask about.

# %% The numbers go into a file
torch.save(traveller.state_dict(), "digits.pt")
torch.save(x[late], "pictures.pt")

# %% [markdown]
# The layers are not in the file.
# Whoever loads it builds them again, so the program that reads digits contains them; besides PyTorch it needs those two files and nothing from this page.

# %% The program that reads digits
program = """
import torch
from torch import nn

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Dropout(0.3),
    nn.Linear(128, 10),
)
model.load_state_dict(torch.load("digits.pt", weights_only=True))
model.eval()
with torch.no_grad():
    scores = model(torch.load("pictures.pt", weights_only=True))
torch.save(scores, "scores.pt")
print("read as", *scores[:10].argmax(1).tolist())
"""
with open("read_digits.py", "w") as file:
    file.write(program)

# %% [markdown]
# Two details matter: `weights_only=True`, the default, [refuses files that ask for other code to be run](../training/saving.md#weights-only-load-failed), and without `eval()` dropout would give other scores at each call (`not traveller.train()(x[late]).equal(traveller(x[late]))`{.proof}).
#
# Run it with a second Python, which has learnt nothing.

# %% A second Python reads
import subprocess
import sys

reader = [sys.executable, "read_digits.py"]
asked = subprocess.run(reader, capture_output=True, text=True, check=True)
print(asked.stdout.strip())
print("written", *labels[late][:10].tolist())

# %% The same scores, bit for bit
with torch.no_grad():
    expected = traveller.eval()(x[late])
print(torch.equal(torch.load("scores.pt"), expected))

# %% [markdown]
# Not only the ten answers: 359 times ten scores agree to the last bit (`expected.shape == (359, 10)`{.proof}).
# That is the test to keep when you ship a model: predictions saved with it, and compared where it runs, there by `allclose` rather than `equal`.
#
# ## What to try next
#
# - **Other seeds.** Change those in `fit` and `make_cnn`, and look how many pictures come and go, before you believe in a difference of five.
# - **Cut elsewhere.** Learn from all but one stretch of the list, each in turn, and see how much depends on the hand.
# - **Move up and down**, too, and by two pixels; when does it begin to hurt?
# - **Pool once.** A single `MaxPool2d(4)` behind the second `ReLU` leaves the same 2 by 2 places; what does one pixel to the right cost then?
# - **Stop earlier.** Keep a `deepcopy` of the model whenever the validation loss is the lowest so far, and return that one, but not for `stranger` and `traveller`: they are shown the pile that judges them.
# - **Help the rule as well.** Let the nearest picture look among three copies of each training picture, one moved to the left and one to the right.
# - **Other windows.** Draw `cnn[0].weight.detach()`, 16 windows of 3 by 3, as the forty digits were; is one like the hand-made?
#
# Where the steps were short, the chapters are long: [shapes](../tensors/shapes.md), [indexing](../tensors/indexing.md), [broadcasting](../tensors/broadcasting.md), [randomness](../tensors/randomness.md), [modules](../training/modules.md), [initialisation](../training/init.md) and [backward](../autograd/backward.md).
#
# Next on the path: [a small language model](language_model.py), trained on a text that ships with Python.
