"""Saving and loading: the numbers to a file, and back into a model."""

# %% Save the numbers, load the numbers
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


torch.manual_seed(0)
model = build()
torch.save(model.state_dict(), "model.pt")

fresh = build()  # the same layers, other random numbers
print(fresh.load_state_dict(torch.load("model.pt")))
fresh.eval()
batch = torch.rand(5, 4)
print(torch.equal(fresh(batch), model(batch)))

# %% A name leads each tensor back tags=["hide-input"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 1.6))
ax.axis("off")
ax.set(xlim=(-0.4, 3.4), ylim=(-0.6, 5.6))
for place, title in ((0, "model"), (1.5, "model.pt"), (3, "fresh")):
    ax.text(place, 5.2, title, ha="center", va="center", weight="bold")
shapes = {name: tuple(tensor.shape) for name, tensor in torch.load("model.pt").items()}
for row, (name, shape) in enumerate(shapes.items()):
    height, layer = 4 - row - (row > 1), name.split(".")[0]
    ax.text(1.5, height, f"{name}  {shape}", ha="center", va="center")
    for end, near in ((0.35, 0.95), (2.65, 2.05)):
        ax.plot([end, near], [3.5 - 1.5 * int(layer), height], color="C0")
box = {"boxstyle": "round", "facecolor": "C7", "alpha": 0.3}
for place, net in ((0, model), (3, fresh)):
    for name, layer in net.named_children():
        title = f"{name}  {type(layer).__name__}"
        ax.text(place, 3.5 - 1.5 * int(name), title, ha="center", va="center", bbox=box)
plt.show()

# %% Names and tensors
state = torch.load("model.pt")
for name, tensor in state.items():
    print(name, tuple(tensor.shape))

# %% The file is a zip
from zipfile import ZipFile

with ZipFile("model.pt") as archive:
    for entry in archive.infolist():
        if "/data/" in entry.filename:
            print(entry.filename, entry.file_size)

# %% One model has more, one file has more
deeper = nn.Sequential(*build(), nn.ReLU(), nn.Linear(2, 2))
extended = {**state, "mean": torch.zeros(4)}
report = deeper.load_state_dict(extended, strict=False)
print("missing:", report.missing_keys)
print("unexpected:", report.unexpected_keys)

# %% Saved from inside a wrapper tags=["raises-exception"]
wrapper = nn.Module()
wrapper.module = model  # as DataParallel keeps it
torch.save(wrapper.state_dict(), "wrapped.pt")
fresh.load_state_dict(torch.load("wrapped.pt"))

# %% Take the prefix off
prefixed = torch.load("wrapped.pt")
print(list(prefixed)[0])
bare = {name.removeprefix("module."): tensor for name, tensor in prefixed.items()}
print(fresh.load_state_dict(bare))

# %% Nothing loaded, nothing said
untouched = build()
before = untouched[0].weight.clone()
untouched.load_state_dict(prefixed, strict=False)
print(torch.equal(untouched[0].weight, before))

# %% strict=False forgives names, not sizes tags=["raises-exception"]
three_classes = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))
three_classes.load_state_dict(state, strict=False)

# %% A path is no dictionary tags=["raises-exception"]
fresh.load_state_dict("model.pt")


# %% Ten steps, saved after five
def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()


inputs, labels = torch.rand(20, 4), torch.randint(2, (20,))
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
train(model, optimizer, 5)
checkpoint = {
    "model": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "step": 5,
}
torch.save(checkpoint, "checkpoint.pt")
train(model, optimizer, 5)

# %% Resumed, bit for bit
checkpoint = torch.load("checkpoint.pt")
resumed = build()
optimizer = torch.optim.Adam(resumed.parameters(), lr=0.1)
resumed.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
train(resumed, optimizer, 10 - checkpoint["step"])
print(torch.equal(resumed[0].weight, model[0].weight))

# %% Without the optimizer, another path
restarted = build()
restarted.load_state_dict(checkpoint["model"])
train(restarted, torch.optim.Adam(restarted.parameters(), lr=0.1), 5)
print(torch.equal(restarted[0].weight, model[0].weight))

