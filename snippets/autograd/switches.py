"""Switching gradients off: no_grad, inference_mode, detach, requires_grad_(False), and eval, which is none of them."""

# %% Predict without recording
import torch
from torch import nn

model = nn.Sequential(nn.Linear(1, 3), nn.Dropout(0.5), nn.Linear(3, 1))
sample = torch.tensor([[2.0]])

model.eval()  # layers: behave as in use
with torch.no_grad():  # autograd: write nothing down
    guess = model(sample)
model.train()  # before you train on
print(f"{guess.requires_grad = }")

# %% Inside, no step is noted
weight = torch.tensor(3.0, requires_grad=True)
recorded = weight * 2
with torch.no_grad():
    unrecorded = weight * 2
print(recorded)
print(unrecorded)


# %% Five switches side by side tags=["hide-input"]
def look(switch, call):
    """What a switch does to one call of the model, in four answers."""
    kept, dropped = [], []
    hook = model[1].register_forward_hook(
        lambda layer, inputs, output: dropped.append((output == 0).any()),
    )
    torch.manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        out = call()
    hook.remove()
    model.train().requires_grad_(True)
    recorded = "yes" if out.requires_grad else "no"
    drops = "yes" if dropped[0] else "no"
    try:
        later = "yes" if (out * weight).requires_grad else "no"
    except RuntimeError:
        later = "refused"
    print(f"{switch:23}{recorded:10}{len(kept):<6}{drops:9}{later}")


def evaluating():
    return model.eval()(sample)


def frozen():
    return model.requires_grad_(False)(sample)


print(f"{'':23}recorded  kept  dropout  in training later")
look("nothing", lambda: model(sample))
look("torch.no_grad()", lambda: torch.no_grad()(model)(sample))
look("torch.inference_mode()", lambda: torch.inference_mode()(model)(sample))
look("result.detach()", lambda: model(sample).detach())
look("requires_grad_(False)", frozen)
look("model.eval()", evaluating)

# %% One path of two is cut
total = 3 * weight + (2 * weight).detach()
total.backward()
print(total)
print(weight.grad)

# %% Detached, and the same memory
speeds = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
window = speeds.detach()
copied = speeds.detach().clone()
window[0] = 9
print(speeds)
print(copied)

# %% A frozen layer gets no gradient
model[0].requires_grad_(False)
model(sample).sum().backward()
for name, parameter in model.named_parameters():
    print(f"{name:10}{parameter.requires_grad!s:7}{parameter.grad is not None}")

# %% Through a frozen layer to the first
model.zero_grad()
model[0].requires_grad_(True)
model[2].requires_grad_(False)
model(sample).sum().backward()
print(model[0].weight.grad is not None, model[2].weight.grad is not None)

# %% Frozen, and it moves
drag = nn.Parameter(torch.tensor([1.0, 2.0]))
optimizer = torch.optim.SGD([drag], lr=0.1)
drag.sum().backward()

drag.requires_grad_(False)  # frozen, but its last gradient is still there
optimizer.step()
print(drag.detach())

# %% Only a leaf can be frozen tags=["raises-exception"]
doubled = speeds * 2
doubled.requires_grad_(False)

# %% Two answers from dropout
torch.manual_seed(0)
dropout = nn.Dropout(0.5)
ones = torch.ones(8)
print(dropout.train()(ones))
print(dropout.eval()(ones))

# %% No_grad leaves dropout on
with torch.no_grad():
    print(dropout.train()(ones))
print(model.eval()(sample).requires_grad)

# %% Two answers from batch norm
norm = nn.BatchNorm1d(1)
batch = torch.tensor([[0.0], [4.0]])
with torch.no_grad():
    print(norm.train()(batch).flatten())
    print(norm.eval()(batch).flatten())

# %% Looking on, it learned
norm.train()
with torch.no_grad():
    for _ in range(3):
        norm(batch)
        print(f"{norm.running_mean.item():.3f}")

