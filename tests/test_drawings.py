"""Drawings are made from live tensors: what was measured is recorded, compared and drawn; what cannot be is told."""

import html
import itertools
import re
from dataclasses import replace

import pytest
from conftest import Project, parse_html, write_small_site
from torchproof.builders.finished import Marks
from torchproof.builders.markdown import Stop, show_fence
from torchproof.model.drawings import Memory, View
from torchproof.show.drawings import draw

SNIPPET = """\
# %% Tensors
import torch

grid = torch.arange(6).view(2, 3)
turned = grid.t()
part = grid[:, 1:]
row = torch.arange(3)
stretched = row.expand(2, 3)
images = torch.arange(8).view(1, 2, 2, 2).to(memory_format=torch.channels_last)
single = torch.tensor(7)
nothing = torch.zeros(0, 3)
weight = torch.ones(2, 3, requires_grad=True)
bias = torch.ones(3, requires_grad=True)
loss = ((weight * 2 + bias) ** 2).sum()
skipped = weight * (weight * 2).exp().sum() + bias
large = torch.zeros(100)
model = torch.nn.Sequential(torch.nn.Linear(3, 1))
"""

DRAWN = {
    "a grid": ("memory", "grid"),
    "a transpose": ("memory", "turned"),
    "a slice": ("memory", "part"),
    "an expand": ("memory", "stretched"),
    "channels last": ("memory", "images"),
    "a single number": ("memory", "single"),
    "an empty tensor": ("memory", "nothing"),
    "two views": ("memory", "grid, turned"),
    "a broadcast": ("broadcast", "grid, row"),
    "two slices": ("memory", "grid, part, turned"),
    "a graph": ("graph", "loss"),
    "a graph with a step that skips": ("graph", "skipped"),
    "a graph of a model": ("graph", "model(weight)"),
}

REFUSED = {
    "too many elements": ("memory", "large", "large has 1 dimensions, 100 elements, a storage of 100"),
    "two storages": ("memory", "grid, row", "row and grid do not share a storage and a dtype"),
    "shapes that do not meet": ("broadcast", "grid, weight, turned", "grid, weight, turned do not broadcast"),
    "one shape alone": ("broadcast", "grid", "broadcasting takes two tensors or more"),
    "a leaf": ("graph", "weight", "weight: a graph starts at one tensor that has a grad_fn"),
    "no tensor": ("memory", "grid.shape", "grid.shape is no tensor but Size"),
    "a name that is not there": ("memory", "gird", "name 'gird' is not defined"),
}


def write_drawings(project, drawings):
    write_small_site(project)
    project.write("snippets/drawn.py", SNIPPET)
    fences = "\n".join(f"```{kind}\n{source}\n```\n" for kind, source, *_ in drawings.values())
    project.write("docs/drawn.md", f"# Page\n\n```cell\ndrawn#tensors\n```\n\n{fences}")


@pytest.fixture(scope="session")
def site(accepted):
    return accepted("drawn", lambda project: write_drawings(project, DRAWN), is_built=True)


@pytest.fixture(scope="module")
def pictures(site):
    """The pictures of the page by what they draw."""
    figures = parse_html(site.read("site/drawn/index.html")).all("figure.tp-drawing")
    return dict(zip(DRAWN, [figure.one("svg") for figure in figures], strict=True))


def numbers(picture):
    """The texts of its boxes."""
    return [text.text for text in picture.all("text.tp-d-mid")]


@pytest.mark.parametrize(
    ("name", "read", "storage"),
    [
        ("a grid", "012345", "012345"),
        ("a transpose", "031425", "012345"),
        ("a slice", "1245", "012345"),
        ("an expand", "012012", "012"),
        ("channels last", "01234567", "04152637"),
        ("a single number", "7", "7"),
        ("an empty tensor", "", ""),
    ],
)
def test_a_picture_shows_the_tensor_and_its_storage_in_order(pictures, name, read, storage):
    assert "".join(numbers(pictures[name])) == read + storage


def test_what_is_read_again_is_dashed(pictures):
    assert len(pictures["an expand"].all("rect.tp-d-again")) == 3
    assert not pictures["a transpose"].all("rect.tp-d-again")


def test_what_is_never_read_is_drawn_as_such(pictures):
    assert len(pictures["a slice"].all("rect.tp-d-unread")) == 2


def test_two_views_are_drawn_over_one_storage(pictures):
    names = [text.text for text in pictures["two views"].all("text.tp-d-name")]

    assert names == ["grid", "turned"]