# %% A bracket in the wrong place tags=["raises-exception"]
fresh.load_state_dict(torch.load("checkpoint.pt"))["model"]

# %% The rate in the file wins
slower = torch.optim.Adam(resumed.parameters(), lr=0.001)
slower.load_state_dict(checkpoint["optimizer"])
print(slower.param_groups[0]["lr"])

# %% The optimizer goes by order
print(list(checkpoint["optimizer"]["state"]))
backwards = torch.optim.Adam(reversed(list(resumed.parameters())))
backwards.load_state_dict(checkpoint["optimizer"])
print(resumed[2].bias.shape, backwards.state[resumed[2].bias]["exp_avg"].shape)


# %% A whole model is refused tags=["raises-exception"]
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return self.layer(x)


torch.save(Classifier(), "whole.pt")
torch.load("whole.pt")


# %% A file can run code
class Parcel:
    def __reduce__(self):
        return print, ("this line was printed by the file",)


torch.save(Parcel(), "parcel.pt")
torch.load("parcel.pt", weights_only=False)

# %% Ask what a file wants to use
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

print(get_unsafe_globals_in_checkpoint("parcel.pt"))
print(sorted(get_unsafe_globals_in_checkpoint("whole.pt")))

# %% Let in the classes you know
with safe_globals([Classifier, nn.Linear]):
    whole = torch.load("whole.pt")
print(whole)

# %% A NumPy number among plain ones
import numpy as np

torch.save({"epoch": 3, "accuracy": np.mean([0.8, 1.0])}, "scores.pt")
print(sorted(get_unsafe_globals_in_checkpoint("scores.pt")))

# %% The file remembers its device tags=["cpu", "hide-input"]
with ZipFile("model.pt") as archive, ZipFile("from_gpu.pt", "w") as forged:
    for name in archive.namelist():
        content = archive.read(name)
        if name.endswith("data.pkl"):
            # in a pickle, a string has its length before it: 3 letters, 6 letters
            content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        forged.writestr(name.replace("model/", "from_gpu/"), content)

# %% A GPU file on a machine without one tags=["cpu", "raises-exception"]
torch.load("from_gpu.pt")

# %% Send it to the CPU tags=["cpu"]
arrived = torch.load("from_gpu.pt", map_location="cpu")
print(torch.equal(arrived["0.weight"], state["0.weight"]))

# %% Saved on CUDA, loaded on the CPU tags=["cuda"]
torch.save(build().to("cuda").state_dict(), "there.pt")
print(torch.load("there.pt")["0.weight"].device)
print(torch.load("there.pt", map_location="cpu")["0.weight"].device)

# %% The mode is not saved
with_dropout = nn.Sequential(nn.Dropout(0.5)).eval()
again = nn.Sequential(nn.Dropout(0.5))
again.load_state_dict(with_dropout.state_dict())
print(again.training)

# %% Half a file tags=["raises-exception"]
from pathlib import Path

whole_file = Path("model.pt").read_bytes()
Path("half.pt").write_bytes(whole_file[:1000])
torch.load("half.pt")

# %% A web page is no model tags=["raises-exception"]
Path("page.pt").write_text("<!DOCTYPE html><title>404: Not Found</title>")
torch.load("page.pt")

# %% The dtype of the model stays
double = build().to(torch.float64)
double.load_state_dict(state)
print(double[0].weight.dtype)
double.load_state_dict(state, assign=True)
print(double[0].weight.dtype)

# %% A model made of nothing, then filled
with torch.device("meta"):
    skeleton = build()
skeleton.load_state_dict(torch.load("model.pt"), assign=True)
print(torch.equal(skeleton[0].weight, state["0.weight"]))

# %% The optimizer holds the old ones
late = build()
holder = torch.optim.SGD(late.parameters(), lr=0.1)
late.load_state_dict(state, assign=True)
print(holder.param_groups[0]["params"][0] is late[0].weight)

# %% One parameter becomes two
tied = nn.ModuleDict({"embed": nn.Embedding(5, 3), "score": nn.Linear(3, 5, bias=False)})
tied["score"].weight = tied["embed"].weight
print(len(list(tied.parameters())))
tied.load_state_dict(tied.state_dict(), assign=True)
print(len(list(tied.parameters())))

