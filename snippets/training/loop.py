"""The training loop: the whole program, each of its lines, and seven ways to spoil it."""

# %% Twelve times through the data
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
labels = torch.arange(600) % 3  # three arms of a spiral
turn = 0.1 + 0.9 * torch.rand(600)
angle = 4 * turn + labels * 2 * torch.pi / 3 + 0.1 * torch.randn(600)
points = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1)
train_set = TensorDataset(points[:480], labels[:480])
loader = DataLoader(train_set, batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(12):
    model.train()
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    right = (model(points[480:]).argmax(dim=1) == labels[480:]).sum()
print(f"{right} of 120 right")

# %% Three arms, and who gets which ground tags=["hide-input"]
import matplotlib.pyplot as plt


@torch.no_grad()
def draw_ground(model, ticks):
    across, up = torch.meshgrid(ticks, ticks, indexing="xy")
    ground = model(torch.stack([across, up], dim=-1)).argmax(dim=-1)
    plt.contourf(across, up, ground, levels=[-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.25)


plt.figure(figsize=(5, 2))
draw_ground(model, torch.linspace(-1.2, 1.2, 97))
for arm, marker in enumerate("os^"):
    plt.plot(*points[480:][labels[480:] == arm].T, marker, markersize=3, color=f"C{arm}", label=f"arm {arm}")
plt.legend(title="120 others", loc="center left", bbox_to_anchor=(1, 0.5))
plt.gca().set_aspect("equal")
plt.show()

# %% The whole program
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"

labels = torch.arange(600) % 3  # three arms of a spiral
turn = 0.1 + 0.9 * torch.rand(600)
angle = 4 * turn + labels * 2 * torch.pi / 3 + 0.1 * torch.randn(600)
points = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1)
data = TensorDataset(points, labels)
train_set, val_set, test_set = random_split(data, [0.6, 0.2, 0.2])


def make_model():
    body = nn.Linear(2, 64), nn.ReLU(), nn.Dropout(0.5)
    head = nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)
    return nn.Sequential(*body, *head)


@torch.no_grad()
def evaluate(model, dataset):
    model.eval()
    total, right = 0.0, 0
    for x, y in DataLoader(dataset, batch_size=256):
        logits = model(x.to(device)).cpu()
        total += F.cross_entropy(logits, y, reduction="sum").item()
        right += (logits.argmax(dim=1) == y).sum().item()
    return total / len(dataset), right / len(dataset)


