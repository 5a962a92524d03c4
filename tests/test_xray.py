"""The X-ray shows what the run recorded, at the names that were bound to it, and nothing else."""

import json
import re
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.mkdocs import TorchproofPlugin
from torchproof.compare.site import Site
from torchproof.model.runs import Fact
from torchproof.run import values
from torchproof.run.facts import Tracker
from torchproof.run.runner import Runner
from torchproof.show.xray import Rows, _said, xray

SNIPPET = """\
# %% Make
import torch

grid = torch.arange(6).view(2, 3)
turned = grid.t()
mean = grid.float().mean()

# %% Rebind
grid = grid * 2
grid += 1
print(grid, turned)

# %% Own names
def double(grid):
    return grid * 2


shapes = [turned.shape for turned in (grid, grid)]
short = lambda mean: mean
print(f"{turned.shape}", double(grid).shape)

# %% Gone
del turned
mean = "no tensor"
print(mean)
turned = grid.t()

# %% Loop
total = torch.zeros(2)
for step in range(2):
    total = total + step

# %% Written unseen
import numpy as np

array = np.zeros(2)
array[0] = 7
print(array)

# %% Timed tags=["volatile"]
import time

took = torch.tensor([time.perf_counter()])
"""

SLUGS = ("make", "rebind", "own-names", "gone", "loop", "written-unseen", "timed")