# %% This line switches nothing
torch.no_grad()
print((weight * 2).requires_grad)

# %% A leaf in place is refused tags=["raises-exception"]
weight -= 0.1

# %% In place, unrecorded
with torch.no_grad():
    weight -= 0.1
print(weight)

# %% Part of a leaf is refused too tags=["raises-exception"]
speeds[0] = 1

# %% Twenty where four is right
through_data = torch.tensor(2.0, requires_grad=True)
square = through_data**2
through_data.data.fill_(10.0)
square.backward()
print(through_data.grad)

# %% Detach raises instead tags=["raises-exception"]
through_detach = torch.tensor(2.0, requires_grad=True)
square = through_detach**2
through_detach.detach().fill_(10.0)
square.backward()

# %% No way back to training tags=["raises-exception"]
with torch.inference_mode():
    features = torch.ones(3)
features * speeds

# %% A clone may come back
print(features.is_inference(), features.clone().is_inference())
print((features.clone() * speeds).requires_grad)

# %% Its name is inference_mode tags=["raises-exception"]
torch.inference_model()

# %% The view that kept its mark
with torch.no_grad():
    view = speeds.view(3)
    product = speeds * 1
print(view.requires_grad, product.requires_grad)
view.sum().backward()
print(view.grad, speeds.grad)

# %% Made inside, written outside tags=["raises-exception"]
view += 1

# %% Another thread records
import threading


def report():
    print(torch.is_grad_enabled())


with torch.no_grad():
    thread = threading.Thread(target=report)
    thread.start()
    thread.join()
    report()


# %% An async function records
@torch.no_grad()
async def above():
    report()


async def inside():
    with torch.no_grad():
        report()


for function in (above, inside):
    try:
        function().send(None)  # run it, as an event loop would
    except StopIteration:  # it has returned
        pass

# %% Waiting, it switches others off
import asyncio


async def waiting():
    with torch.no_grad():
        await asyncio.sleep(0)


task = waiting()
task.send(None)  # run it up to its await
report()  # and now whoever is next
task.close()  # leaves the block
report()

# %% Exercise: a faithful judge tags=["exercise"]
import copy


def predict(model, batch):
    """The model's answers in use, unrecorded; every mode as it was before."""
    return model(batch)  # your code here


first, last = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
lower = nn.Sequential(first, nn.Dropout(0.5))
judged = nn.Sequential(lower, nn.Linear(1, 1), last)
first.eval()  # somebody froze this layer's statistics
modes = [layer.training for layer in judged.modules()]
recording = []
last.register_forward_hook(lambda *_: recording.append(torch.is_grad_enabled()))
rows = torch.arange(20.0)[:, None]

answers = predict(judged, rows)
assert not any(recording), "the answers were recorded"
assert torch.is_grad_enabled(), "autograd is off afterwards"
in_use = copy.deepcopy(judged).eval()(rows)
assert torch.equal(answers, in_use), "not the answers of the model in use"
assert torch.equal(answers, predict(judged, rows)), "two answers to one question"
assert [layer.training for layer in judged.modules()] == modes, "a mode has changed"
assert all(p.requires_grad for p in judged.parameters()), "a weight is frozen afterwards"
with torch.no_grad():
    predict(judged, rows)
    assert not torch.is_grad_enabled(), "autograd is on afterwards, where it was off"


# %% Solution: a faithful judge tags=["solution"]
def predict(model, batch):
    """The model's answers in use, unrecorded; every mode as it was before."""
    before = {layer: layer.training for layer in model.modules()}
    model.eval()
    with torch.no_grad():
        answers = model(batch)
    for layer, training in before.items():
        layer.training = training
    return answers


