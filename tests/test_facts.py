"""What a tracker saves by a glance changes nothing of what it says."""

import pytest
from torchproof.run import facts

torch = pytest.importorskip("torch")

START = """
import torch
x = torch.arange(6.0).view(2, 3)
rows = x.view(6)
w = torch.ones(3, requires_grad=True)
y = w * 2
z = torch.tensor([1 + 2j, 3 - 1j])
a = x.numpy()
part = a[0]
"""

CHANGES = [
    "x.t_()",
    "x.resize_(3)",
    "x = x.clone()\nx.resize_(40).zero_()",
    "x.squeeze_().unsqueeze_(0)",
    "x.data = torch.zeros(5)",
    "x.set_(torch.zeros(9))",
    "x = x.clone()\nx.untyped_storage().resize_(400)",
    "x = x.clone()\nx.untyped_storage().resize_(0)",
    "x[0, 0] = 9",
    "a[0, 0] = 9",
    "part += 1",
    "a.shape = 6",
    "a.resize((2, 3), refcheck=False)",
    "x.requires_grad_()",
    "w.requires_grad_(False)",
    "w.grad = torch.ones(3)",
    "w.grad = torch.ones(3)\nw.grad = torch.zeros(3)",
    "y.sum().backward()",
    "y.sum().backward()\nw.grad.zero_()",
    "y.sum().backward()\nw.grad = None",
    "y.sum().backward()\nw.grad.data = torch.zeros(3, dtype=torch.float64)",
    "y.retain_grad()",
    "y.retain_grad()\ny.sum().backward()",
    "y.mul_(2)",
    "y.detach_()",
    "with torch.no_grad(): w.add_(1)",
    "w.data.add_(1)",
    "w.data = w.data.double()",
    "x.__class__ = torch.nn.Parameter",
    "x.tag = 1",
    "x.tag = 1\nx.t_()\ndel x.tag",
    "z = z.conj()",
    "z = z.conj().imag\nz[0] = 4",
    "torch._C._set_conj(z, True)",
    "torch._C._set_neg(z, True)",
    "torch._C._set_conj(z, True)\nz.untyped_storage().fill_(0)",
    "x.detach().numpy()[:] = 7",
    "x.set_(torch.ones(3))",
    "z.copy_(torch.zeros(2))",
    "q = x",
    "q = x\ndel x",
    "x = x.clone()",
    "x = x.to_sparse()\nx = x.coalesce()",
    "x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    "x = torch.empty(0)\nx.resize_(2).zero_()",
    "x = torch.tensor(3.0)\nx.fill_(4)",
    "with torch.inference_mode():\n    i = torch.ones(2)\n    i.add_(1)",
]


@pytest.mark.parametrize("code", CHANGES)
@pytest.mark.filterwarnings("ignore")
def test_a_glance_misses_no_change(code, monkeypatch):
    glanced = told(code)
    monkeypatch.setattr(facts, "_glance", lambda value: None)

    assert glanced == told(code)


def told(code: str) -> list:
    """The facts and values after each of the statements, and after one that does nothing."""
    names = {}
    tracker = facts.Tracker(names)
    found = []
    for number, statement in enumerate([*START.strip().split("\n"), *statements(code), "pass"]):
        exec(statement, names)
        found += [*tracker.changes(number), *tracker.take()]
    return found


def statements(code: str) -> list[str]:
    return [code] if code.startswith("with") else code.split("\n")


def test_a_tensor_that_nothing_changed_is_not_looked_at_again(monkeypatch):
    names = {"x": torch.ones(2), "w": torch.ones(2, requires_grad=True)}
    tracker = facts.Tracker(names)
    tracker.changes(1)
    monkeypatch.setattr(facts, "_state", lambda name, value: pytest.fail(f"{name} was looked at"))

    assert tracker.changes(2) == []