@pytest.fixture(scope="session")
def site(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("snippets/states.py", SNIPPET)
        project.write("docs/states.md", "# Page\n\n" + "\n".join(f"```cell\nstates#{slug}\n```\n" for slug in SLUGS))
        project.write("docs/part.md", "# Part\n\n```cell\nstates#gone\n```\n")
        commit_transcripts(project)
        done = project.run("mkdocs", "build", "--strict")
        assert done.returncode == 0, done.stdout

    return Project(once("states", make))


@pytest.fixture(scope="module")
def page(site):
    return parse_html(site.read("site/states/index.html"))


@pytest.fixture(scope="module")
def run(site):
    read = Site.read(site.root)
    chapter = read.snippets["states"]
    with Runner(site.root, cached=True) as runner:
        return chapter, runner.run(read.job(chapter, chapter.cells, "cpu")).cells


def card(page, slug):
    return next(cell for cell in page.all("section.tp-cell") if cell.attributes["id"] == f"cell-{slug}")


def rows(page):
    """Every row of every X-ray: its id, and its cells under their headings."""
    found = {}
    for table in page.all("table"):
        heads = [head.text for head in table.one("thead").all("th")]
        for row in table.one("tbody").all("tr"):
            found[row.attributes["id"]] = dict(zip(heads, [cell.text for cell in row.children], strict=True))
    return found


def linked(page, slug):
    """The linked names of a cell, each with the row it leads to."""
    return [(name.text, rows(page)[name.attributes["href"][1:]]) for name in card(page, slug).all("a.xr")]


def test_a_row_holds_what_was_recorded(page):
    turned = next(row for row in rows(page).values() if row["name"] == "turned")

    assert turned == {
        "name": "turned",
        "after line": "4",
        "dtype": "int64",
        "shape": "(3, 2)",
        "strides": "(1, 3)",
        "in memory": "with jumps (not contiguous)",
        "shares memory with": "grid",
    }


def test_a_column_stands_where_a_row_says_something(page):
    heads = {slug: [head.text for head in card(page, slug).one("thead").all("th")] for slug in ("make", "loop")}

    assert heads["make"][6:] == ["shares memory with"]
    assert heads["loop"][6:] == []


def test_every_recorded_state_is_a_row_in_order(site, page):
    facts = re.findall(r"^~ (\d+) (\S+) +(?!gone)(\w+)\[", site.read("snippets/states.cpu.txt"), re.M)
    found = iter([(row["name"], row["dtype"]) for row in rows(page).values()])

    assert [fact for fact in facts if fact[1:] not in found] == []
    assert len(facts) > 8


def test_a_row_names_the_line_of_the_statement_that_was_recorded(site, page):
    recorded = re.findall(r"^~ (\d+) (\S+) +(?!gone)\w+\[", site.read("snippets/states.cpu.txt").split("%%")[1], re.M)
    lines = {"2": "3", "3": "4", "4": "5"}  # by statement: below the import stands a blank line

    found = [(row["after line"], row["name"]) for row in rows(page).values()]

    assert {(lines[statement], name) for statement, name in recorded} <= set(found[:4])
    assert len(recorded) == 3


def test_a_name_that_is_rebound_shows_both_states(page):
    made, shared, doubled, added, *_ = [row for row in rows(page).values() if row["name"] == "grid"]

    written, read, *_ = linked(page, "rebind")

    assert written == ("grid", doubled)
    assert read == ("grid", shared)
    assert (made["after line"], shared["after line"], added["after line"]) == ("3", "4", "2")


def test_a_name_shows_who_shares_its_memory_by_then(page):
    made, shared, *_ = [row for row in rows(page).values() if row["name"] == "grid"]
    alone = linked(page, "rebind")[-1]

    assert made["shares memory with"] == ""
    assert shared["shares memory with"] == "turned", "since its line 4"
    assert (alone[0], alone[1]["after line"]) == ("turned", "1"), "since grid was bound to another tensor"
    assert "shares memory with" not in alone[1]


def test_a_state_of_a_cell_that_the_page_does_not_show_names_the_cell(site):
    part = parse_html(site.read("site/part/index.html"))

    found = [(row["name"], row["after line"]) for row in rows(part).values()]

    assert found == [("turned", "1 of “Rebind”"), ("turned", "4"), ("grid", "4")]


def test_the_first_state_of_a_cell_leads_to_the_one_before_it(page):
    first, second = [row for row in card(page, "rebind").all("tr") if row.children[0].text == "grid"]
    before = first.attributes["data-was"]

    assert rows(page)[before]["after line"] == "4"
    assert "data-was" not in second.attributes


def test_names_of_functions_comprehensions_and_strings_are_their_own(page):
    assert [name for name, _ in linked(page, "own-names")] == ["grid"], "only the argument of the call"


def test_a_name_that_is_gone_is_no_link(page):
    names = linked(page, "gone")

    assert [(name, row["after line"]) for name, row in names if name == "turned"] == [("turned", "4")]
    assert "mean" not in [name for name, _ in names]


def test_a_name_in_a_loop_shows_its_last_state(page):
    assert {row["after line"] for name, row in linked(page, "loop") if name == "total"} <= {"1", "3"}
    assert [row["name"] for row in rows(page).values()].count("total") >= 1


def test_an_imported_module_is_no_tensor(page):
    assert "torch" not in [name for name, _ in linked(page, "make")]


def test_every_link_leads_to_a_row_of_its_name(page):
    for slug in SLUGS:
        for name, row in linked(page, slug):
            assert row["name"] == name


def test_a_changed_fact_is_a_changed_row(run):
    chapter, cells = run
    cell, done = chapter.cells[0], cells["make"]
    code = "<code>" + cell.shown_source + "</code>"
    other = tuple(replace(fact, dtype=fact.dtype.replace("int64", "float16")) for fact in done.facts)

    _, table = xray(cell, code, done, Rows(count()))
    _, changed = xray(cell, code, replace(done, facts=other), Rows(count()))

    assert changed == table.replace("<td>int64</td>", "<td>float16</td>")
    assert changed != table


@pytest.mark.parametrize(
    ("state", "walk"),
    [
        ({"shape": (3, 2), "strides": (1, 3)}, [[3, 2], [1, 3]]),
        ({"shape": (2,), "strides": (3,), "offset": 1, "storage": 6}, [[2], [3], 1, 6]),
        ({"shape": (2, 3), "strides": (0, 1), "storage": 3}, [[2, 3], [0, 1], 0, 3]),
        ({"shape": (48,), "strides": (0,), "storage": 24}, [[48], [0], 0, 24]),
        ({"shape": (5, 5), "strides": (5, 1)}, None),
        ({"shape": (49,), "strides": (0,), "storage": 1}, None),
        ({"shape": (2, 3), "strides": (24, 8), "in_bytes": True}, None),
        ({"shape": (), "strides": ()}, None),
        ({"shape": (2, 3), "layout": "sparse_coo", "strides": None}, None),
    ],
    ids=[
        "a transpose",
        "a slice",
        "an expand",
        "as large as can be drawn",
        "a large storage",
        "too many reads",
        "an array of NumPy's",
        "a single number",
        "a sparse tensor",
    ],
)
def test_a_row_says_how_its_tensor_walks_its_storage_where_that_can_be_drawn(run, state, walk):
    chapter, cells = run
    done = replace(cells["make"], facts=(Fact(1, "x", dtype="int64", **state),))

    _, table = xray(chapter.cells[0], "<code></code>", done, Rows(count()))

    row = parse_html(table).one("tbody").one("tr")
    assert json.loads(row.attributes.get("data-walk", "null")) == walk


def test_a_row_names_all_that_share_its_memory(run):
    chapter, cells = run
    fact = Fact(1, "x", dtype="int64", shape=(2,), strides=(1,), same=("twin",), shares=("part", '"<&'))

    _, table = xray(chapter.cells[0], "<code></code>", replace(cells["make"], facts=(fact,)), Rows(count()))

    assert parse_html(table).one("tbody").one("tr").attributes["data-mates"] == 'twin,part,"<&'


def test_without_facts_there_is_no_link_and_no_table(run):
    chapter, cells = run
    cell = chapter.cells[0]
    code = f"<code>{cell.shown_source}</code>"

    assert xray(cell, code, replace(cells["make"], facts=()), Rows(count())) == (code, "")


# --- values -------------------------------------------------------------------------------------------------------------


def values_of(page, slug):
    """The values of each row of a cell."""
    rows = card(page, slug).one("tbody").all("tr")
    return [(row.children[0].text, row.attributes.get("data-values")) for row in rows]


def test_the_values_before_and_after_a_write_differ(page):
    assert values_of(page, "rebind")[:2] == [
        ("grid", "[[ 0,  2,  4],\n [ 6,  8, 10]]"),
        ("turned", "[[0, 3],\n [1, 4],\n [2, 5]]"),
    ]
    assert ("grid", "[[ 1,  3,  5],\n [ 7,  9, 11]]") in values_of(page, "rebind")


def test_a_write_that_is_no_fact_shows_in_the_values(site, page):
    assert values_of(page, "written-unseen") == [("array", "[0.0, 0.0]"), ("array", "[7.0, 0.0]")]
    assert site.read("snippets/states.cpu.txt").count(" array ") == 1


def test_what_varies_from_build_to_build_has_no_values(page):
    assert values_of(page, "timed") == [("took", None)]


def test_no_value_is_in_a_transcript(site):
    assert not re.search(r"^~ .*(10|\[0)", site.read("snippets/states.cpu.txt"), re.M)


def for_plugin(site, folder):
    """A page and a configuration, as far as the plugin asks for them."""
    page = SimpleNamespace(url="states/", content="", torchproof_files={}, file=SimpleNamespace(src_uri="states.md"))
    return page, SimpleNamespace(site_dir=str(folder), config_file_path=str(site.root / "mkdocs.yml"))


def test_the_plugin_takes_the_values_of_a_page_into_one_script(site, tmp_path):
    page, config = for_plugin(site, tmp_path)
    html = site.read("site/states/index.html")

    without = TorchproofPlugin().on_post_page(html, page=page, config=config)

    script = tmp_path / "assets/xray/states.js"
    file = parse_html(without).all("table")[0].attributes["data-file"]
    assert re.fullmatch(r"\.\./assets/xray/states\.js\?[0-9a-f]{12}", file)
    assert ' data-values="' not in without
    held = json.loads(script.read_text(encoding="utf-8").partition(".pop()]=")[2])
    every = {row.attributes.get("id"): row.attributes.get("data-values") for row in parse_html(html).all("tr")}
    assert held == {name: text for name, text in every.items() if text}
    assert len(held) > 8


def test_numbers_that_are_others_in_the_next_build_leave_the_page_as_it_is(site, tmp_path):
    html = site.read("site/states/index.html")
    page, config = for_plugin(site, tmp_path)
    other = html.replace('data-values="[7.0, 0.0]"', 'data-values="[8.0, 0.0]"')

    built = [TorchproofPlugin().on_post_page(each, page=page, config=config) for each in (html, other)]

    assert other != html
    assert built[0] == built[1]


def text_of(value):
    """What the tracker of a session says that stands in a tensor or array."""
    tracker = Tracker({"x": value})
    tracker.changes(1)
    return next((seen.text for seen in tracker.take()), "")


odd = torch.tensor([1 + 2j])
VALUES = {
    "integers": (torch.arange(3), "[0, 1, 2]"),
    "a single number": (torch.tensor(7), "7"),
    "bools": (torch.tensor([[True], [False]]), "[[ True],\n [False]]"),
    "bytes": (torch.tensor([255], dtype=torch.uint8), "[255]"),
    "16 bits without a sign": (torch.tensor([65535], dtype=torch.uint16), "[65535]"),
    "the largest integer": (torch.tensor([2**63 - 1]), "[9223372036854775807]"),
    "floats": (torch.tensor([0.1, -0.0, 12345.0, 2.5]), "[0.1, -0.0, 12345.0, 2.5]"),
    "floats with more digits": (torch.tensor([1 / 3, 16777217.0]), "[0.3333, 1.678e+07]\nto 4 digits"),
    "NaN and infinity": (torch.tensor([torch.nan, -torch.inf]), "[nan, -inf]"),
    "the largest float32": (torch.tensor([3.4028234e38]), "[3.403e+38]\nto 4 digits"),
    "halves": (torch.tensor([65504.0, 1.5]).half(), "[65504.0, 1.5]"),
    "bfloat16": (torch.tensor([1.5, 3.0, -2.0]).bfloat16()[::2], "[1.5, -2.0]"),
    "complex": (torch.tensor([1 + 2j, -0.5j]), "[1.0+2.0j, -0.0-0.5j]"),
    "conjugated on demand": (odd.conj(), "[1.0-2.0j]"),
    "negated on demand": (odd.conj().imag, "[-2.0]"),
    "empty": (torch.zeros(0, 3), "no numbers"),
    "a transpose": (torch.arange(6).view(2, 3).t(), "[[0, 3],\n [1, 4],\n [2, 5]]"),
    "an expand": (torch.arange(2).expand(2, 2), "[[0, 1],\n [0, 1]]"),
    "a slice": (torch.arange(12)[3::4], "[3, 7, 11]"),
    "two matrices": (torch.arange(4).view(2, 2, 1), "[[[0],\n  [1]],\n\n [[2],\n  [3]]]"),
    "a parameter": (torch.nn.Parameter(torch.ones(2)), "[1.0, 1.0]"),
    "an inner node": (torch.nn.Parameter(torch.ones(2)) * 2, "[2.0, 2.0]"),
    "a long row": (torch.arange(100), "[0, 1, 2, …, 97, 98, 99]\nsmallest 0, largest 99"),
    "long with NaN": (
        torch.arange(100.0).index_fill(0, torch.tensor(1), torch.nan),
        "[0.0, nan, 2.0, …, 97.0, 98.0, 99.0]\nsmallest 0.0, largest 99.0, NaN among them",
    ),
    "nothing but NaN": (torch.full((30,), torch.nan), "[nan, nan, nan, …, nan, nan, nan]\nNaN among them"),
    "a large matrix": (
        torch.arange(10_000).view(100, 100),
        "[[   0,    1,    2, …,   97,   98,   99],\n"
        " [ 100,  101,  102, …,  197,  198,  199],\n"
        " [ 200,  201,  202, …,  297,  298,  299],\n"
        " …,\n"
        " [9700, 9701, 9702, …, 9797, 9798, 9799],\n"
        " [9800, 9801, 9802, …, 9897, 9898, 9899],\n"
        " [9900, 9901, 9902, …, 9997, 9998, 9999]]",
    ),
    "images": (
        torch.arange(128).view(2, 4, 4, 4).float(),
        "the first of 8 matrices:\n[[ 0.0,  1.0,  2.0,  3.0],\n [ 4.0,  5.0,  6.0,  7.0],\n"
        " [ 8.0,  9.0, 10.0, 11.0],\n [12.0, 13.0, 14.0, 15.0]]\nsmallest 0.0, largest 127.0",
    ),
    "billions by stride 0": (torch.ones(1).expand(2**31), "[1.0, 1.0, 1.0, …, 1.0, 1.0, 1.0]"),
    "an array": (np.array([[1, 2]], dtype=">i4"), "[[1, 2]]"),
    "a sparse tensor": (torch.eye(2).to_sparse(), ""),
    "a tensor without numbers": (torch.ones(2, device="meta"), ""),
    "zeros that are not there": (torch._efficientzerotensor(2), ""),
    "8-bit floats": (torch.ones(2).to(torch.float8_e4m3fn), ""),
    "an array of names": (np.array(["a"]), ""),
    "a masked array": (np.ma.array([1]), ""),
}


@pytest.mark.parametrize(("value", "text"), VALUES.values(), ids=VALUES)
def test_values_are_what_stands_in_memory(value, text):
    assert text_of(value) == text


def test_a_nested_tensor_has_no_values():
    assert text_of(torch.nested.nested_tensor([torch.ones(1)], layout=torch.jagged)) == ""


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_tensor_has_no_values():
    assert text_of(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)) == ""