recording.clear()
answers = predict(judged, rows)
assert not any(recording), "the answers were recorded"
assert torch.is_grad_enabled(), "autograd is off afterwards"
in_use = copy.deepcopy(judged).eval()(rows)
assert torch.equal(answers, in_use), "not the answers of the model in use"
assert torch.equal(answers, predict(judged, rows)), "two answers to one question"
assert [layer.training for layer in judged.modules()] == modes, "a mode has changed"
assert all(p.requires_grad for p in judged.parameters()), "a weight is frozen afterwards"
with torch.no_grad():
    predict(judged, rows)
    assert not torch.is_grad_enabled(), "autograd is on afterwards, where it was off"
judged.train()
predict(judged, rows)
assert all(layer.training for layer in judged.modules()), "a mode has changed"


# %% Wrong: all awake afterwards tags=["wrong"]
def predict(model, batch):
    model.eval()
    with torch.no_grad():
        answers = model(batch)
    model.train()
    return answers


# %% Wrong: the outermost mode only tags=["wrong"]
def predict(model, batch):
    training = model.training
    model.eval()
    with torch.no_grad():
        answers = model(batch)
    model.train(training)
    return answers


# %% Wrong: no mode at all tags=["wrong"]
def predict(model, batch):
    with torch.no_grad():
        return model(batch)


# %% Wrong: recorded, and cut off tags=["wrong"]
def predict(model, batch):
    before = {layer: layer.training for layer in model.modules()}
    answers = model.eval()(batch).detach()
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: frozen instead tags=["wrong"]
def predict(model, batch):
    before = {layer: layer.training for layer in model.modules()}
    answers = model.eval().requires_grad_(False)(batch)
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: frozen as well tags=["wrong"]
@torch.no_grad()
def predict(model, batch):
    before = {layer: layer.training for layer in model.modules()}
    answers = model.eval().requires_grad_(False)(batch)
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: the children, and not theirs tags=["wrong"]
def predict(model, batch):
    before = {layer: layer.training for layer in (model, *model.children())}
    model.eval()
    with torch.no_grad():
        answers = model(batch)
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: off for good tags=["wrong"]
def predict(model, batch):
    before = {layer: layer.training for layer in model.modules()}
    torch.set_grad_enabled(False)
    answers = model.eval()(batch)
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: on for good tags=["wrong"]
def predict(model, batch):
    before = {layer: layer.training for layer in model.modules()}
    torch.set_grad_enabled(False)
    answers = model.eval()(batch)
    torch.set_grad_enabled(True)
    for layer, training in before.items():
        layer.training = training
    return answers


# %% Wrong: left asleep tags=["wrong"]
@torch.no_grad()
def predict(model, batch):
    return model.eval()(batch)


# %% Exercise: freeze all but the head tags=["exercise"]
def freeze_all_but(model, head):
    """An optimizer that holds all parameters moves only those of `head` now."""
    model.requires_grad_(False)
    head.requires_grad_(True)  # something is missing


tower = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
all_of_it = torch.optim.AdamW(tower.parameters(), lr=0.1)
tower(torch.ones(4, 2)).sum().backward()  # one round of training has left its gradients

to_move = {2: [False, False, True, True], 0: [True, True, False, False]}
for head, expected in to_move.items():
    before = [parameter.detach().clone() for parameter in tower.parameters()]
    freeze_all_but(tower, tower[head])
    tower(torch.ones(4, 2)).sum().backward()
    all_of_it.step()
    moved = [not torch.equal(now, then) for now, then in zip(tower.parameters(), before)]
    assert moved == expected, f"moved, with layer {head} as the head: {moved}"


# %% Solution: freeze all but the head tags=["solution"]
def freeze_all_but(model, head):
    """An optimizer that holds all parameters moves only those of `head` now."""
    model.requires_grad_(False)
    head.requires_grad_(True)
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.grad = None


to_move = {2: [False, False, True, True], 0: [True, True, False, False]}
for head, expected in to_move.items():
    before = [parameter.detach().clone() for parameter in tower.parameters()]
    freeze_all_but(tower, tower[head])
    tower(torch.ones(4, 2)).sum().backward()
    all_of_it.step()
    moved = [not torch.equal(now, then) for now, then in zip(tower.parameters(), before)]
    assert moved == expected, f"moved, with layer {head} as the head: {moved}"


