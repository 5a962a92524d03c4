"""The facts of a figure hold what a reader sees: another picture is drift, another last digit is none."""

import re
from types import SimpleNamespace

import pytest
from torchproof.compare.transcript import same
from torchproof.model.cells import Cell
from torchproof.run import figures

matplotlib = pytest.importorskip("matplotlib")
numpy = pytest.importorskip("numpy")

from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.markers import MarkerStyle  # noqa: E402
from matplotlib.offsetbox import AnchoredText, AnnotationBbox, TextArea  # noqa: E402
from matplotlib.patheffects import Normal, SimpleLineShadow  # noqa: E402
from matplotlib.ticker import MultipleLocator  # noqa: E402

x = numpy.linspace(0, 6, 50)
WAVE, HILL = numpy.sin(x), numpy.outer(x, x)
CELL = Cell("A plot", "a-plot", "", 1)
VOLATILE = Cell("A plot", "a-plot", "", 1, frozenset({"volatile"}))


@pytest.fixture
def drawn():
    """`drawn(draw)` is the lines of a transcript about what `draw(pyplot, axes)` has drawn."""
    yield facts_of
    matplotlib.pyplot.close("all")


def facts_of(draw, *, is_drawn=True):
    from matplotlib import pyplot

    with matplotlib.rc_context(figures.STYLE), pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            figures, "_svg", lambda figure: (is_drawn and figure.draw_without_rendering()) or ""
        )  # ten times as fast
        draw(pyplot, pyplot.gca())
        return [f"# {line}" for figure in figures.take() for line in figure.lines]


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


def arrows(axes, across=1):
    axes.quiver([1, 2], [1, 1], [across, 0], [0, 1])


def boxed(axes, at=(1, 1)):
    axes.set(xlim=(0, 9), ylim=(0, 9))
    axes.add_artist(AnnotationBbox(TextArea("here"), at))


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
    (dots, {"shades": numpy.where(numpy.arange(50) == 24, 0, x)}),
    (dots, {"sizes": 9 + x}),
    (contour, {"levels": (5, 16)}),
    (contour, {"heights": numpy.outer(x, -x[::-1])}),
    (band, {"top": -x}),
    (arrows, {"across": -1}),
    (boxed, {"at": (5, 2)}),
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


def everything(axes):
    """Two axes with something of most kinds; what was drawn, by name."""
    figure = axes.figure
    axes.remove()
    left, right = figure.subplots(1, 2)
    drawn = SimpleNamespace(figure=figure, left=left, right=right)
    (drawn.line,) = left.plot(x, WAVE, label="wave")
    (drawn.dotted,) = left.plot(x, -WAVE, "o", label="dots")
    drawn.dots = left.scatter(x[::5], 0 * x[::5], c=x[::5])
    drawn.band = left.fill_between(x, 0, WAVE)
    drawn.steps = left.hlines([0.1, 0.2], 0, 6)
    drawn.word = left.text(1, 0.5, "word")
    drawn.note = left.annotate("note", (2, 0), xytext=(3, 0.5), arrowprops={"arrowstyle": "->"})
    drawn.legend = left.legend()
    left.set(title="title", xlabel="across")
    drawn.bars = right.bar([1, 2, 3], [3, 1, 2])
    drawn.image = right.imshow(GRID % 7, extent=(0, 3, 0, 2))
    drawn.bar = figure.colorbar(drawn.image)
    return drawn


