"""Exercises: the build tries each with its solution, which must pass, and with wrong answers, which must not."""

import json

import pytest
from conftest import Project, commit_transcripts, write_small_site
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.model.runs import Claim, Job, Step
from torchproof.run.runner import Runner

SNIPPET = """\
# %% Numbers
numbers = [3, 1, 2]

# %% Exercise: the largest tags=["exercise"]
def largest(values):
    raise NotImplementedError("yours to write")


found = largest(numbers)
assert found == 3
assert largest([0, 5]) == 5

# %% Wrong: a constant tags=["wrong"]
def largest(values):
    return 3

# %% Solution: the largest tags=["solution"]
def by_size(values):
    return sorted(values)


def largest(values):
    return by_size(values)[-1]


found = largest(numbers)
assert found == 3

# %% Wrong: the last one tags=["wrong"]
def by_size(values):
    return values


def largest(values):
    return by_size(values)[-1]

# %% Exercise: two functions tags=["exercise"]
bound = 7


def double(x):
    raise NotImplementedError("yours to write")


def halve(x):
    raise NotImplementedError("yours to write")


for n in range(bound):
    assert halve(double(n)) == n
    assert double(n) == n + n

# %% Solution: two functions tags=["solution"]
def double(x):
    return 2 * x


def halve(x):
    return x // 2


for n in range(bound):
    assert halve(double(n)) == n

# %% Wrong: the identity tags=["wrong"]
def halve(x):
    return x

# %% Afterwards
print(found, largest([1, 2]), by_size([2, 1]))
"""

PAGE = "# Exercises\n" + "".join(
    f"\n```cell\ntried#{slug}\n```\n"
    for slug in (
        "numbers",
        "exercise-the-largest",
        "solution-the-largest",
        "exercise-two-functions",
        "solution-two-functions",
        "afterwards",
    )
)


def write_exercises(project):
    write_small_site(project)
    project.write("snippets/tried.py", SNIPPET)
    project.write("docs/tried.md", PAGE)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("exercises") / "site")
    write_exercises(project)
    commit_transcripts(project)
    return project


@pytest.fixture(scope="module")
def problems(template):
    """`problems(old, new)` is what is wrong with the chapter, drift aside, with one place of its snippet changed."""
    with Runner(template.root, cached=True) as runner:

        def found(old="", new=""):
            template.replace("snippets/tried.py", old, new)
            try:
                site = Site.read(template.root)
                told = [problem for problem in site.problems if problem.chapter == "tried"]
                return [*told, *(p for p in check_chapter(site, runner, "tried").problems if not p.acceptable)]
            finally:
                template.write("snippets/tried.py", SNIPPET)

        yield found


def test_an_exercise_that_refuses_wrong_answers_and_takes_its_solution_is_right(problems):
    assert problems() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "assert largest([0, 5]) == 5",
            "",
            "snippets/tried.py:13: the exercise 'exercise-the-largest' accepts the wrong answer 'wrong-a-constant'; "
            "make its asserts refuse it",
        ),
        (
            "    assert halve(double(n)) == n\n    assert",
            "    assert",
            "the exercise 'exercise-two-functions' accepts the wrong answer 'wrong-the-identity'",
        ),
        (
            "== n + n",
            "== n + 1",
            "the exercise 'exercise-two-functions' refuses its own solution 'solution-two-functions': AssertionError",
        ),
        (
            "return by_size(values)[-1]\n\n\nfound = largest(numbers)\nassert found == 3",
            "return by_size(values)[0] + 2\n\n\nfound = largest(numbers)\nassert found == 3",
            "the exercise 'exercise-the-largest' refuses its own solution 'solution-the-largest': AssertionError",
        ),
        (
            "    return 3",
            "    return three",
            "the wrong answer 'wrong-a-constant' is not judged by its exercise 'exercise-the-largest': "
            "NameError: name 'three' is not defined",
        ),
        (
            "    return 3",
            "    import math\n    return math.larges(values)",
            "the wrong answer 'wrong-a-constant' is not judged by its exercise 'exercise-the-largest': AttributeError",
        ),
        (
            'tags=["wrong"]\ndef halve(x)',
            'tags=["wrong"]\ndef have(x)',
            "the wrong answer 'wrong-the-identity' binds nothing that the exercise 'exercise-two-functions' binds; "
            "answer one of: bound, double, halve",
        ),
        (
            "# %% Numbers",
            '# %% Wrong: too early tags=["wrong"]\ndef halve(x):\n    return x\n\n# %% Numbers',
            "the wrong answer 'wrong-too-early' stands above every exercise; put it below the one that it answers",
        ),
        (
            "range(bound):\n    assert halve(double(n)) == n\n    assert",
            "range(found + largest([bound])):\n    assert halve(double(n)) == n\n    assert",
            "the exercise 'exercise-two-functions' needs what only another exercise or its solution binds; "
            "bind in this cell: found, largest",
        ),
    ],
    ids=[
        "accepts a constant",
        "accepts one of two",
        "refuses its solution",
        "a solution that passes its own asserts only",
        "a slip in a wrong answer",
        "another slip in it",
        "a wrong answer to nothing",
        "a wrong answer above all",
        "needs another exercise",
    ],
)
def test_an_exercise_that_does_not_is_told(problems, old, new, told):
    said = problems(old, new)

    assert [told in str(problem) for problem in said] == [True], "\n".join(map(str, said))


