"""The facts of a figure hold what a reader sees: another picture is drift, another last digit is none."""

import pytest
from torchproof.compare.transcript import same
from torchproof.model.cells import Cell
from torchproof.run import figures

matplotlib = pytest.importorskip("matplotlib")
numpy = pytest.importorskip("numpy")

x = numpy.linspace(0, 6, 50)
WAVE, HILL = numpy.sin(x), numpy.outer(x, x)
CELL = Cell("A plot", "a-plot", "", 1)
VOLATILE = Cell("A plot", "a-plot", "", 1, frozenset({"volatile"}))


@pytest.fixture
def drawn(monkeypatch):
    """`drawn(draw)` is the lines of a transcript about what `draw(pyplot, axes)` has drawn."""
    from matplotlib import pyplot

    monkeypatch.setattr(figures, "_svg", lambda figure: figure.draw_without_rendering() or "")  # ten times as fast

    def lines(draw):
        with matplotlib.rc_context(figures.STYLE):
            draw(pyplot, pyplot.gca())
            return [f"# {line}" for figure in figures.take() for line in figure.lines]

    yield lines
    pyplot.close("all")


def line(axes, y=WAVE, *, style="-", label="s", word="here", at=(1, 0.5), legend=True, ticks="ab", **settings):
    axes.plot(x, y, style, label=label)
    axes.text(*at, word)
    axes.set_xticks([0, 1], ticks)
    axes.set(**settings)
    if legend:
        axes.legend()


def bars(axes, heights=(1.0, -2.0, 3.0)):
    axes.bar(["a", "b", "c"], heights)


GRID = numpy.arange(600.0).reshape(20, 30)


def image(axes, numbers=GRID, **looks):
    axes.imshow(numbers, **looks)


def dots(axes, across=x, up=x**2, shades=x, sizes=9):
    axes.scatter(across, up, sizes, c=shades)


def contour(axes, heights=HILL, levels=(5, 15)):
    axes.contour(heights, levels)


def band(axes, top=x):
    axes.fill_between(x, 0, top)


CHANGES = [
    (line, {"y": -WAVE}),
    (line, {"y": WAVE.clip(max=0.8)}),
    (line, {"y": WAVE[::-1]}),
    (line, {"y": numpy.where(x > 5, numpy.nan, WAVE)}),
    (line, {"y": 1.1 * WAVE}),
    (line, {"y": WAVE + 0.1}),
    (line, {"style": "--"}),
    (line, {"style": "r"}),
    (line, {"style": "o"}),
    (line, {"label": "t"}),
    (line, {"word": "there"}),
    (line, {"at": (3, 0.5)}),
    (line, {"legend": False}),
    (line, {"ticks": "ac"}),
    (line, {"title": "all"}),
    (line, {"ylabel": "up"}),
    (line, {"ylim": (-1, 2)}),
    (line, {"yscale": "symlog"}),
    (bars, {"heights": (1, 2, 3)}),
    (bars, {"heights": (1, 3, -2)}),
    (image, {"numbers": GRID[::-1]}),
    (image, {"numbers": GRID % 2}),
    (image, {"numbers": 2 * GRID}),
    (image, {"cmap": "gray"}),
    (image, {"alpha": 0.5}),
    (image, {"origin": "lower"}),
    (image, {"extent": (0, 1, 0, 1)}),
    (dots, {"across": x**2, "up": x}),
    (dots, {"shades": -x}),
    (dots, {"sizes": 9 + x}),
    (contour, {"levels": (5, 16)}),
    (contour, {"heights": numpy.outer(x, -x[::-1])}),
    (band, {"top": -x}),
]


@pytest.mark.parametrize(
    ("draw", "changes"), CHANGES, ids=lambda value: getattr(value, "__name__", None) or next(iter(value))
)
def test_another_picture_is_drift(draw, changes, drawn):
    assert not same(drawn(lambda _, axes: draw(axes)), drawn(lambda _, axes: draw(axes, **changes)), CELL)