# %% Wrong: the switch only tags=["wrong"]
def freeze_all_but(model, head):
    model.requires_grad_(False)
    head.requires_grad_(True)


# %% Wrong: gradients of zeros tags=["wrong"]
def freeze_all_but(model, head):
    model.requires_grad_(False)
    head.requires_grad_(True)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)


# %% Wrong: never thawed tags=["wrong"]
def freeze_all_but(model, head):
    for layer in model:
        if layer is not head:
            layer.requires_grad_(False)
            layer.zero_grad()


# %% Wrong: eval instead tags=["wrong"]
def freeze_all_but(model, head):
    model.eval()
    head.train()


# %% Exercise: a slow teacher tags=["exercise"]
def follow(teacher, student, keep=0.75):
    """In place: each weight becomes keep · itself + (1 - keep) · the student's."""
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow = keep * slow + (1 - keep) * fast  # your code here


teacher, student = nn.Linear(1, 1), nn.Linear(1, 1)
with torch.no_grad():
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.fill_(4.0)
        fast.fill_(8.0)
held = torch.optim.SGD(teacher.parameters()).param_groups[0]["params"][0]
writes = teacher.weight._version

follow(teacher, student)
assert [p.item() for p in teacher.parameters()] == [5.0, 5.0], "¾ · 4 + ¼ · 8 is 5"
assert [p.item() for p in student.parameters()] == [8.0, 8.0], "the student moved"
assert teacher.weight.is_leaf and teacher.weight.requires_grad, "no marked leaf"
assert teacher.weight is held, "the optimizer holds another tensor"
assert teacher.weight._version > writes, "written behind autograd's back"
assert torch.is_grad_enabled(), "autograd is off afterwards"
follow(teacher, student, keep=0.5)
assert [p.item() for p in teacher.parameters()] == [6.5, 6.5], "½ · 5 + ½ · 8 is 6.5"


# %% Solution: a slow teacher tags=["solution"]
@torch.no_grad()
def follow(teacher, student, keep=0.75):
    """In place: each weight becomes keep · itself + (1 - keep) · the student's."""
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(keep).add_(fast, alpha=1 - keep)


follow(teacher, student)
assert [p.item() for p in teacher.parameters()] == [5.0, 5.0], "¾ · 4 + ¼ · 8 is 5"
assert [p.item() for p in student.parameters()] == [8.0, 8.0], "the student moved"
assert teacher.weight.is_leaf and teacher.weight.requires_grad, "no marked leaf"
assert teacher.weight is held, "the optimizer holds another tensor"
assert teacher.weight._version > writes, "written behind autograd's back"
assert torch.is_grad_enabled(), "autograd is off afterwards"
follow(teacher, student, keep=0.5)
assert [p.item() for p in teacher.parameters()] == [6.5, 6.5], "½ · 5 + ½ · 8 is 6.5"


# %% Wrong: behind autograd's back tags=["wrong"]
def follow(teacher, student, keep=0.75):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.data.mul_(keep).add_(fast.data, alpha=1 - keep)


# %% Wrong: off for good, and in place tags=["wrong"]
def follow(teacher, student, keep=0.75):
    torch.set_grad_enabled(False)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(keep).add_(fast, alpha=1 - keep)


# %% Wrong: new parameters tags=["wrong"]
def follow(teacher, student, keep=0.75):
    for name, fast in student.named_parameters():
        slow = getattr(teacher, name)
        setattr(teacher, name, nn.Parameter((keep * slow + (1 - keep) * fast).detach()))


# %% Wrong: the shares exchanged tags=["wrong"]
@torch.no_grad()
def follow(teacher, student, keep=0.75):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(1 - keep).add_(fast, alpha=keep)


# %% Wrong: always three quarters tags=["wrong"]
@torch.no_grad()
def follow(teacher, student, keep=0.75):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(0.75).add_(fast, alpha=0.25)