model = make_model().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loader = DataLoader(train_set, batch_size=32, shuffle=True)
lowest = float("inf")
for epoch in range(1, 13):
    model.train()
    for x, y in loader:
        loss = F.cross_entropy(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    val_loss, accuracy = evaluate(model, val_set)
    if val_loss < lowest:
        lowest = val_loss
        torch.save(model.state_dict(), "best.pt")
    if epoch in (1, 2, 4, 8, 12):
        print(f"epoch {epoch:2}: loss {val_loss:.2f}, accuracy {accuracy:.2f}")

best = make_model().to(device)
best.load_state_dict(torch.load("best.pt", map_location=device))
test_loss, accuracy = evaluate(best, test_set)
print(f"test set: loss {test_loss:.2f}, accuracy {accuracy:.2f}")
best.eval()
with torch.no_grad():
    chances = best(torch.tensor([[-0.1, -0.6]], device=device)).softmax(dim=1)
print(f"arm {chances.argmax().item()}, chance {chances.max():.2f}")


# %% Six orders of the five lines tags=["hide-input"]
def run(order):
    torch.manual_seed(0)
    net = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in zip(points[:96].split(32), labels[:96].split(32)):
        for line in order.split():
            if line == "loss":
                loss = F.cross_entropy(net(x), y)
            if line == "zero":
                optimizer.zero_grad()
            if line == "backward":
                loss.backward()
            if line == "step":
                optimizer.step()
    return net.weight.detach()


usual, untrained = run("loss zero backward step"), run("loss")
for order in (
    "zero loss backward step",
    "loss backward step zero",
    "loss backward step",
    "loss backward zero step",
    "zero loss step backward",
):
    weight = run(order)
    same, moved = torch.equal(weight, usual), not torch.equal(weight, untrained)
    print(f"{order:24} moved: {moved!s:5}  as usual: {same}")

# %% One batch by heart
torch.manual_seed(0)
pupil = make_model()
optimizer = torch.optim.SGD(pupil.parameters(), lr=0.1, momentum=0.9)
x, y = points[:32], labels[:32]
first_loss = F.cross_entropy(pupil(x), y).item()
for _ in range(150):
    loss = F.cross_entropy(pupil(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
pupil.eval()
print(f"{first_loss:.2f} -> {F.cross_entropy(pupil(x), y):.2f}")

# %% In train mode, two answers
pupil.train()
print(torch.equal(pupil(x), pupil(x)))
pupil.eval()
print(torch.equal(pupil(x), pupil(x)))

# %% BatchNorm learns while it measures
norm = nn.BatchNorm1d(2)
with torch.no_grad():
    norm(points + 5)
print(norm.running_mean)
norm.eval()
norm(points + 100)
print(norm.running_mean)

# %% The mean of the means
losses = torch.tensor([0.0, 0.0, 0.0, 0.0, 5.0])  # one loss for each example
batches = losses.split(4)
print([batch.mean().item() for batch in batches])
print(torch.stack([batch.mean() for batch in batches]).mean().item())
print(losses.mean().item())


# %% Adding losses keeps every graph
def count(node, seen):
    if node is not None and node not in seen:
        seen.add(node)
        for earlier, _ in node.next_functions:
            count(earlier, seen)
    return len(seen)


total, plain = 0.0, 0.0
for x, y in zip(points[:96].split(32), labels[:96].split(32)):
    loss = F.cross_entropy(pupil(x), y)
    total = total + loss
    plain = plain + loss.item()
    print(count(total.grad_fn, set()), "nodes, and a", type(plain).__name__)

# %% The best state goes on moving
from copy import deepcopy

kept, copied = pupil.state_dict(), deepcopy(pupil.state_dict())
with torch.no_grad():
    pupil[0].weight += 1  # training goes on
print(torch.equal(kept["0.weight"], pupil[0].weight))
print(torch.equal(copied["0.weight"], pupil[0].weight))

# %% A run that can be spoiled tags=["hide-input"]
exact = points.round(decimals=4)  # last digits of sine and cosine differ from processor to processor
x_train, y_train = exact[train_set.indices], labels[train_set.indices]
x_val, y_val = exact[val_set.indices], labels[val_set.indices]


def fit(mistake, epochs=20):
    torch.manual_seed(0)
    model, answers = make_model(), y_train
    weights = model.parameters()
    if mistake == "frozen layers":
        weights = model[-1].parameters()
    lr = 20 if mistake == "lr times 100" else 0.2
    optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9)
    if mistake == "labels shuffled":
        answers = answers[torch.randperm(len(answers))]
    log = []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(answers)).split(60):
            scores = model(x_train[rows])
            if mistake == "softmax twice":
                scores = scores.softmax(dim=1)
            loss = F.cross_entropy(scores, answers[rows])
            if mistake != "no zero_grad":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if mistake != "no eval":
            model.eval()
        with torch.no_grad():
            scores = model(x_val)
            if mistake == "softmax twice":
                scores = scores.softmax(dim=1)
            truth = y_val[:, None] if mistake == "(n, 1)" else y_val
            accuracy = (scores.argmax(dim=1) == truth).float().mean()
            loss = F.cross_entropy(scores, y_val)
            log.append([total / len(answers), loss.item(), accuracy.item()])
    return model, torch.tensor(log)  # (epoch, 3)


mistakes = [
    "none",
    "no zero_grad",
    "softmax twice",
    "no eval",
    "lr times 100",
    "labels shuffled",
    "(n, 1)",
    "frozen layers",
]
runs = {mistake: fit(mistake) for mistake in mistakes}
logs = {mistake: log for mistake, (_, log) in runs.items()}

# %% Seven mistakes, seven curves tags=["hide-input"]
figure, grid = plt.subplots(4, 2, figsize=(7, 7.5), sharex=True, sharey=True)
for ax, letter, log in zip(grid.flatten(), "ABCDEFGH", logs.values()):
    for column, style, name in zip(log.T, ["-", "--", ":"], ["loss, training", "loss, validation", "accuracy"]):
        ax.plot(range(1, 21), column, style, label=name)
    ax.set(title=letter, ylim=(0, 1.6), xticks=[1, 10, 20], yticks=[0, 0.5, 1, 1.5])
    if log.max() > 1.6:
        ax.text(10, 0.8, "losses: off the scale", ha="center")
figure.subplots_adjust(hspace=0.35, wspace=0.1)
figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="upper center", ncols=3)
for ax in grid[3]:
    ax.set_xlabel("epoch")
plt.show()

# %% Which weights stand still
torch.manual_seed(0)
half = make_model()
optimizer = torch.optim.SGD(half[-1].parameters(), lr=0.1)
before = deepcopy(half.state_dict())
F.cross_entropy(half(x_train), y_train).backward()
optimizer.step()
for name, weight in half.named_parameters():
    moved = not torch.equal(weight, before[name])
    print(f"{name:8} moved: {moved}")

