"""Losses: how wrong a model is, in one number, and the slope that mends it."""

# %% One class, a yes or no, a quantity
import torch
import torch.nn.functional as F

logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])  # (example, class)
target = torch.tensor([0, 1])  # (example,), int64
loss = F.cross_entropy(logits, target)
print(f"{loss:.4f}")

score = torch.tensor([2.0, -1.0])  # (example,)
answer = torch.tensor([1.0, 0.0])  # yes and no, the same shape, floats
print(f"{F.binary_cross_entropy_with_logits(score, answer):.4f}")

guess = torch.tensor([1.0, 2.0, 7.0])
wish = torch.tensor([1.0, 3.0, 3.0])  # the same shape
print(f"{F.mse_loss(guess, wish):.4f}")

# %% Surely wrong costs most tags=["hide-input"]
import matplotlib.pyplot as plt

chance = torch.linspace(0.01, 1, 100)
plt.figure(figsize=(6, 1.9))
plt.plot(chance, -chance.log())
for i, height in enumerate(F.cross_entropy(logits, target, reduction="none")):
    plt.plot(torch.exp(-height), height, "o", color="C1")
    plt.annotate(f"example {i}", (torch.exp(-height), height), (10, 8), textcoords="offset points")
plt.xlim(0, 1.2)
plt.xlabel("chance given to the right class")
plt.ylabel("loss")
plt.title("cross_entropy: minus the logarithm of a chance")
plt.show()

# %% The chance given to the truth
chances = logits.softmax(dim=1)
right = chances[torch.arange(2), target]
print(chances)
print(right)

# %% Minus the log, then the mean
print(-right.log())
print(f"{-right.log().mean():.4f}")

# %% What does knowing nothing cost
for classes in (2, 10, 1000):
    first_loss = F.cross_entropy(torch.zeros(1, classes), torch.tensor([0]))
    print(classes, f"{first_loss:.4f}")

# %% The gradient is chance minus truth
logits.requires_grad_()
F.cross_entropy(logits, target).backward()
print(logits.grad)
print((chances - F.one_hot(target, 3)) / 2)


# %% By hand, and by the library
def by_hand(logits, target):
    log_chances = logits - logits.logsumexp(dim=1, keepdim=True)
    return -log_chances[torch.arange(len(target)), target].mean()


torch.manual_seed(0)
for dtype in (torch.float32, torch.float64):
    for examples, classes in [(1, 2), (5, 3), (64, 100)]:
        x = 30 * torch.randn(examples, classes, dtype=dtype)
        x.requires_grad_()
        y = torch.randint(classes, (examples,))
        mine, theirs = by_hand(x, y), F.cross_entropy(x, y)
        torch.testing.assert_close(mine, theirs)
        slopes = torch.autograd.grad(mine, x), torch.autograd.grad(theirs, x)
        torch.testing.assert_close(*slopes)


# %% Softmax twice hides a mistake
wrong = torch.tensor([[0.0, 50.0, 0.0]], requires_grad=True)  # sure of class 1
truth = torch.tensor([0])
once = F.cross_entropy(wrong, truth)
twice = F.cross_entropy(wrong.softmax(dim=1), truth)
for value in (once, twice):
    (slope,) = torch.autograd.grad(value, wrong)
    print(f"loss {value:5.2f}, largest slope {slope.abs().max():.2f}")

# %% NLLLoss wants logarithms
print(f"logits    {F.nll_loss(logits, target):7.4f}")
print(f"softmax   {F.nll_loss(logits.softmax(dim=1), target):7.4f}")
print(f"log       {F.nll_loss(logits.log_softmax(dim=1), target):7.4f}")

# %% Class numbers as floats tags=["raises-exception"]
F.cross_entropy(logits, target.float())

# %% A column of targets tags=["raises-exception"]
F.cross_entropy(logits, target[:, None])

# %% One-hot targets as integers tags=["raises-exception"]
F.cross_entropy(logits, F.one_hot(target, 3))

# %% A class that does not exist tags=["raises-exception"]
F.cross_entropy(logits, torch.tensor([0, 3]))