def test_memory_that_was_given_back_is_not_read():
    emptied = torch.ones(4)
    emptied.untyped_storage().resize_(0)

    assert text_of(emptied) == ""


def test_no_code_of_a_subclass_runs_for_values():
    class Proud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_):
            raise AssertionError("was asked")

    with torch._C.DisableTorchFunctionSubclass():
        proud = torch.ones(2).as_subclass(Proud)

    assert values.look(proud, Fact(1, "x", "Proud", "float32", (2,), strides=(1,))) is None


def test_reading_values_starts_no_operation_of_torch():
    tensors = [value for value, _ in VALUES.values() if type(value) is torch.Tensor and value.layout == torch.strided]
    facts = []
    for tensor in tensors:
        tracker = Tracker({"x": tensor})
        tracker.changes(1)
        facts.append(tracker.known["x"][1])

    with torch.profiler.profile() as profile:
        looked = [values.look(tensor, fact) for tensor, fact in zip(tensors, facts, strict=True)]
        for array, fact in zip(looked, facts, strict=True):
            if array is not None:
                values.text_of(array, fact.dtype)

    assert [event.name for event in profile.events() if event.name.startswith("aten::")] == []


def test_values_are_said_again_only_where_they_changed():
    x = torch.zeros(2)
    tracker = Tracker({"x": x, "y": x.view(2, 1), "other": torch.ones(1)})
    tracker.changes(1)
    first = [seen.name for seen in tracker.take()]

    tracker.changes(2)
    quiet = tracker.take()
    x.data[0] = 5
    tracker.changes(3)

    assert first == ["x", "y", "other"]
    assert quiet == ()
    assert [(seen.statement, seen.name, seen.text) for seen in tracker.take()] == [
        (3, "x", "[5.0, 0.0]"),
        (3, "y", "[[5.0],\n [0.0]]"),
    ]