SEEN = {
    "width of a line": lambda it: it.line.set_linewidth(3),
    "alpha of a line": lambda it: it.line.set_alpha(0.3),
    "alpha in a colour": lambda it: it.line.set_color((0.12, 0.47, 0.71, 0.5)),
    "line above another": lambda it: it.line.set_zorder(9),
    "a marker at every tenth": lambda it: it.dotted.set_markevery(10),
    "size of markers": lambda it: it.dotted.set_markersize(9),
    "inside of markers": lambda it: it.dotted.set_markerfacecolor("white"),
    "edge of markers": lambda it: it.dotted.set_markeredgewidth(3),
    "half a marker": lambda it: it.dotted.set_fillstyle("left"),
    "one point of many": lambda it: it.line.set_ydata(numpy.where(numpy.arange(50) == 24, 0.9, WAVE)),
    "size of dots": lambda it: it.dots.set_sizes([99]),
    "alpha of dots": lambda it: it.dots.set_alpha(0.5),
    "edges of dots": lambda it: it.dots.set_edgecolor("black"),
    "shape of dots": lambda it: it.dots.set_paths([MarkerStyle("^").get_path()]),
    "colours of dots": lambda it: it.dots.set_cmap("magma"),
    "ends of colours": lambda it: it.dots.set_clim(-1, 9),
    "hatch of a band": lambda it: it.band.set_hatch("/"),
    "alpha of a band": lambda it: it.band.set_alpha(0.2),
    "width of straight lines": lambda it: it.steps.set_linewidth(4),
    "dashes of straight lines": lambda it: it.steps.set_linestyle("--"),
    "alpha of bars": lambda it: [bar.set_alpha(0.5) for bar in it.bars],
    "edges of bars": lambda it: [bar.set_edgecolor("black") for bar in it.bars],
    "one bar's colour": lambda it: it.bars[1].set_facecolor("red"),
    "one bar's hatch": lambda it: it.bars[1].set_hatch("x"),
    "bars not filled": lambda it: [bar.set_fill(False) for bar in it.bars],
    "width of bars": lambda it: [bar.set_width(0.5) for bar in it.bars],
    "interpolation": lambda it: it.image.set_interpolation("bilinear"),
    "colours reversed": lambda it: it.image.set_cmap("viridis_r"),
    "a scale of colours": lambda it: it.image.set_norm("symlog"),
    "two pixels swapped": lambda it: it.image.set_data(numpy.roll(GRID, 1) % 7),
    "aspect": lambda it: it.right.set_aspect("auto"),
    "size of a word": lambda it: it.word.set_fontsize(20),
    "weight of a word": lambda it: it.word.set_fontweight("bold"),
    "slope of a word": lambda it: it.word.set_rotation(30),
    "colour of a word": lambda it: it.word.set_color("red"),
    "side of a word": lambda it: it.word.set_ha("right"),
    "box around a word": lambda it: it.word.set_bbox({"facecolor": "yellow"}),
    "place of a note": lambda it: it.note.set_position((4, 0.7)),
    "arrow of a note": lambda it: it.note.arrow_patch.set_linewidth(4),
    "head of an arrow": lambda it: it.note.arrow_patch.set_arrowstyle("-|>"),
    "size of a title": lambda it: it.left.title.set_fontsize(20),
    "colour of a label": lambda it: it.left.xaxis.label.set_color("red"),
    "title at the left": lambda it: it.left.set_title("title", loc="left"),
    "grid": lambda it: it.left.grid(True),
    "grid of one axis": lambda it: it.left.grid(True, axis="y"),
    "background": lambda it: it.left.set_facecolor("lightyellow"),
    "background of the figure": lambda it: it.figure.set_facecolor("lightyellow"),
    "a spine": lambda it: it.left.spines["top"].set_visible(False),
    "all spines": lambda it: it.left.spines[:].set_color("red"),
    "a spine in the middle": lambda it: it.left.spines["left"].set_position("zero"),
    "ticks turned": lambda it: it.left.tick_params(axis="x", labelrotation=45),
    "ticks inside": lambda it: it.left.tick_params(direction="in"),
    "ticks without words": lambda it: it.left.tick_params(labelleft=False),
    "ticks between": lambda it: it.left.minorticks_on(),
    "ticks farther apart": lambda it: it.left.xaxis.set_major_locator(MultipleLocator(3)),
    "fewer ticks": lambda it: it.left.locator_params(nbins=3),
    "ticks as powers of ten": lambda it: it.left.ticklabel_format(scilimits=(0, 0)),
    "ticks in percent": lambda it: it.left.yaxis.set_major_formatter("{x:.0%}"),
    "margins": lambda it: it.left.margins(0.3),
    "axes elsewhere": lambda it: it.left.set_position([0.3, 0.3, 0.3, 0.3]),
    "room between axes": lambda it: it.figure.subplots_adjust(wspace=0.8),
    "size of the figure": lambda it: it.figure.set_size_inches(9, 3),
    "dots of the figure": lambda it: it.figure.set_dpi(50),
    "layout": lambda it: it.figure.set_layout_engine("constrained"),
    "place of the legend": lambda it: it.legend.set_loc("lower left"),
    "legend outside": lambda it: it.left.legend(loc="upper left", bbox_to_anchor=(1, 1)),
    "frame of the legend": lambda it: it.legend.set_frame_on(False),
    "columns of the legend": lambda it: it.left.legend(ncols=2),
    "title of the legend": lambda it: it.left.legend(title="kinds"),
    "words of the legend": lambda it: it.left.legend(fontsize=6),
    "label of the colour bar": lambda it: it.bar.set_label("height"),
    "ends of the colour bar": lambda it: it.image.set_clim(0, 9),
    "ticks of the colour bar": lambda it: it.bar.set_ticks([0, 6]),
    "place of the colour bar": lambda it: (it.bar.remove(), it.figure.colorbar(it.image, location="left")),
    "words above all": lambda it: it.figure.suptitle("all"),
    "a line across the figure": lambda it: it.figure.add_artist(Line2D([0, 1], [0.5, 0.5])),
    "a shadow": lambda it: it.line.set_path_effects([SimpleLineShadow(), Normal()]),
    "words in a corner": lambda it: it.left.add_artist(AnchoredText("corner", loc=2)),
    "dashes of one's own": lambda it: it.line.set_dashes([5, 1]),
}