# %% The same run twice
again, log_again = fit("none")
once, log_once = runs["none"]
print(torch.equal(log_again, log_once))
pairs = zip(again.parameters(), once.parameters())
print(all(torch.equal(a, b) for a, b in pairs))

# %% A batch of one tags=["raises-exception"]
norm.train()
norm(points[:1])

# %% A sum that goes on from batch to batch tags=["raises-exception"]
total = 0.0
for x, y in zip(points[:64].split(32), labels[:64].split(32)):
    total = total + F.cross_entropy(pupil(x), y)
    total.backward()

# %% NumPy brings doubles tags=["raises-exception"]
pupil(torch.from_numpy(points.numpy().astype("float64")))


# %% Exercise: stop in time tags=["exercise"]
def stop_in_time(losses, patience):
    """The best epoch, from 0, once `patience` epochs in a row were no better."""
    for epoch in range(1, len(losses)):
        if losses[epoch] > losses[epoch - 1]:
            return epoch - 1
    return len(losses) - 1


def check_stop(stop_in_time):
    for losses, patience, right in [
        ([5, 4, 3, 2], 2, 3),
        ([5, 3, 4, 2, 3], 2, 3),  # one bad epoch is no reason
        ([5, 3, 4, 4, 1], 2, 1),  # it never saw the 1
        ([5, 3, 3, 3, 1], 2, 1),  # equal is not better
        ([5, 3, 9, 8, 7, 1], 3, 1),  # better than the epoch before is not enough
        ([5, 3, 4, 4, 1], 3, 4),  # more patience sees the 1
        ([5, 6, 4, 5, 3], 2, 4),  # bad epochs count from the best one on
    ]:
        answer = stop_in_time(losses, patience)
        assert answer == right, f"{losses}, patience {patience}: {answer}, not {right}"


check_stop(stop_in_time)


# %% Solution: stop in time tags=["solution"]
def stop_in_time(losses, patience):
    """The best epoch, from 0, once `patience` epochs in a row were no better."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best


check_stop(stop_in_time)


# %% Wrong: the lowest of all tags=["wrong"]
def stop_in_time(losses, patience):
    return losses.index(min(losses))


# %% Wrong: rises in a row tags=["wrong"]
def stop_in_time(losses, patience):
    rises = 0
    for epoch in range(1, len(losses)):
        rises = rises + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if rises == patience:
            return epoch - patience
    return losses.index(min(losses))


# %% Wrong: always two tags=["wrong"]
def stop_in_time(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == 2:
            break
    return best


# %% Wrong: never forgives tags=["wrong"]
def stop_in_time(losses, patience):
    best = bad = 0
    for epoch, loss in enumerate(losses):
        bad += epoch > 0 and loss >= losses[best]
        best = epoch if loss < losses[best] else best
        if bad == patience:
            break
    return best


# %% Exercise: an honest measurement tags=["exercise"]
def measure(model, batches):
    """Loss and accuracy of all examples; the model stays as it was."""
    losses, rights = [], []
    for x, y in batches:
        scores = model(x)
        losses.append(F.cross_entropy(scores, y))
        rights.append((scores.argmax(dim=1) == y).float().mean())
    return sum(losses) / len(losses), sum(rights) / len(rights)


def check_measure(measure):
    torch.manual_seed(0)
    part = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), part)
    frozen = part[0].eval().requires_grad_(False)
    mean = model[1].running_mean.clone()
    modes = [module.training for module in model.modules()]
    for x, y in [(points[:40], labels[:40]), (points[:50], labels[:50])]:
        loss, accuracy = measure(model, zip(x.split(32), y.split(32)))
        assert not torch.is_tensor(loss) or not loss.requires_grad, "it keeps the graph"
        assert torch.is_grad_enabled() and model[0].weight.requires_grad, "gradients stay off"
        assert not frozen.weight.requires_grad, "what was frozen learns again"
        scores = deepcopy(model).eval()(x)
        assert abs(float(loss) - F.cross_entropy(scores, y).item()) < 1e-5, "another loss"
        assert abs(float(accuracy) - (scores.argmax(dim=1) == y).float().mean().item()) < 1e-5, "another accuracy"
        assert torch.equal(model[1].running_mean, mean), "BatchNorm has moved"
        assert [module.training for module in model.modules()] == modes, "not the modes that it came with"


check_measure(measure)


# %% Solution: an honest measurement tags=["solution"]
@torch.no_grad()
def measure(model, batches):
    """Loss and accuracy of all examples; the model stays as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    loss, right, examples = 0.0, 0, 0
    for x, y in batches:
        scores = model(x)
        loss += F.cross_entropy(scores, y, reduction="sum").item()
        right += (scores.argmax(dim=1) == y).sum().item()
        examples += len(y)
    for module, training in modes.items():
        module.training = training
    return loss / examples, right / examples