def test_what_other_cells_bind_too_an_exercise_may_use(problems):
    assert problems("numbers = [3, 1, 2]\n", "numbers = [3, 1, 2]\nbound = 7\n") == []
    assert problems("bound = 7\n\n\n", "assert numbers\nbound = 7\n\n\n") == []


def test_trying_answers_changes_nothing_for_the_cells_below(template):
    transcript = template.read("snippets/tried.cpu.txt")

    assert "%% afterwards\n| 3 2 [1, 2]\n" in transcript
    assert "%% exercise-the-largest\nx statement 2\nx NotImplementedError: yours to write\n" in transcript


def test_a_trial_finds_the_files_of_its_session_and_leaves_none(template):
    writing = "def largest(values):\n    open('left', 'a').write('x')\n    assert open('kept').read() == 'k'\n"
    template.replace("snippets/tried.py", "def largest(values):\n    return by_size", f"{writing}    return by_size")
    template.replace("snippets/tried.py", "2]\n", "2]\nopen('kept', 'w').write('k');\n")
    look = "import os\n\nprint(sorted(os.listdir()), open('left').read())"
    template.replace("snippets/tried.py", "print(found", f"{look}\nprint(found")
    try:
        with Runner(template.root) as runner:
            done = check_chapter(Site.read(template.root), runner, "tried")
    finally:
        template.write("snippets/tried.py", SNIPPET)

    assert "| ['kept', 'left'] x\n" in done.merged, "one for the call in the solution's cell"
    assert not [problem for problem in done.problems if not problem.acceptable]


def test_each_trial_finds_the_folder_as_the_session_left_it(tmp_path):
    tried = ["open('left', 'x').close()", "open('kept', 'r+').write('K')", "os.unlink('link')", "shutil.rmtree('in')"]
    tried += ["os.rename('in', 'kept.d')", "open('in/a/b', 'w').write('B')", "open('in/a/c', 'x').close()"]
    tried += ["os.unlink('kept'); os.mkdir('kept')", "shutil.rmtree(os.getcwd())"]
    found = "assert sorted(os.listdir()) == ['in', 'kept', 'link'] and os.listdir('in/a') == ['b']"
    found += (
        "; assert [open(file).read() for file in ('kept', 'link', 'in/a/b')] == ['k', 'k', 'b'] and os.readlink('link')"
    )
    tried = [f"import os, shutil; {found}; {deed}" for deed in (*tried, "pass")]
    lies = "import os; os.makedirs('in/a'); open('in/a/b', 'w').write('b'); os.symlink('kept', 'link'); "
    steps = (
        Step("kept", f"{lies}_ = open('kept', 'w').write('k')", 1, False),
        Step("tried", "print(sorted(os.listdir()))", 4, False, trials=tuple(Claim("trial", code) for code in tried)),
    )
    with Runner(tmp_path, cached=False) as runner:
        run = runner.run(Job("x.py", "", steps, "cpu"))

    assert [result.problem for result in run.cells["tried"].measured] == [""] * len(tried)
    assert run.cells["tried"].outputs[0].text == "['in', 'kept', 'link']\n"


def test_nothing_shows_a_wrong_answer(template):
    done = template.run("torchproof", "notebooks", "taken")

    assert done.returncode == 0, done.stdout
    taken = [path.read_text(encoding="utf-8") for path in sorted((template.root / "taken").glob("tried*"))]
    assert len(taken) == 3
    assert "wrong" not in "".join(taken).lower()
    assert "wrong" not in template.read("snippets/tried.cpu.txt")
    assert any("by_size" in "".join(cell["source"]) for cell in json.loads(taken[1])["cells"])


def test_a_page_cannot_embed_a_wrong_answer(problems, template):
    template.write("docs/tried.md", f"{PAGE}\n```cell\ntried#wrong-a-constant\n```\n")
    try:
        assert any("has no cell 'wrong-a-constant'" in problem.message for problem in problems())
    finally:
        template.write("docs/tried.md", PAGE)


def test_a_walk_through_tries_its_exercises_and_shows_no_wrong_answer(template):
    prose = "# %% [markdown]\n# # A walk\n#\n"
    template.write("docs/walks/walk.py", prose + SNIPPET.replace("assert largest([0, 5]) == 5", ""))

    site = Site.read(template.root)
    with Runner(template.root) as runner:
        told = [p.message for p in check_chapter(site, runner, "walks/walk").problems if not p.acceptable]

    (template.root / "docs/walks/walk.py").unlink()
    assert "wrong" not in site.pages["walks/walk"].text
    assert [message.partition("'; make")[0] for message in told] == [
        "the exercise 'exercise-the-largest' accepts the wrong answer 'wrong-a-constant"
    ]