@pytest.fixture(scope="module")
def as_it_was():
    return facts_of(lambda _, axes: everything(axes), is_drawn=False)


@pytest.mark.parametrize("name", SEEN)
def test_what_a_reader_sees_otherwise_is_drift(name, drawn, as_it_was):
    after = drawn(lambda _, axes: SEEN[name](everything(axes)), is_drawn=False)

    assert not same(as_it_was, after, CELL, exact=True)


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
    assert any("table '1', '2'" in line for line in drawn(lambda _, axes: axes.table([["1"], ["2"]])))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore")
def test_whatever_is_plotted_has_facts_that_stay(name, drawn):
    first = drawn(ODD[name])

    assert first == drawn(ODD[name])
    assert max(map(len, first)) < 350


def test_colours_have_an_alpha_for_each_pixel_where_it_is_drawn(drawn):
    """matplotlib leaves it out of an SVG whose pixels are not to be interpolated."""
    faint = numpy.linspace(0, 1, GRID.size).reshape(GRID.shape)

    def colours(**looks):
        return re.findall("#[0-9a-f]{6}", str(drawn(lambda _, axes: image(axes, **looks))))

    assert colours(alpha=faint) != colours()
    assert colours(alpha=faint, interpolation="none") == colours(interpolation="none")
    assert colours(alpha=0.5, interpolation="none") != colours(interpolation="none")


def test_a_line_tells_where_it_runs(drawn):
    lines = drawn(lambda _, axes: axes.plot([0, 1, 2], [5, 7, 6], "--", label="loss"))

    assert lines[1:] == [
        "# axes",
        "#   x -0.1 … 2.1, y 4.9 … 7.1",
        "#   line of 3 points 'loss' #1f77b4 linestyle -- at 5,5 50,95 95,50",
    ]


def test_ink_takes_the_colour_of_the_page_and_a_colour_that_was_chosen_stays():
    from matplotlib import pyplot

    with matplotlib.rc_context(figures.STYLE):
        pyplot.plot([1, 2], color="#123456")
        (taken,) = figures.take()

    assert "currentColor" in taken.svg
    assert "#123456" in taken.svg
    assert figures.INK not in taken.svg
