"""Books to measure with: chapters that differ in a number, written as our sites are; and how a user runs a command."""

import os
import re
from pathlib import Path

__all__ = ["CONFIGURATION", "FENCE", "Book", "as_a_user", "chapter_text", "write", "write_book", "write_pages"]

Book = dict[str, str]
"""The Markdown of each chapter, its cells as fences of Python, by its name."""


def chapter_text(number: int) -> str:
    """The page of a generated chapter, its cells as fences; each tenth has a plot."""
    text = CHAPTER + (PLOT if number % 10 == 1 else LAYER)
    return text.replace("NUMBER", str(number))


def _embed(name: str, source: str) -> str:
    """The fence that embeds a cell."""
    title = re.match(r"# %% ([^\n=]+?)(?: tags=.*)?\n", source)[1]
    return f"```cell\n{name}#{title.lower().replace(' ', '-')}\n```"


def write_book(root: Path, book: Book) -> None:
    """A site of ours: the cells in snippets, their fences in the pages."""
    for name, text in book.items():
        write(root / f"snippets/{name}.py", "\n\n".join(FENCE.findall(text)) + "\n")
    pages = {name: FENCE.sub(lambda fence, name=name: _embed(name, fence[1]), text) for name, text in book.items()}
    write_pages(root, pages, "[search, torchproof]", "  - torchproof\n")


def write_pages(root: Path, pages: Book, plugins: str, extensions: str = "") -> None:
    """A site of MkDocs: its configuration, a home page, and these pages."""
    write(root / "mkdocs.yml", CONFIGURATION.replace("[search]", plugins) + extensions)
    write(root / "docs/index.md", "# Home\n")
    for name, text in pages.items():
        write(root / f"docs/{name}.md", text)


def write(path: Path, text: str) -> None:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def as_a_user() -> dict[str, str]:
    """The environment without what would make a command something else than on an author's machine."""
    return {name: value for name, value in os.environ.items() if name not in NOT_A_USER} | {"NO_MKDOCS_2_WARNING": "1"}


NOT_A_USER = ("CI", "GITHUB_ACTIONS", "PYTHONDONTWRITEBYTECODE")
"""CI reads no cache, for one."""

FENCE = re.compile(r"```python\n(.*?)\n```", re.S)

CONFIGURATION = """\
site_name: Benchmark
theme:
  name: material
  font: false
  features: [content.code.copy, navigation.footer, navigation.instant, navigation.sections, toc.follow]
plugins: [search]
markdown_extensions:
  - admonition
  - attr_list
  - md_in_html
  - pymdownx.details
  - pymdownx.highlight
  - pymdownx.superfences
  - tables
  - toc: { permalink: true }
"""

CHAPTER = """\
# A line through noise, part NUMBER

Every course begins by fitting a line.
This one looks at the tensors on the way: what they share, what they cost, and where the gradient goes.

## The data

Five points lie on a line of slope 2, each moved a little by noise drawn with seed NUMBER.

```python
# %% Five points near a line
import torch

torch.manual_seed(NUMBER)
x = torch.linspace(0, 4, 5)
noise = 0.1 * torch.randn(5)
y = 2 * x + 1 + noise
y
```

All of them are floats: `y.dtype == torch.float32`{.proof}.

## Memory

A transpose is another way to read the same numbers.

```python
# %% A transpose moves no number
grid = torch.arange(12).view(3, 4)
turned = grid.t()
print(turned)
print(f"{turned.stride() = }")
```

Nothing was copied (`turned.data_ptr() == grid.data_ptr()`{.proof}), so a write through one shows in the other.

```python
# %% One write shows in both
turned[0, 0] = NUMBER
print(grid)
print(f"{turned.is_contiguous() = }")
```

Call `.clone()` first when that is not what you want: `turned.clone().data_ptr() != grid.data_ptr()`{.proof}.

## Broadcasting

A sum removes the axis that it is asked for, and `keepdim` leaves it there with size 1.

```python
# %% A sum removes its axis
total = grid.sum()
print(f"{grid.sum(dim=0) = }")
print(f"{grid.sum(dim=1, keepdim=True) = }")
assert total > -1
```

!!! warning "Sizes must meet"

    Sizes are compared from the right, and 2 against 3 is an error.

```python
# %% Sizes that never meet tags=["raises-exception"]
torch.ones(4, 2) + torch.ones(3)
```

## Gradients

A guess, its mean squared error, and how the error changes with the guess.

```python
# %% Backward fills both gradients
weight = torch.zeros(1, requires_grad=True)
bias = torch.zeros(1, requires_grad=True)
loss = ((weight * x + bias - y) ** 2).mean()
loss.backward()
print(f"loss {loss.item():.3f}")
print(f"weight.grad {weight.grad.item():.3f}, bias.grad {bias.grad.item():.3f}")
```

The line is too low and too flat, so both gradients are negative: `weight.grad < 0`{.proof} and `bias.grad < 0`{.proof}.

```python
# %% A hundred steps downhill
optimizer = torch.optim.SGD([weight, bias], lr=0.05)
for step in range(101):
    optimizer.zero_grad()
    loss = ((weight * x + bias - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"{step:3} {loss.item():.4f}")
```

The error has nearly gone: `loss < 0.1`{.proof}.

"""

LAYER = """\
## A layer

`Linear` keeps the same two parameters, for as many lines as you like.

```python
# %% A layer is a matrix and a row
layer = torch.nn.Linear(4, 2)
print(layer)
scores = layer(grid.float())
scores.softmax(dim=1)
```

Probabilities of a row add up to one: `torch.allclose(scores.softmax(dim=1).sum(dim=1), torch.ones(3))`{.proof}.
"""

PLOT = """\
## The picture

The points and the line that was found.

```python
# %% The line runs through the noise
import matplotlib.pyplot as plt

plt.figure(figsize=(4, 3))
plt.scatter(x, y, label="points")
plt.plot(x, (weight * x + bias).detach(), label="line")
plt.legend()
plt.show()
```

It passes near the first point: `(bias - y[0]).abs() < 0.5`{.proof}.
"""