@pytest.mark.parametrize(
    ("draw", "changes"),
    [
        (line, {"y": 1.0001 * WAVE}),
        (line, {"y": WAVE - 2e-3}),
        (bars, {"heights": (1.0001, -1.999, 3.001)}),
        (image, {"numbers": GRID + 0.01}),
        (dots, {"up": x**2 + 1e-3, "shades": x + 1e-3}),
        (contour, {"heights": HILL + 1e-4}),
        (band, {"top": 0.99999 * x}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_nobody_sees_is_no_drift(draw, changes, drawn):
    assert same(drawn(lambda _, axes: draw(axes)), drawn(lambda _, axes: draw(axes, **changes)), CELL, exact=True)


def test_every_place_and_colour_counts_where_numbers_come_out_to_the_last_digit():
    line = "#   line of 5 points 'loss' #1f77b4 at 5,50"

    assert not same([line], [line.replace("5,50", "5,51")], CELL, exact=True)
    assert not same([line], [line.replace("1f77b4", "1f77b5")], CELL, exact=True)


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        ("line of 5 points 'loss' #1f77b4 at 5,50", "line of 5 points 'loss' #2f77b4 at 5,90", True),
        ("x 0 … 10, y 0 … 1", "x 0 … 10, y 0 … 1.2", True),
        ("line of 5 points 'loss' at 5,50", "line of 5 points 'gain' at 5,50", False),
        ("line of 5 points at 5,50", "line of 6 points at 5,50", False),
        ("'at 5,50'", "'at 5,51'", False),
        ('"it\'s 5,50"', '"it\'s 5,51"', False),
        ("levels 0.1, 0.2", "levels 0.1, 0.201", False),
        ("at 5,50 gap", "at 5,50 5,50", False),
        ("x 0 … 10", "x log10 0 … 10", False),
    ],
)
def test_on_another_processor_words_and_counts_are_compared(old, new, alike):
    assert same([f"#   {old}"], [f"#   {new}"], CELL, exact=False) is alike


def test_a_figure_of_a_volatile_cell_may_show_other_numbers_but_no_other_things(drawn):
    first, second = (numpy.random.default_rng(seed).normal(size=(2, 20)) for seed in (0, 1))
    lines = drawn(lambda _, axes: axes.scatter(*first, label="draws"))

    assert same(lines, drawn(lambda _, axes: axes.scatter(*second, label="draws")), VOLATILE)
    assert not same(lines, drawn(lambda _, axes: axes.scatter(*second, label="dice")), VOLATILE)
    assert not same(lines, drawn(lambda _, axes: axes.scatter(*second[:, 1:], label="draws")), CELL)


ODD = {
    "a log of nothing": lambda plt, axes: axes.semilogy(x, x - 1),
    "error bars": lambda plt, axes: axes.errorbar(x, x, yerr=0.1),
    "boxes": lambda plt, axes: axes.boxplot(x.reshape(10, 5)),
    "a pie": lambda plt, axes: axes.pie([1, 2], labels=["a", "b"]),
    "arrows": lambda plt, axes: axes.quiver(x, x),
    "hexagons": lambda plt, axes: axes.hexbin(x, x, gridsize=5),
    "a mesh": lambda plt, axes: plt.colorbar(axes.pcolormesh(x.reshape(5, 10))),
    "polar": lambda plt, axes: plt.polar(x, x),
    "three dimensions": lambda plt, axes: plt.figure().add_subplot(projection="3d").scatter(x, x, x),
    "endless lines": lambda plt, axes: (axes.axline((0, 0), slope=1), axes.axvspan(0, 1), axes.hlines([1], 0, 1)),
    "annotations": lambda plt, axes: axes.annotate("a", (0.5, 0.5), xycoords="axes fraction", arrowprops={}),
    "nothing": lambda plt, axes: (axes.plot([], []), axes.scatter([], [])),
    "no numbers": lambda plt, axes: (axes.imshow(numpy.full((3, 3), numpy.nan)), axes.plot([1, numpy.inf])),
    "colours with alpha": lambda plt, axes: axes.imshow(numpy.zeros((30, 20, 4), dtype="uint8")),
    "one number": lambda plt, axes: (axes.imshow([[1.0]]), axes.contourf(HILL)),
    "huge numbers": lambda plt, axes: axes.plot([1, 3e300]),
    "days": lambda plt, axes: axes.plot(numpy.array(["2020-01-01", "2020-01-03"], dtype="datetime64[D]"), [1, 2]),
    "patches": lambda plt, axes: axes.add_patch(matplotlib.patches.FancyArrowPatch((0, 0), (1, 1))),
    "no axes": lambda plt, axes: plt.figure().supxlabel("all"),
}


HIDDEN = {
    "line": lambda axes, is_seen: axes.plot([1, 2], visible=is_seen),
    "bars": lambda axes, is_seen: axes.bar([1, 2], [1, 2], visible=is_seen),
    "dots": lambda axes, is_seen: axes.scatter([1, 2], [1, 2], visible=is_seen),
    "image": lambda axes, is_seen: axes.imshow([[1, 2]], visible=is_seen),
    "words": lambda axes, is_seen: axes.text(0.5, 0.5, "words", visible=is_seen),
    "words of the figure": lambda axes, is_seen: axes.figure.text(0.5, 0.5, "words", visible=is_seen),
    "legend": lambda axes, is_seen: (axes.plot([1, 2], label="a"), axes.legend().set_visible(is_seen)),
    "axes": lambda axes, is_seen: axes.set_visible(is_seen),
    "axes within axes": lambda axes, is_seen: axes.inset_axes([0.1, 0.1, 0.5, 0.5], visible=is_seen).plot([1, 2]),
    "table": lambda axes, is_seen: axes.table([["1"]]).set_visible(is_seen),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_not_drawn_is_not_said(name, drawn):
    assert drawn(lambda _, axes: HIDDEN[name](axes, True)) != drawn(lambda _, axes: HIDDEN[name](axes, False))


def test_a_table_says_its_words(drawn):
    assert "#   table '1', '2'" in drawn(lambda _, axes: axes.table([["1"], ["2"]]))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore")
def test_whatever_is_plotted_has_facts_that_stay(name, drawn):
    first = drawn(ODD[name])

    assert first == drawn(ODD[name])
    assert max(map(len, first)) < 350


def test_a_line_tells_where_it_runs(drawn):
    lines = drawn(lambda _, axes: axes.plot([0, 1, 2], [5, 7, 6], "--", label="loss"))

    assert lines[1:] == [
        "# axes",
        "#   x -0.1 … 2.1, y 4.9 … 7.1",
        "#   line of 3 points 'loss' -- #1f77b4 at 5,5 50,95 95,50",
    ]