def test_a_changed_state_in_a_transcript_is_drift(site, tmp_path):
    project = copied(site, tmp_path)
    project.replace("snippets/states.cpu.txt", "strides (1, 3)", "strides (3, 1)")

    checked = project.run("torchproof", "check")

    assert checked.returncode == 1
    assert re.search(r"^[ |]*-~ 3 turned .*strides \(3, 1\)", checked.stdout, re.M), checked.stdout
    assert re.search(r"^[ |]*\+~ 3 turned .*strides \(1, 3\)", checked.stdout, re.M), checked.stdout


def copied(site, folder):
    """The site's sources in another folder."""
    project = Project(folder)
    pages = ("docs/index.md", "docs/states.md", "docs/part.md")
    for file in ("mkdocs.yml", *pages, "snippets/states.py", "snippets/states.cpu.txt"):
        project.write(file, site.read(file))
    return project


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"offset": 3}, {"offset": "starts at place 3"}),
        ({"storage": 1}, {"storage": "storage of 1 number"}),
        ({"strides": (1, 4), "in_bytes": True}, {"strides": "(1, 4) bytes"}),
        ({"order": "contiguous"}, {"order": "in one run (contiguous)"}),
        ({"same": ("a",)}, {"same": "the same object: a"}),
        ({"same": ("a",), "shares": ("b",)}, {"shares": "b; the same object: a", "same": ""}),
        ({"device": "cuda:0", "layout": "sparse_coo"}, {"device": "cuda:0", "layout": "sparse_coo"}),
        ({"type": "Parameter", "dtype": "int8"}, {"dtype": "Parameter int8"}),
    ],
    ids=lambda value: ", ".join(value),
)
def test_a_state_is_said_in_a_readers_words_and_no_field_twice(fields, says):
    assert _said(Fact(1, "x", **fields)) == {"name": "x", "dtype": "", **says}