# %% More targets than rows tags=["raises-exception"]
F.cross_entropy(logits, torch.tensor([0, 1, 1]))

# %% Classes on the last axis tags=["raises-exception"]
torch.manual_seed(0)
words = torch.randn(2, 5, 3)  # (sentence, word, class)
tags = torch.zeros(2, 5, dtype=torch.int64)
F.cross_entropy(words, tags)

# %% The guess comes second tags=["raises-exception"]
F.cross_entropy(target, logits)

# %% A loss class takes no data tags=["raises-exception"]
torch.nn.CrossEntropyLoss(logits, target)

# %% Whole numbers for yes and no tags=["raises-exception"]
F.binary_cross_entropy_with_logits(score, answer.long())

# %% A column of scores tags=["raises-exception"]
F.binary_cross_entropy_with_logits(score[:, None], answer)

# %% The sigmoid inside the loss
far = torch.tensor([20.0, 200.0], requires_grad=True)  # sure, and wrong
no = torch.zeros(2)
for value in (
    F.binary_cross_entropy(far.sigmoid(), no, reduction="none"),
    F.binary_cross_entropy_with_logits(far, no, reduction="none"),
):
    (slope,) = torch.autograd.grad(value.sum(), far)
    print(value.tolist(), slope.tolist())

# %% Two classes, one score
pair = torch.stack([torch.zeros(2), score], dim=1)  # (example, class)
print(f"{F.cross_entropy(pair, answer.long()):.4f}")

# %% A rare class counts nine times
weight = torch.tensor([1.0, 9.0, 1.0])
each = F.cross_entropy(logits, target, reduction="none").detach()
counts = weight[target]
print(each, counts)
print(f"{(counts * each).sum() / counts.sum():.4f}")
print(f"{F.cross_entropy(logits, target, weight=weight):.4f}")

# %% A target of minus 100 is skipped
padded = torch.tensor([0, -100])
print(f"{F.cross_entropy(logits, padded):.4f}, {each[0]:.4f}")
print(f"{F.cross_entropy(logits, torch.tensor([-100, -100])):.4f}")

# %% A tenth for everybody
smooth = 0.9 * F.one_hot(target, 3) + 0.1 / 3
print(smooth)
print(f"{F.cross_entropy(logits, smooth):.4f}")
print(f"{F.cross_entropy(logits, target, label_smoothing=0.1):.4f}")

# %% Squared, absolute, and both tags=["hide-input"]
error = torch.linspace(-3, 3, 301, requires_grad=True)
zero = torch.zeros(301)
figure, (left, middle) = plt.subplots(1, 2, figsize=(7, 2.8))
for name, f in {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}.items():
    height = f(error, zero, reduction="none")
    (slope,) = torch.autograd.grad(height.sum(), error)
    left.plot(error.detach(), height.detach(), label=name)
    middle.plot(error.detach(), slope, label=name)
left.set(title="Loss", xlabel="error")
middle.set(title="Its slope", xlabel="error")
left.legend()
plt.show()


# %% Five rules by hand, and by the library tags=["hide-input"]
def agree(mine, theirs, x):
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(torch.autograd.grad(mine, x, retain_graph=True), torch.autograd.grad(theirs, x))


torch.manual_seed(0)
for dtype in (torch.float32, torch.float64):
    for examples, classes in [(2, 2), (6, 3), (64, 100)]:
        x = (3 * torch.randn(examples, classes, dtype=dtype)).requires_grad_()
        y = torch.randint(classes, (examples,))
        losses = x.logsumexp(dim=1) - x[torch.arange(examples), y]
        share = torch.rand(classes, dtype=dtype) + 0.1
        agree((share[y] * losses).sum() / share[y].sum(), F.cross_entropy(x, y, weight=share), x)
        kept = torch.arange(examples) % 2 == 0
        agree(losses[kept].mean(), F.cross_entropy(x, y.where(kept, -100)), x)
        soft = 0.9 * F.one_hot(y, classes).to(dtype) + 0.1 / classes
        agree(-(soft * x.log_softmax(dim=1)).sum(dim=1).mean(), F.cross_entropy(x, y, label_smoothing=0.1), x)
        miss = x.abs()
        agree(miss.mean(), F.l1_loss(x, torch.zeros_like(x)), x)
        agree(torch.where(miss < 1, miss.square() / 2, miss - 0.5).mean(), F.huber_loss(x, torch.zeros_like(x)), x)