def test_a_broadcast_says_which_axes_repeat(pictures):
    assert "row has shape (3,), repeated along axis 0 of the result." in pictures["a broadcast"].one("desc").text
    assert "→ 2" in [text.text for text in pictures["a broadcast"].all("text")]


def test_a_graph_ends_at_the_leaves_that_get_a_gradient(pictures):
    texts = [text.text for text in pictures["a graph"].all("text")]

    assert texts.count(".grad lands here") == 2
    assert {"loss", "weight", "bias", "SumBackward0"} <= set(texts)


def test_a_leaf_that_is_a_part_of_a_model_is_called_by_its_place_there(pictures):
    names = [text.text for text in pictures["a graph of a model"].all("text.tp-d-name")]

    assert {"weight", "model.0.weight", "model.0.bias"} <= set(names)


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_can_be_read_aloud(pictures, name):
    picture = pictures[name]

    assert picture.attributes["role"] == "img"
    named = picture.attributes["aria-labelledby"].split()
    assert named == [picture.one("title").attributes["id"], picture.one("desc").attributes["id"]]
    assert all(word in picture.one("title").text for word in re.findall(r"\w+", DRAWN[name][1]))


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_has_no_colour_of_its_own(pictures, name):
    for element in pictures[name].all(""):
        assert not {"fill", "stroke", "style"} & set(element.attributes)


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_in_the_transcript(site, name):
    kind, source = DRAWN[name]

    assert f"\n@ {kind} {source}\n@   " in site.read("snippets/drawn.cpu.txt")


def test_the_picture_follows_from_the_measured_data_alone():
    view = View("x", shape=(2, 2), strides=(2, 1), offset=0, contiguous=True)
    data = Memory("int64", ("1", "2", "3", "4"), (view,))

    transposed = replace(data, views=(replace(view, strides=(1, 2), contiguous=False),))

    assert "reads storage places 0, 1, 2, 3" in draw(data, "d")
    assert "reads storage places 0, 2, 1, 3" in draw(transposed, "d")


def test_a_changed_line_of_a_drawing_is_drift(site, tmp_path):
    project = Project(tmp_path)
    for file in ("mkdocs.yml", "docs/index.md", "docs/drawn.md", "snippets/drawn.py", "snippets/drawn.cpu.txt"):
        project.write(file, site.read(file))
    project.replace("snippets/drawn.cpu.txt", "@   turned  shape (3, 2)", "@   turned  shape (2, 3)")

    built = project.run("mkdocs", "build")

    assert built.returncode == 1
    assert "the cell 'tensors' has drifted" in built.stdout
    assert "-@   turned  shape (2, 3)" in built.stdout


def test_a_picture_that_fails_is_no_fence_shown_as_text():
    class Shown:
        class page:
            file = "docs/drawn.md"

        def fence(self, *_):
            raise ValueError("no such corner")

    class Renderer:
        torchproof, torchproof_marks = Shown(), Marks()

    with pytest.raises(Stop, match=r"docs/drawn\.md: the fence `grid` was not rendered: .*no such corner"):
        show_fence("grid", "memory", Renderer())


REGISTRIES = {
    "measured and not drawn": ("KINDS['histogram'] = str", "class 'str'"),
    "drawn and not measured": ("del KINDS['graph']", "drawings.Graph"),
}


@pytest.mark.parametrize(("change", "odd"), REGISTRIES.values(), ids=REGISTRIES)
def test_a_kind_that_is_not_both_measured_and_drawn_ends_every_command(tmp_path, change, odd):
    code = f"from torchproof.model.drawings import KINDS\n{change}\nimport torchproof.cli"

    started = Project(tmp_path).run("python", "-c", code)

    assert started.returncode == 1
    assert "but not both" in started.stdout
    assert odd in started.stdout


@pytest.fixture(scope="session")
def refusal(once):
    """What a build says about drawings that cannot be made."""

    def make(folder):
        project = Project(folder)
        write_drawings(project, REFUSED)
        built = project.run("mkdocs", "build")
        project.write("report.txt", f"{built.returncode}\n{built.stdout}")

    return once("refused", make)


@pytest.mark.parametrize("name", REFUSED)
def test_a_drawing_that_cannot_be_made_fails_the_build_at_its_line(refusal, name):
    _, source, reason = REFUSED[name]
    report = (refusal / "report.txt").read_text(encoding="utf-8")
    lines = (refusal / "docs/drawn.md").read_text(encoding="utf-8").split("\n")
    line = lines.index(source) if source in lines else 0

    assert report.startswith("1\n")
    assert re.search(rf"docs/drawn\.md:{line}: .*{re.escape(reason)}", report), report