# %% Two models, one memory
once = build().state_dict()
left, right = build(), build()
left.load_state_dict(once, assign=True)
right.load_state_dict(once)  # assign=False, as always when nothing is said
print(left[0].weight.data_ptr() == right[0].weight.data_ptr())


# %% Exercise: stop and go on tags=["exercise"]
def save_all(path, model, optimizer):
    """Everything that the next steps depend on."""
    torch.save({"model": model.state_dict()}, path)


def load_all(path, model, optimizer):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])


def start(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    return model, torch.optim.Adam(model.parameters(), lr=0.1)


def check_resume(save_all, load_all):
    straight, optimizer = start(1)
    train(straight, optimizer, 6)
    saved, optimizer = start(1)
    train(saved, optimizer, 3)
    save_all("all.pt", saved, optimizer)
    train(saved, optimizer, 3)
    assert straight[3].bias.equal(saved[3].bias), "saving has changed the run"
    later, optimizer = start(2)
    load_all(Path("all.pt").replace("moved.pt"), later, optimizer)
    train(later, optimizer, 3)
    for left, right in zip(straight.parameters(), later.parameters()):
        assert torch.equal(left, right), "another path"


check_resume(save_all, load_all)


# %% Solution: stop and go on tags=["solution"]
def save_all(path, model, optimizer):
    """Everything that the next steps depend on."""
    chance = torch.get_rng_state()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "chance": chance}, path)


def load_all(path, model, optimizer):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["chance"])


check_resume(save_all, load_all)


# %% Wrong: the weights only tags=["wrong"]
def load_all(path, model, optimizer):
    model.load_state_dict(torch.load(path)["model"])
    torch.set_rng_state(torch.load(path)["chance"])


# %% Wrong: chance left out tags=["wrong"]
def load_all(path, model, optimizer):
    model.load_state_dict(torch.load(path)["model"])
    optimizer.load_state_dict(torch.load(path)["optimizer"])


# %% Wrong: a seed instead of chance tags=["wrong"]
def save_all(path, model, optimizer):
    torch.manual_seed(0)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)


def load_all(path, model, optimizer):
    model.load_state_dict(torch.load(path)["model"])
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    torch.manual_seed(0)


# %% Exercise: take a prefix off tags=["exercise"]
def without_prefix(state, prefix="module."):
    """The same tensors, the prefix removed where a name begins with it."""
    return {name.replace(prefix, ""): tensor for name, tensor in state.items()}


def check_prefix(without_prefix):
    one, two = torch.ones(1), torch.zeros(1)
    prefixed = {"module.head.bias": one, "module.sub.module.bias": two}
    cleaned = without_prefix(prefixed)
    assert list(cleaned) == ["head.bias", "sub.module.bias"], list(cleaned)
    assert "module.head.bias" in prefixed, "the caller's dictionary stays as it was"
    assert cleaned["head.bias"] is one
    plain = {"head.bias": one, "sub.module.bias": two, "modules.bias": one}
    assert list(without_prefix(plain)) == list(plain), "these do not begin with it"
    assert list(without_prefix({"module.module.bias": one, "scale": two})) == ["module.bias", "scale"]
    assert list(without_prefix({"module._orig_mod.bias": one}, "module._orig_mod.")) == ["bias"]


check_prefix(without_prefix)


