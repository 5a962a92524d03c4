"""A comment that says a shape says the right one: what runs is asked."""

import ast
import builtins

import pytest
import torch
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.model.cells import Cell
from torchproof.read.shapes import shape_comments
from torchproof.run.runner import Runner
from torchproof.run.shapes import NOTE, Shapes


def said(source):
    """The shapes that comments of some code say."""
    return [comment.shapes for comment in shape_comments(Cell("A cell", "a-cell", source, 1))]


# --- what counts as one ---------------------------------------------------------------------------------------------

COMMENTS = {
    "(4, 1)": [("4", "1")],
    "(3,)": [("3",)],
    "()": [()],
    "(batch, time, channel)": [("batch", "time", "channel")],
    "(patch, colour * size * size)": [("patch", "colour * size * size")],
    "(…, query, key)": [("…", "query", "key")],
    "(16, ...)": [("16", "...")],
    "(4, 1), all right": [("4", "1")],
    "(3, 1), meant as (3,)": [("3", "1")],
    "(5, 3) each": [("5", "3")],
    "(32, 1, 8, 8), (32,)": [("32", "1", "8", "8"), ("32",)],
    "(example,), int64": [("example",)],
    "shape (2, 3)": [("2", "3")],
    "shape: (2, 3)": [("2", "3")],
    "torch.Size([2, 3])": [("2", "3")],
    "torch.Size([])": [()],
}


@pytest.mark.parametrize(("comment", "shapes"), COMMENTS.items(), ids=COMMENTS)
def test_a_tuple_at_the_head_of_a_comment_is_a_shape(comment, shapes):
    assert said(f"x = f()  # {comment}") == [tuple(shapes)]


@pytest.mark.parametrize(
    "code",
    [
        "x = f()  # (3)",
        "x = f()  # (as in NumPy)",
        "x = f()  # (the classes, on axis 1)",
        "x = f()  # (-1, 2)",
        "x = f()  # (0.5, 1.5)",
        "x = f()  # (3, 5)[0]",
        "x = f()  # (a, b)(c)",
        "x = f()  # of shape (2, 3)",
        "x = '# (2, 3)'",
        "# (2, 3)\nx = f()",
        "x = (  # (2, 3",
        "x = '",
    ],
)
def test_anything_else_is_words(code):
    assert said(code) == []


@pytest.mark.parametrize(
    ("comment", "shapes", "is_true"),
    [
        ("(4, 1)", [(4, 1)], True),
        ("(4, 1)", [(4, 2)], False),
        ("(4, 1)", [(4,)], False),
        ("(4, 1)", [(1, 4)], False),
        ("()", [()], True),
        ("()", [(1,)], False),
        ("(batch, 4)", [(7, 4)], True),
        ("(batch, 4)", [(7, 5)], False),
        ("(batch, 4)", [(7, 4, 1)], False),
        ("(size, size)", [(3, 3)], True),
        ("(size, size)", [(3, 4)], False),
        ("(…, 4)", [(1, 2, 4)], True),
        ("(…, 4)", [(4,)], True),
        ("(…, 4)", [(4, 3)], False),
        ("(3, …, 4)", [(4,)], False),
        ("(3, …)", [(3, 1, 1)], True),
        ("(5, 3) each", [(5, 3), (5, 3)], True),
        ("(5, 3) each", [(5, 3), (5, 4)], False),
        ("(2, 1), (2,)", [(2, 1), (2,)], True),
        ("(2, 1), (2,)", [(2, 1), (3,)], False),
        ("(2, 1), (2,)", [(2, 1)], False),
    ],
)
def test_a_comment_is_true_of_the_shapes_that_it_says(comment, shapes, is_true):
    (found,) = shape_comments(Cell("A cell", "a-cell", f"x  # {comment}", 1))

    assert found.is_true_of(tuple(shapes)) == is_true


# --- what is noted --------------------------------------------------------------------------------------------------


@pytest.fixture
def noted():
    """`noted(code)` is what is noted at the lines of some code with a comment, and the namespace that it leaves."""

    def run(code, about=""):
        lines = tuple(n for n, line in enumerate(code.split("\n"), 1) if "#" in line)
        shapes, namespace = Shapes(lines, about), {"torch": torch}
        for statement in ast.parse(code).body:
            exec(compile(ast.Module([shapes.watched(statement)], []), "a.py", "exec"), namespace)
        return {seen.line: seen.shapes for seen in shapes.seen()}, namespace

    yield run
    vars(builtins).pop(NOTE, None)


