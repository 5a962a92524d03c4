"""A cell that waits for a GPU is read, looked up and played here: what is certain to fail there is a problem."""

import pytest
from book import SITE
from conftest import lines_by_cell
from torchproof.model.runs import Claim, Job, Step
from torchproof.run.host import Zygote

START = """\
import torch
import torch.nn.functional as F

here = torch.ones(3)
model = torch.nn.Linear(3, 2)
"""


def job(*cells):
    """A job of CPU cells (text) and waiting ones (a list of the code and its claims)."""
    steps = []
    for number, cell in enumerate(cells):
        code, *claims = cell if isinstance(cell, list) else [cell]
        told = tuple(Claim("table" if "|" in claim else "proof", claim) for claim in claims)
        steps.append(Step(f"cell-{number}", code, 1, False, told, (), isinstance(cell, list)))
    return Job("snippets/a.py", "\n".join(step.source for step in steps), tuple(steps), "cpu")


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    zygote = Zygote(tmp_path_factory.mktemp("rehearsals"), 60)
    yield zygote
    zygote.close()


@pytest.fixture
def slips(zygote):
    """`slips(*cells)` is what is wrong with the waiting ones of these cells: messages, lines and claims."""

    def found(*cells):
        run = zygote.run(job(START, *cells))
        assert run.died is None
        return [(slip.message, slip.line or slip.claim) for told in run.slips.values() for slip in told]

    return found


PLAYED = "played on tensors without numbers, it raises "


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("there = here.to('cuda'\n", 1, "SyntaxError: '(' was never closed"),
        ("1\nthere = torch.onse(3)", 2, "torch has no 'onse'; did you mean 'ones'?"),
        ("torch.cuda.memory_reservd()", 1, "torch.cuda has no 'memory_reservd'; did you mean 'memory_reserved'?"),
        ("F.softmaxx(here, 0)", 1, "F has no 'softmaxx'; did you mean 'softmax'?"),
        ("from torch.nn import Liner", 1, "torch.nn has no 'Liner'; did you mean 'Linear'?"),
        (
            "try:\n    1\nexcept torch.OutOfMemory:\n    2",
            3,
            "torch has no 'OutOfMemory'; did you mean 'OutOfMemoryError'?",
        ),
        ("import os\nos.pth.join()", 2, "os has no 'pth'; did you mean 'path'?"),
        ("import torch.cudas", 1, "raises ModuleNotFoundError: No module named 'torch.cudas'"),
        ("print(hear)", 1, "nothing defines 'hear'; did you mean 'here'?"),
        ("torch.ones(3, devise='cuda')", 1, f"{PLAYED}TypeError: ones() got an unexpected keyword argument 'devise'"),
        ("F.softmax(here, dims=0)", 1, f"{PLAYED}TypeError: softmax() got an unexpected keyword argument 'dims'"),
        ("here.to('cuda').sun()", 1, f"{PLAYED}AttributeError: 'Tensor' object has no attribute 'sun'"),
        ("here.to(device='cuda').sun()", 1, f"{PLAYED}AttributeError: 'Tensor' object has no attribute 'sun'"),
        ("2\nhere.to('cuda').view(2, 2)", 2, f"{PLAYED}RuntimeError: shape '[2, 2]' is invalid for input of size 3"),
        (
            "here.to('cuda') + here",
            1,
            f"{PLAYED}RuntimeError: Expected all tensors to be on the same device, but found at least two devices, "
            "cuda:0 and cpu!",
        ),
    ],
)
def test_what_would_fail_there_is_told_here(code, line, message, slips):
    assert slips([code]) == [(message, line)]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("there.device ==", "raises SyntaxError: invalid syntax"),
        ("their.is_cuda", "nothing defines 'their'; did you mean 'there'?"),
        ("there.dtype == torch.float23", "torch has no 'float23'; did you mean 'float32'?"),
        ("not there.is_cuda", "is False, played on tensors without numbers"),
        ("there.shape == (4,)", "is False, played on tensors without numbers"),
        ("a | there.shape\nb | their.shape", "nothing defines 'their'; did you mean 'there'?"),
        ("a | there.shape\nb | there.(", "raises SyntaxError: invalid syntax"),
    ],
)
def test_what_a_page_claims_below_it_is_read_too(claim, message, slips):
    assert slips(["there = here.to('cuda')", claim]) == [(message, claim)]


@pytest.mark.parametrize(
    "code",
    [
        "print(here.to('cuda').sum().item() > 2, here.cuda().numpy())",
        "if here.to('cuda').sum() > 2:\n    wide = here\nprint(wide.shape)",
        "there = torch.ones(3, device='cuda', requires_grad=True)\nthere.sum().backward()\nprint(there.grad.device)",
        "torch.cuda.synchronize()\nprint(torch.cuda.get_device_properties(0).name)",
        "properties = torch.cuda.get_device_properties(0)\nprint(properties.nam)",
        "kind = 'gpu' if torch.cuda.is_available() else None\nprint(kind.upper())",
        "try:\n    torch.gone(3)\nexcept AttributeError:\n    print('gone')",
        "import a_package_that_is_elsewhere as far\nfar.away()",
        "def later():\n    return defined_below\n",
        "there = model.to('cuda')(torch.ones(4, 3, device='cuda'))\nassert there.shape == (4, 2)",
        "stream = torch.cuda.Stream()\nwith torch.cuda.stream(stream):\n    here.to('cuda')",
        "[place := row for row in here]\nprint(place)\nmatch 3:\n    case number:\n        print(number)",
        "global here\nprint(__name__, __file__)",
        "1 / 0",
    ],
)
def test_what_cannot_be_known_here_is_no_problem(code, slips):
    assert slips([code]) == []