# %% Solution: take a prefix off tags=["solution"]
def without_prefix(state, prefix="module."):
    """The same tensors, the prefix removed where a name begins with it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


check_prefix(without_prefix)


# %% Wrong: letters stripped tags=["wrong"]
def without_prefix(state, prefix="module."):
    return {name.lstrip(prefix): tensor for name, tensor in state.items()}


# %% Wrong: as many letters off every name tags=["wrong"]
def without_prefix(state, prefix="module."):
    return {name[len(prefix) :]: tensor for name, tensor in state.items()}


# %% Wrong: all names or none tags=["wrong"]
def without_prefix(state, prefix="module."):
    every = all(name.startswith(prefix) for name in state)
    return {name[len(prefix) :] if every else name: tensor for name, tensor in state.items()}


# %% Wrong: cut at the first dot tags=["wrong"]
def without_prefix(state, prefix="module."):
    return {name.split(".", 1)[1] if name.startswith(prefix) else name: tensor for name, tensor in state.items()}


# %% Wrong: the first place instead of the beginning tags=["wrong"]
def without_prefix(state, prefix="module."):
    return {name.replace(prefix, "", 1): tensor for name, tensor in state.items()}


# %% Exercise: load what fits tags=["exercise"]
def load_what_fits(model, state):
    """Load each tensor whose name and shape the model knows; return the names of the others."""
    report = model.load_state_dict(state, strict=False)
    return report.unexpected_keys


def check_fits(load_what_fits):
    donor = {**build().state_dict(), "mean": torch.zeros(4)}
    names = list(donor)
    head = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 9))
    kept = head[2].weight.clone()
    assert sorted(load_what_fits(head, donor)) == ["2.bias", "2.weight", "mean"]
    assert torch.equal(head[0].weight, donor["0.weight"]), "what fits is loaded"
    assert torch.equal(head[0].bias, donor["0.bias"]), "what fits is loaded"
    assert torch.equal(head[2].weight, kept), "what does not fit stays"
    assert list(donor) == names, "the caller's dictionary stays as it was"
    with torch.no_grad():
        head[0].bias.add_(1)
    assert not torch.equal(head[0].bias, donor["0.bias"]), "what fits is copied, the donor stays as it was"
    assert load_what_fits(build(), {"0.bias": torch.ones(1)}) == ["0.bias"], "one number is not three"
    assert load_what_fits(build(), {"2.weight": torch.ones(3, 2)}) == ["2.weight"], "not the same shape"
    assert load_what_fits(build(), {"2.bias": torch.ones(2)}) == [], "by name, not by place"
    assert load_what_fits(nn.BatchNorm1d(2), nn.BatchNorm1d(2).state_dict()) == [], "buffers fit, too"
    counter = {"num_batches_tracked": torch.ones(1)}
    assert load_what_fits(nn.BatchNorm1d(2), counter) == list(counter), "shape [1] is not []"


check_fits(load_what_fits)


# %% Solution: load what fits tags=["solution"]
def load_what_fits(model, state):
    """Load each tensor whose name and shape the model knows; return the names of the others."""
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    model.load_state_dict(fitting, strict=False)
    return [name for name in state if name not in fitting]


check_fits(load_what_fits)


# %% Wrong: whatever raises nothing tags=["wrong"]
def load_what_fits(model, state):
    left = []
    for name, tensor in state.items():
        try:
            left += model.load_state_dict({name: tensor}, strict=False).unexpected_keys
        except RuntimeError:
            left.append(name)
    return left


# %% Wrong: taken from the caller tags=["wrong"]
def load_what_fits(model, state):
    own = model.state_dict()
    left = [name for name in state if name not in own or own[name].shape != state[name].shape]
    for name in left:
        state.pop(name)
    model.load_state_dict(state, strict=False)
    return left


# %% Wrong: shared with the donor tags=["wrong"]
def load_what_fits(model, state):
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    model.load_state_dict(fitting, strict=False, assign=True)
    return [name for name in state if name not in fitting]


# %% Wrong: as many numbers, another shape tags=["wrong"]
def load_what_fits(model, state):
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].numel() == tensor.numel()}
    model.load_state_dict(fitting, strict=False)
    return [name for name in state if name not in fitting]


# %% Wrong: paired by place tags=["wrong"]
def load_what_fits(model, state):
    pairs = zip(model.state_dict().items(), state.values())
    fitting = {name: tensor for (name, own), tensor in pairs if own.shape == tensor.shape}
    model.load_state_dict(fitting, strict=False)
    return [name for name in state if name not in fitting]


# %% Wrong: parameters without buffers tags=["wrong"]
def load_what_fits(model, state):
    own = dict(model.named_parameters())
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    model.load_state_dict(fitting, strict=False)
    return [name for name in state if name not in fitting]


# %% Wrong: copied by broadcasting tags=["wrong"]
def load_what_fits(model, state):
    left = []
    for name, tensor in state.items():
        try:
            model.state_dict()[name].copy_(tensor)
        except (KeyError, RuntimeError):
            left.append(name)
    return left