check_measure(measure)


# %% Wrong: in any mode tags=["wrong"]
def measure(model, batches):
    with torch.no_grad():
        pairs = [(model(x), y) for x, y in batches]
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: all awake afterwards tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    model.train()
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: the mean of the means tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    for module, training in modes.items():
        module.training = training
    losses = [F.cross_entropy(scores, y).item() for scores, y in pairs]
    rights = [(scores.argmax(1) == y).float().mean().item() for scores, y in pairs]
    return sum(losses) / len(losses), sum(rights) / len(rights)


# %% Wrong: always forty tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    for module, training in modes.items():
        module.training = training
    losses = [F.cross_entropy(scores, y, reduction="sum").item() for scores, y in pairs]
    rights = [(scores.argmax(1) == y).sum().item() for scores, y in pairs]
    return sum(losses) / 40, sum(rights) / 40


# %% Wrong: the parts of parts forgotten tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    mode, modes = model.training, {part: part.training for part in model.children()}
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    model.train(mode)
    for part, training in modes.items():
        part.train(training)
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: every BatchNorm asleep tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: every weight learns tags=["wrong"]
def measure(model, batches):
    modes = {module: module.training for module in model.modules()}
    model.eval().requires_grad_(False)
    pairs = [(model(x), y) for x, y in batches]
    model.requires_grad_(True)
    for module, training in modes.items():
        module.training = training
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: frozen for good tags=["wrong"]
@torch.no_grad()
def measure(model, batches):
    modes = {module: module.training for module in model.modules()}
    model.eval().requires_grad_(False)
    pairs = [(model(x), y) for x, y in batches]
    for module, training in modes.items():
        module.training = training
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Wrong: gradients off for good tags=["wrong"]
def measure(model, batches):
    torch.set_grad_enabled(False)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    pairs = [(model(x), y) for x, y in batches]
    for module, training in modes.items():
        module.training = training
    scores, y = torch.cat([s for s, _ in pairs]), torch.cat([y for _, y in pairs])
    return F.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


# %% Exercise: three silent mistakes tags=["exercise"]
def train_points(x, y):
    """Train on the points; it runs, and it does not learn."""
    torch.manual_seed(0)
    x, y = x[torch.randperm(len(x))], y[torch.randperm(len(y))]
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(12):
        model.train()
        for some_x, some_y in zip(x.split(60), y.split(60)):
            loss = F.cross_entropy(model(some_x).softmax(dim=1), some_y)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
    return model.eval()


def check_training(train):
    model = train(x_train, y_train)
    scores = model(x_val)
    accuracy = (scores.argmax(dim=1) == y_val).float().mean()
    loss = F.cross_entropy(scores, y_val)
    assert accuracy > 0.9, f"accuracy {accuracy:.2f}"
    assert loss < 0.2, f"loss {loss:.2f}"


check_training(train_points)


# %% Solution: three silent mistakes tags=["solution"]
def train_points(x, y):
    """Train on the points."""
    torch.manual_seed(0)
    order = torch.randperm(len(x))  # one order for both
    x, y = x[order], y[order]
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(12):
        model.train()
        for some_x, some_y in zip(x.split(60), y.split(60)):
            loss = F.cross_entropy(model(some_x), some_y)  # no softmax
            optimizer.zero_grad()  # before backward
            loss.backward()
            optimizer.step()
    return model.eval()


check_training(train_points)


# %% Wrong: softmax left tags=["wrong"]
def train_points(x, y):
    torch.manual_seed(0)
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(12):
        model.train()
        for some_x, some_y in zip(x.split(60), y.split(60)):
            loss = F.cross_entropy(model(some_x).softmax(dim=1), some_y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


# %% Wrong: two orders left tags=["wrong"]
def train_points(x, y):
    torch.manual_seed(0)
    x, y = x[torch.randperm(len(x))], y[torch.randperm(len(y))]
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(12):
        model.train()
        for some_x, some_y in zip(x.split(60), y.split(60)):
            loss = F.cross_entropy(model(some_x), some_y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


# %% Wrong: gradients cleared before the step tags=["wrong"]
def train_points(x, y):
    torch.manual_seed(0)
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(12):
        model.train()
        for some_x, some_y in zip(x.split(60), y.split(60)):
            loss = F.cross_entropy(model(some_x), some_y)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
    return model.eval()
