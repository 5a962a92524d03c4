"""A figure loses weight and nothing that can be seen."""

import io
import itertools
import math
import re
from xml.etree import ElementTree

import pytest
from torchproof.run import figures
from torchproof.run.figures import STYLE
from torchproof.show.slim import slim

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
XS = [k / 20 for k in range(-60, 61)]


@pytest.fixture
def drawn():
    """`drawn(draw)` is matplotlib's SVG of a figure on whose axes `draw` has drawn, and ours."""

    def saved(draw):
        figure = Figure(figsize=(4, 3))
        draw(figure.subplots())
        buffer = io.StringIO()
        with matplotlib.rc_context(STYLE):
            figure.savefig(buffer, format="svg")
        return buffer.getvalue(), slim(buffer.getvalue())

    return saved


def all_of(svg, tag):
    return list(ElementTree.fromstring(svg).iter(SVG + tag))


def corners(data):
    """The corners of path data, relative or not, as (x, y); a new piece begins where it moves."""
    pieces, x, y = [], 0.0, 0.0
    for letter, rest in re.findall(r"([MLmlhvz])([^MLmlhvz]*)", data):
        numbers = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        while numbers:
            if letter in "hv":
                step = (numbers.pop(0), 0) if letter == "h" else (0, numbers.pop(0))
            else:
                step = numbers.pop(0), numbers.pop(0)
            x, y = step if letter in "ML" else (x + step[0], y + step[1])
            if letter in "Mm":
                pieces.append([])
                letter = "l" if letter == "m" else "L"
            pieces[-1].append((x, y))
    return pieces


def away(point, line):
    """How far a point is from a line of corners; the best of a thousand spots between each two."""
    along = [k / 1000 for k in range(1001)]
    pairs = [(a, b) for a, b in itertools.pairwise(line) if a[0] - 1 <= point[0] <= b[0] + 1]
    return min(math.dist(point, (a[0] + (b[0] - a[0]) * k, a[1] + (b[1] - a[1]) * k)) for a, b in pairs for k in along)


def line_of(svg, colour):
    path = next(path for path in all_of(svg, "path") if f"stroke:{colour}" in path.get("style", "").replace(" ", ""))
    return corners(path.get("d"))[0]


def test_a_curve_keeps_its_shape_in_fewer_points(drawn):
    before, after = (line_of(svg, "#1f77b4") for svg in drawn(lambda axes: axes.plot(XS, [math.exp(x) for x in XS])))

    assert max(away(point, after) for point in before) < 0.2
    assert len(after) < len(before) / 2


def test_every_point_stays_where_it_was(drawn):
    before, after = drawn(lambda axes: axes.plot(XS, [math.sin(9 * x) for x in XS], "."))

    uses = [(float(use.get("x")), float(use.get("y"))) for use in all_of(before, "use")]
    marks = [corners(path.get("d"))[0] for path in all_of(after, "path") if "marker:" in path.get("style", "")]
    found = sorted((round(x, 1), round(y, 1)) for run in marks for x, y in run)
    assert len(found) == len(uses) > len(XS)
    assert found == sorted((round(x, 1), round(y, 1)) for x, y in uses)


def test_a_mark_looks_as_it_did(drawn):
    _, after = drawn(lambda axes: axes.plot([1, 2, 3], [1, 1, 1], "s", color="red", alpha=0.25, mew=1 / 3))

    marker = next(marker for marker in all_of(after, "marker") if "#ff0000" in ElementTree.tostring(marker, "unicode"))
    assert set(marker[0].get("style").split(";")) >= {"fill:#ff0000", "fill-opacity:0.25"}
    assert corners(marker[0].get("d")) == [[(-3, 3), (3, 3), (3, -3), (-3, -3)]]


@pytest.mark.parametrize(
    ("draw", "pieces"),
    [
        (lambda axes: axes.bar([1, 2, 3], [3, 1, 2], color="red", width=1), 1),
        (lambda axes: axes.bar([1, 1.5, 2], [3, 1, 2], color="red", width=1), 3),
        (lambda axes: axes.bar([1, 2, 3], [3, 1, 2], color="red", width=1, alpha=0.5), 3),
        (lambda axes: axes.bar([1, 2, 3], [3, 1, 2], color="red", width=1, edgecolor="blue"), 3),
    ],
    ids=["side by side", "overlapping", "transparent", "with edges"],
)
def test_pieces_are_joined_where_that_changes_nothing(drawn, draw, pieces):
    _, after = drawn(draw)

    assert len([path for path in all_of(after, "path") if "fill:#ff0000" in path.get("style", "")]) == pieces


def test_the_words_stay_in_their_order(drawn):
    before, after = drawn(
        lambda axes: (axes.plot(XS, XS, label="two words"), axes.set_title("<b>&amp;"), axes.legend())
    )

    words = [[text.text for text in all_of(svg, "text")] for svg in (before, after)]
    assert words[1] == words[0]
    assert "<b>&amp;" in words[1]


def test_formulas_keep_the_place_of_every_glyph(drawn):
    before, after = drawn(lambda axes: axes.set_title(r"$x = 2^{-31}$"))

    places = [[float(x) for span in all_of(svg, "tspan") for x in span.get("x").split()] for svg in (before, after)]
    letters = ["".join(span.text for span in all_of(svg, "tspan")) for svg in (before, after)]
    assert letters[1] == letters[0] == "x=2−31"
    assert places[1] == [round(x, 1) for x in places[0]]


def test_every_reference_is_to_something_and_every_id_is_used(drawn):
    _, after = drawn(lambda axes: (axes.scatter([1, 2, 3], [1, 2, 3], c=["r", "g", "b"]), axes.plot(XS, XS, "--")))

    ids = re.findall(r'\bid="([^"]+)"', after)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', after)) == set(ids)


def test_a_small_scale_is_not_rounded_away(drawn):
    _, after = drawn(lambda axes: axes.imshow([[k % 7 for k in range(900)]] * 900, interpolation="none"))

    image = all_of(after, "image")[0]
    scale = float(re.findall(r"[\d.]+", image.get("transform"))[0])
    box = all_of(after, "rect")[0]
    assert scale * float(image.get("width")) == pytest.approx(float(box.get("width")), rel=0.01)


@pytest.mark.parametrize("is_beyond", [True, False])
def test_a_picture_is_cut_to_what_is_drawn_as_matplotlib_would(is_beyond):
    from matplotlib import pyplot

    def draw():
        figure, axes = pyplot.subplots(figsize=(4, 3), layout=None if is_beyond else "constrained")
        axes.plot([1, 2], [1, 1000], label="a line that has no end in sight")
        if is_beyond:
            axes.text(-0.5, 1.3, "far outside", transform=axes.transAxes)
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return figure

    with matplotlib.rc_context(STYLE):
        tight = io.StringIO()
        draw().savefig(tight, format="svg", bbox_inches="tight")
        pyplot.close("all")
        draw()
        cut = figures.take()[0].svg
    header = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')
    size, own = (list(map(float, header.search(svg).groups())) for svg in (tight.getvalue(), cut))
    assert own == pytest.approx(size, abs=0.01)
    steps, own = (
        [re.findall("[A-Za-z]", path.get("d")) for path in all_of(svg, "path")] for svg in (tight.getvalue(), cut)
    )
    assert own == steps  # no line ends where the canvas does