print("weights, padding, smoothing, l1, huber: the same, slopes too")

# %% One outlier pulls the mean
prices = torch.tensor([10.0, 11.0, 12.0, 13.0, 100.0])
for f in (F.mse_loss, F.l1_loss, F.huber_loss):
    candidates = torch.linspace(0, 100, 1001)
    losses = torch.stack([f(c.expand(5), prices) for c in candidates])
    print(f"{f.__name__:11} {candidates[losses.argmin()]:.1f}")

# %% Too low counts twice
below = 2 * F.relu(wish - guess).mean()
above = F.relu(guess - wish).mean()
print(below + above)


# %% Exercise: yes or no by hand tags=["exercise"]
def yes_no(score, answer):
    chance = score.sigmoid()
    return -(answer * chance.log() + (1 - answer) * (1 - chance).log())


def check_yes_no(yes_no):
    score = torch.tensor([-2.0, 3.0, 200.0, -200.0, 0.0, 2.0], requires_grad=True)
    answer = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 0.25])
    loss = yes_no(score, answer)
    right = torch.tensor([2.1269, 0.0486, 200.0, 200.0, 0.6931, 1.6269])
    assert torch.allclose(loss, right, atol=1e-4), f"the losses are {loss.detach()}"
    (slope,) = torch.autograd.grad(loss.sum(), score)
    right = torch.tensor([-0.8808, -0.0474, 1.0, -1.0, -0.5, 0.6308])
    assert torch.allclose(slope, right, atol=1e-4), f"the slopes are {slope}"
    for dtype in (torch.float32, torch.float64):
        for shape in [(), (5,), (3, 4)]:
            score = (30 * torch.randn(shape, dtype=dtype)).requires_grad_()
            answer = torch.rand(shape, dtype=dtype)
            mine = yes_no(score, answer)
            theirs = F.binary_cross_entropy_with_logits(score, answer, reduction="none")
            torch.testing.assert_close(mine, theirs)
            slopes = [torch.autograd.grad(loss.sum(), score) for loss in (mine, theirs)]
            torch.testing.assert_close(*slopes)


check_yes_no(yes_no)


# %% Solution: yes or no by hand tags=["solution"]
def yes_no(score, answer):
    return F.softplus(score) - score * answer


check_yes_no(yes_no)


# %% Wrong: the library's, of the chances tags=["wrong"]
def yes_no(score, answer):
    return F.binary_cross_entropy(score.sigmoid(), answer, reduction="none")


# %% Wrong: a kink at zero tags=["wrong"]
def yes_no(score, answer):
    return F.relu(score) - score * answer + torch.log1p(torch.exp(-score.abs()))


# %% Wrong: a little added tags=["wrong"]
def yes_no(score, answer):
    yes, no = (score.sigmoid() + 1e-7).log(), (1 - score.sigmoid() + 1e-7).log()
    return -(answer * yes + (1 - answer) * no)


# %% Wrong: a power that overflows tags=["wrong"]
def yes_no(score, answer):
    return torch.log1p(score.exp()) - score * answer


# %% Wrong: yes or no, and nothing between tags=["wrong"]
def yes_no(score, answer):
    return F.softplus(torch.where(answer > 0.5, -score, score))


# %% Exercise: a loss for sentences tags=["exercise"]
def sentences(logits, tags):
    """The mean loss of all words but the padding."""
    batch, length, classes = logits.shape
    return F.cross_entropy(logits.reshape(batch, classes, length), tags)