NOTED = {
    "an assignment": ("x = torch.ones(2, 3)  #", [((2, 3),)]),
    "two names": ("x, y = torch.ones(2), torch.ones(3, 1)  #", [((2,), (3, 1))]),
    "a list": ("x, y = [torch.ones(2), torch.ones(3, 1)]  #", [((2,), (3, 1))]),
    "an item": ("x = {}\nx[0] = torch.ones(4)  #", [((4,),)]),
    "what is printed": ("print(torch.ones(2, 3), 1)  #", [((2, 3),)]),
    "what is shown": ("torch.ones(2, 3)  #", [((2, 3),)]),
    "several lines": ("x = torch.ones(\n    2, 3\n)  #", [((2, 3),)]),
    "a tuple of sizes": ("x = torch.ones(2, 3).shape  #", [((2, 3),)]),
    "a loop": ("for n in range(1, 4):\n    x = torch.ones(n)  #", [((1,),), ((2,),), ((3,),)]),
    "a function": ("def f(n):\n    x = torch.ones(n)  #\n    return x.sum()\n\n\nf(3)", [((3,),)]),
    "what is returned": ("def f(n):\n    return n, torch.ones(n)  #\n\n\nf(3)", [((3,),)]),
    "an argument": ("def f(x):  #\n    '''Says.'''\n    return x.sum()\n\n\nf(torch.ones(3))", [((3,),)]),
    "a method's": ("class A:\n    def f(self, x):  #\n        return x\n\n\nA().f(torch.ones(3))", [((3,),)]),
    "a parameter": ("x = torch.nn.Parameter(torch.ones(2))  #", [((2,),)]),
    "an array": ("import numpy\nx = numpy.ones((2, 3))  #", [((2, 3),)]),
    "a vmapped one": ("def f(x):\n    y = x * 2  #\n    return y\n\n\ntorch.vmap(f)(torch.ones(5, 2))", [((2,),)]),
    "a number": ("x = 3  #", []),
    "an empty tuple": ("x = ()  #", []),
    "nothing": ("def f():\n    return  #\n\n\nf()", []),
    "a star": ("print(*torch.ones(2, 3))  #", []),
    "a line that never runs": ("if False:\n    x = torch.ones(2)  #", []),
}


@pytest.mark.parametrize(("code", "shapes"), NOTED.values(), ids=NOTED)
def test_the_shape_of_a_value_is_noted(noted, code, shapes, capsys):
    found, _ = noted(code)

    assert list(found.values()) == ([tuple(shapes)] if shapes else [])


def test_noting_changes_no_value_and_leaves_no_name(noted):
    found, namespace = noted("x = y = torch.ones(2)  #\nis_same = x is y")

    assert found
    assert namespace["is_same"]
    assert set(namespace) == {"torch", "x", "y", "is_same", "__builtins__"}


def test_noting_asks_a_subclass_nothing(noted):
    code = "class Loud(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, *more, **named):\n        raise SystemExit('asked')\n\n\n"
    found, _ = noted(f"{code}x = torch.Tensor._make_subclass(Loud, torch.ones(2))  #")

    assert list(found.values()) == [(((2,),),)]


def test_where_code_is_read_by_others_no_function_is_touched(noted):
    code = "def f(n):\n    return torch.ones(n)  #\n\n\nx = f(3)  #"

    assert list(noted(code)[0]) == [2, 5]
    assert list(noted(code, about="torch.compile(f)")[0]) == [5]


def test_a_loop_of_many_shapes_is_noted_some_times(noted):
    found, _ = noted("for n in range(1000):\n    x = torch.ones(n)  #")

    assert len(found[2]) == 20


# --- what is wrong --------------------------------------------------------------------------------------------------


def wrong(project):
    with Runner(project.root, cached=True) as runner:
        return [
            str(problem).partition(" (shown")[0]
            for problem in check_chapter(Site.read(project.root), runner, "a/b").problems
            if not problem.acceptable
        ]


def test_a_comment_that_says_another_shape_is_a_problem(small_site):
    small_site.replace("snippets/a/b.py", "# (3,)", "# (4,)")
    small_site.replace("snippets/a/b.py", "# (2, 1)", "# (column,)")
    small_site.replace("snippets/a/b.py", "column + row", "def f(n):\n    return row[:n]  # (3, 1)\n\n\nf(2), f(1)")

    assert wrong(small_site) == [
        "snippets/a/b.py:6: the comment says (4,), and the shape is (3,); correct the comment",
        "snippets/a/b.py:7: the comment says (column,), and the shape is (2, 1); correct the comment",
        "snippets/a/b.py:9: the comment says (3, 1), and the shape is (2,); correct the comment",
    ]


def test_comments_that_are_true_or_about_no_tensor_are_none(small_site):
    code = "def f(n):\n    return row[:n]  # (1,)\n\n\nf(2), f(1)\nsize = (3, 5)  # (3, 5)\nboth = [1, 2]  # (2, 1)\n"
    small_site.replace("snippets/a/b.py", "column + row", f"{code}raise ValueError  # (1, 2)")

    assert [said for said in wrong(small_site) if "comment" in said] == []


def test_check_accept_and_build_all_see_it(small_site):
    config = small_site.read("mkdocs.yml").replace("watch:", "plugins: [torchproof]\nwatch:")
    small_site.write("mkdocs.yml", config)
    small_site.replace("snippets/a/b.py", "# (3,)", "# (4,)")

    for command in ("torchproof accept", "torchproof check", "mkdocs build -q"):
        done = small_site.run(*command.split())

        assert done.returncode == 1, done.stdout
        assert "snippets/a/b.py:6: the comment says (4,), and the shape is (3,); correct the comment" in done.stdout