def test_a_claim_about_numbers_is_not_judged(slips):
    assert (
        slips(["there = here.to('cuda')", "there.sum() == 4", "there.is_pinned()", "torch.cuda.is_available()"]) == []
    )


def test_a_cell_knows_what_cells_above_it_made(slips):
    made = ["there = here.to('cuda')\nwide = torch.ones(4, device='cuda')"]

    assert slips(made, "there = torch.ones(2, 2)", ["there.view(4)\nwide.view(2, 2)", "not there.is_cuda"]) == []
    assert slips(made, "other = 1", ["there.view(4)", "not there.is_cuda"]) == [
        (f"{PLAYED}RuntimeError: shape '[4]' is invalid for input of size 3", 1)
    ]


@pytest.mark.parametrize(
    "above",
    [
        "place = 'cuda' if torch.cuda.is_available() else 'cpu'\nother = torch.ones(3).to(place)",
        "def place():\n    return torch.accelerator.current_accelerator() or 'cpu'\n\n\nother = torch.ones(3).to(place())",
        "import os\nother = torch.ones(3, device=os.environ['TORCHPROOF_DEVICE'])",
        "other = torch.nn.Parameter(torch.ones(3))\nother.data = other.to('cuda' if torch.cuda.device_count() else 'cpu')",
    ],
)
def test_what_depends_on_the_device_above_is_not_known(above, slips):
    assert slips(above, ["there = here.to('cuda')\nboth = there + other", "both.is_cuda and other.is_cuda"]) == []


def test_what_is_pinned_is_played_on(slips):
    code = "pinned = here.pin_memory()\nthere = pinned.to('cuda', non_bocking=True)"

    assert slips([code])[0][0].startswith(f"{PLAYED}TypeError: to() received an invalid combination of arguments")


UNRULY = """\
import os, random, signal, subprocess, sys
print("printed")
here.zero_()
here = None
torch.manual_seed(3)
random.seed(3)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
open("left", "w").write("here")
"""


@pytest.mark.parametrize(
    "code",
    [
        UNRULY,
        UNRULY + "subprocess.run(['touch', 'left'])",
        UNRULY + "os.kill(os.getpid(), signal.SIGKILL)",
        UNRULY + "os._exit(3)",
        UNRULY + "sys.exit(1)",
        "torch.save(model, os.path.join(os.path.dirname(os.getcwd()), 'left'))\nhere.data.zero_()",
    ],
    ids=["changes", "a process", "a kill", "an exit", "a polite exit", "a file"],
)
def test_a_rehearsal_leaves_no_trace(code, zygote):
    after = """\
import os, random
torch.manual_seed(0), random.seed(0)
print(here, torch.rand(2), random.random(), sorted(os.listdir()), torch.get_default_dtype())
"""
    alone = zygote.run(job(START, after))
    beside = zygote.run(job(START, [code], after))

    assert beside.died is None
    assert list(lines_by_cell(beside).values()) == list(lines_by_cell(alone).values())


def test_a_rehearsal_that_does_not_end_is_ended(zygote):
    run = zygote.run(job(START, ["while True:\n    here = here.to('cuda')"], "print('on')"))

    assert (run.died, run.slips) == (None, {"cell-1": ()})
    assert lines_by_cell(run)["cell-2"] == ["| on"]


def test_the_check_says_where_a_waiting_cell_would_fail(small_site):
    small_site.replace(
        "snippets/a/b.py", "# %% Sizes", '# %% There tags=["cuda"]\nthere = row.too("cuda")\n\n# %% Sizes'
    )
    page = small_site.read("docs/a/b.md")
    fence = "```cell\na/b#there\n```\n\nIt moved (`their.is_cuda`{.proof}).\n\n"
    small_site.write("docs/a/b.md", page.replace("```cell\na/b#sizes", f"{fence}```cell\na/b#sizes"))

    told = small_site.run("torchproof", "check", "--no-cache").stdout

    assert "docs/a/b.md:" in told and "the proof `their.is_cuda` nothing defines 'their'" in told
    small_site.replace("docs/a/b.md", "their.", "there.")
    told = small_site.run("torchproof", "check", "--no-cache").stdout
    assert "the cell 'there' waits for a GPU run, and would fail there: played on tensors" in told
    assert "has no attribute 'too'" in told


@pytest.mark.parametrize("name", ["devices/basics", "inside/devices"])
def test_the_cells_that_wait_in_the_book_hold(name, zygote):
    snippet = SITE.snippets[name]
    run = zygote.run(SITE.job(snippet, snippet.rehearsed_on("cpu"), "cpu"))

    waiting = {cell.slug for cell in snippet.cells if cell.home == "cuda"}
    assert waiting and run.slips == dict.fromkeys(waiting, ())
    assert not waiting & run.cells.keys()