def check_sentences(sentences):
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3)  # (sentence, word, class)
    logits[0, 0, 0] = 200.0  # sure, and right
    logits.requires_grad_()
    tags = torch.tensor([[0, 2, 1, 1, 0], [2, 2, 0, 1, 1]])
    for words in (4, 2):  # in the second sentence; the rest is padding
        tags[1, words:] = -100
        places = [(0, t) for t in range(5)] + [(1, t) for t in range(words)]
        mean = sum(F.cross_entropy(logits[i, t], tags[i, t]) for i, t in places) / len(places)
        loss = sentences(logits, tags)
        assert loss.isclose(mean), f"{loss:.4f}, not {mean:.4f}"
        torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(mean, logits))


check_sentences(sentences)


# %% Solution: a loss for sentences tags=["solution"]
def sentences(logits, tags):
    return F.cross_entropy(logits.transpose(1, 2), tags)


check_sentences(sentences)
check_sentences(lambda logits, tags: F.cross_entropy(logits.flatten(0, 1), tags.flatten()))


# %% Wrong: the mean of the sentences tags=["wrong"]
def sentences(logits, tags):
    return torch.stack([F.cross_entropy(a, b) for a, b in zip(logits, tags)]).mean()


# %% Wrong: padding as class 0 tags=["wrong"]
def sentences(logits, tags):
    return F.cross_entropy(logits.transpose(1, 2), tags.clamp(min=0))


# %% Wrong: padding as a loss of 0 tags=["wrong"]
def sentences(logits, tags):
    return F.cross_entropy(logits.transpose(1, 2), tags, reduction="none").mean()


# %% Wrong: a loss of 0 taken for padding tags=["wrong"]
def sentences(logits, tags):
    losses = F.cross_entropy(logits.transpose(1, 2), tags, reduction="none")
    return losses.sum() / (losses != 0).sum()


# %% Wrong: a softmax, then its logarithm tags=["wrong"]
def sentences(logits, tags):
    return F.nll_loss(logits.transpose(1, 2).softmax(dim=1).log(), tags)


# %% Wrong: detached tags=["wrong"]
def sentences(logits, tags):
    return F.cross_entropy(logits.transpose(1, 2), tags).detach()


# %% Wrong: a number that is only marked tags=["wrong"]
def sentences(logits, tags):
    return torch.tensor(F.cross_entropy(logits.transpose(1, 2), tags).item(), requires_grad=True)


# %% Wrong: always nine words tags=["wrong"]
def sentences(logits, tags):
    return F.cross_entropy(logits.transpose(1, 2), tags, reduction="sum") / 9


# %% Exercise: a mean of unequal batches tags=["exercise"]
def whole_loss(batches):
    """The mean loss of all examples that count, from batches of different sizes."""
    losses = [F.cross_entropy(logits, target) for logits, target in batches]
    return torch.stack(losses).mean()


def check_whole_loss(whole_loss):
    torch.manual_seed(0)
    logits = torch.randn(10, 3)
    target = torch.tensor([0, 1, 2, 0, -100, 1, 2, 0, -100, -100])
    for n in (10, 6):
        mean = F.cross_entropy(logits[:n], target[:n])
        loss = whole_loss(list(zip(logits[:n].split(4), target[:n].split(4))))
        assert loss.isclose(mean), f"{loss:.4f}, not {mean:.4f}"


check_whole_loss(whole_loss)


# %% Solution: a mean of unequal batches tags=["solution"]
def whole_loss(batches):
    """The mean loss of all examples that count, from batches of different sizes."""
    total = sum(F.cross_entropy(logits, target, reduction="sum") for logits, target in batches)
    return total / sum((target != -100).sum() for _, target in batches)


check_whole_loss(whole_loss)


# %% Wrong: the ignored weighed tags=["wrong"]
def whole_loss(batches):
    return sum(F.cross_entropy(logits, target) * len(target) for logits, target in batches) / 10


# %% Wrong: the ignored counted tags=["wrong"]
def whole_loss(batches):
    return sum(F.cross_entropy(logits, target, reduction="sum") for logits, target in batches) / 10


# %% Wrong: always seven that count tags=["wrong"]
def whole_loss(batches):
    return sum(F.cross_entropy(logits, target, reduction="sum") for logits, target in batches) / 7