# --- what lies on what ----------------------------------------------------------------------------------------------------


def boxes_of(svg):
    """Around each text of a drawing: left, top, right, bottom and the text."""
    for x, y, style, escaped in re.findall(r'<text x="([^"]+)" y="([^"]+)" class="([^"]*)">([^<]*)</text>', svg):
        text = html.unescape(escaped)
        width = len(text) * (7.3 if "mid" in style or "name" in style else 6.7)
        left = float(x) - (width / 2 if "mid" in style else 0)
        yield left, float(y) - 9, left + width, float(y) + 2, text


def frames_of(svg):
    """Around each box of a drawing: left, top, right, bottom and where it is."""
    for found in re.findall(r'<rect x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"', svg):
        x, y, width, height = map(float, found)
        yield x + 1, y + 1, x + width - 1, y + height - 1, f"the box at {x:g}, {y:g}"


def points_of(path):
    """Points along an arrow, a pixel apart or less."""
    here = 0j
    for letter, rest in re.findall("([MVHC])([^MVHC]*)", path):
        numbers = [float(number) for number in rest.split()]
        if letter in "VH":
            numbers = [here.real, *numbers] if letter == "V" else [*numbers, here.imag]
        *bends, end = [complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        one, two = bends or (here + (end - here) / 3, here + 2 * (end - here) / 3)
        count = int(abs(end - here)) * 2 + 1
        for part in (number / count for number in range(count + 1) if letter != "M"):
            weights = (1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3
            yield sum(weight * point for weight, point in zip(weights, (here, one, two, end), strict=True))
        here = end


def faults(figure):
    """Which texts and boxes of a drawing an arrow crosses, which texts meet, and which arrows cover each other."""
    svg = re.sub("<defs>.*?</defs>", "", figure, flags=re.S)
    texts, frames = list(boxes_of(svg)), list(frames_of(svg))
    arrows = [list(points_of(path)) for path in re.findall(r'<path d="([^"]+)" class="tp-d-(?:step|edge)', svg)]
    steps = [{(round(p.real), round(p.imag)) for p in points_of(path)} for path in re.findall(STEP, svg)]
    for points, (left, top, right, bottom, what) in itertools.product(arrows, texts + frames):
        if any(left + 1 < p.real < right - 1 and top + 1 < p.imag < bottom - 1 for p in points):
            yield f"an arrow runs through {what}"
    for one, other in itertools.combinations(texts, 2):
        if all(one[side] + 1 < other[side + 2] and other[side] + 1 < one[side + 2] for side in (0, 1)):
            yield f"{one[4]} lies on {other[4]}"
    for one, other in itertools.combinations(steps, 2):
        if len(one & other) > 4:  # those of a graph may leave a box together
            yield "an arrow covers another"


STEP = r'<path d="([^"]+)" class="tp-d-step'


def test_no_arrow_of_a_drawing_runs_through_a_label_or_another_arrow(site):
    figures = re.findall('<figure class="tp-drawing".*?</figure>', site.read("site/drawn/index.html"), re.S)

    assert len(figures) == len(DRAWN)
    assert {
        name: list(faults(figure)) for name, figure in zip(DRAWN, figures, strict=True) if any(faults(figure))
    } == {}


def test_no_arrow_of_the_book_runs_through_a_label_or_another_arrow(site_folder):
    found, count = {}, 0
    for page in site_folder.rglob("*.html"):
        for figure in re.findall('<figure class="tp-drawing".*?</figure>', page.read_text(encoding="utf-8"), re.S):
            count += 1
            if wrong := list(faults(figure)):
                found[page.parent.name, re.search("<title[^>]*>([^<]*)", figure)[1]] = wrong

    assert count > 30
    assert found == {}


CROSSED = {
    "a text": ('<text x="0" y="20" class="tp-d-label">label</text>', "an arrow runs through label"),
    "a box": ('<rect x="0" y="5" width="20" height="10" rx="4" class="tp-d-op"/>', "an arrow runs through the box"),
    "an arrow": ('<path d="M10 2V20H30V4" class="tp-d-step tp-d-axis0"/>', "an arrow covers another"),
}


@pytest.mark.parametrize(("other", "fault"), CROSSED.values(), ids=CROSSED)
def test_an_arrow_through_something_is_found(other, fault):
    (found,) = faults(f'<path d="M10 0V30H40V0" class="tp-d-step tp-d-axis0"/>{other}')

    assert found.startswith(fault)
