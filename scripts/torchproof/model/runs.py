"""What a session is asked to do (`Job`), what it says while it does it (the messages), and what came of it (`Run`)."""

from dataclasses import dataclass, field

from .drawings import KINDS, Data

__all__ = [
    "MARKS",
    "NOT_EVALUATED",
    "Beside",
    "CellRun",
    "Claim",
    "Died",
    "Ended",
    "Fact",
    "Figure",
    "Job",
    "Mark",
    "Measured",
    "Message",
    "Output",
    "Paused",
    "Rehearsed",
    "Rich",
    "Run",
    "Running",
    "Seen",
    "Slip",
    "Started",
    "Step",
    "Stopped",
    "Use",
    "Values",
]

# --- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """What a page asks of a session right after a cell."""

    kind: str
    """`proof`, `value`, one of `drawings.KINDS`, or `trial`: code to run, whose error is wanted."""
    source: str


@dataclass(frozen=True)
class Step:
    """One cell to run, and what to evaluate after it."""

    slug: str
    source: str
    line: int
    must_raise: bool
    claims: tuple[Claim, ...] = ()
    trials: tuple[Claim, ...] = ()
    """What to try before it, each by itself."""
    is_waiting: bool = False
    """Whether it exists on another device only; it is rehearsed, and does not run."""


@dataclass(frozen=True)
class Beside:
    """A module or a file that lies beside a snippet."""

    name: str
    """Under which a session finds it: its path from the folder in which it was found."""
    path: str
    """Relative to the project's root."""
    digest: str
    """Of what it holds."""


@dataclass(frozen=True)
class Job:
    """All that a session needs to know; nothing about pages."""

    file: str
    text: str
    steps: tuple[Step, ...]
    device: str
    folder: str = ""
    """Where it runs: its working folder, of its own."""
    root: str = ""
    """The project's folder."""
    is_fenced: bool = False
    """Whether the kernel is to keep it from writing elsewhere."""
    seed: int | None = None
    """Where unseeded random streams start, if not where they start by themselves."""
    asked: tuple[int, ...] = ()
    """Lines of the file where a comment says a shape."""
    memory: int = 2 << 30
    """Bytes that it may allocate."""
    seconds: float = 0
    """CPU time that it may take; 0 for what the project allows."""
    beside: tuple[Beside, ...] = ()
    """What it finds in its working folder."""
    pause: str = ""
    """The cell before which it stands by, to run that and the rest in copies of itself, if it can; else none."""


# --- what came of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """A kind of output: how a transcript begins its lines, and how page and notebook show it."""

    label: str
    """What a page writes over it."""
    style: str
    """The end of its CSS class."""
    jupyter: str
    """Jupyter's type of output, or name of the stream."""


MARKS = {
    "|": Mark("Output", "stdout", "stdout"),
    "!": Mark("Warning", "stderr", "stderr"),
    "=": Mark("Value", "value", "execute_result"),
    "x": Mark("Error", "error", "error"),
}
"""By the first character of a transcript's line. The other lines: `~` a fact, `#` a figure, `@` what was measured
for a page, `?` a proof (in a recording)."""


@dataclass(frozen=True)
class Rich:
    """A value's own form for readers."""

    kind: str
    """Its MIME type: HTML, Markdown, SVG, PNG or LaTeX."""
    data: str
    """As Jupyter stores it: a PNG in base64."""


@dataclass(frozen=True)
class Output:
    """One piece of what a cell printed, warned, showed or raised."""

    mark: str
    """One of `MARKS`."""
    text: str
    rich: Rich | None = None
    """What a page shows in place of the text, if the value has it."""


@dataclass(frozen=True)
class Fact:
    """The state of one tensor or array after the statement that created, rebound or changed it.

    Only what is discrete: values are `Values`. `compare/transcript.py` has the words of each field,
    `show/xray.py` its column.
    """

    statement: int
    """Statement of the cell, counted from 1; 0 where the cell is no Python."""
    name: str
    type: str = "Tensor"
    """The class."""
    dtype: str = ""
    shape: tuple[int | str, ...] = ()
    """A size that is none, as of a nested tensor, has a symbol: `j1`, `?`."""
    device: str = "cpu"
    layout: str = "strided"
    """torch's name of it; `opaque` for a tensor inside a transform, which has no state of its own."""
    strides: tuple[int, ...] | None = None
    """In elements (in bytes: see `in_bytes`); None where the layout has none."""
    in_bytes: bool = False
    """Whether the strides count bytes, as NumPy's do."""
    offset: int = 0
    """Elements of the storage before the first one."""
    storage: int | None = None
    """Elements that the storage holds, where they are not as many as the tensor's."""
    order: str = ""
    """`contiguous`, `channels_last` or `not contiguous`; empty where the layout has no strides."""
    requires_grad: bool = False
    leaf: bool = False
    """Said of tensors that require a gradient only: all others are leaves."""
    grad_fn: str = ""
    retains_grad: bool = False
    grad: str = ""
    """Dtype and shape of `.grad`, as `float32[2, 3]`; empty where there is none."""
    same: tuple[str, ...] = ()
    """Other names of this very object."""
    shares: tuple[str, ...] = ()
    """Names of other objects that read the same memory."""
    gone: bool = False
    """Whether the name is no longer bound to a tensor."""

    @property
    def sizes(self) -> str:
        """Dtype and shape with the class, unless that is Tensor: `int64[2, 3]`, `Parameter float32[]`."""
        text = f"{self.dtype}[{', '.join(map(str, self.shape))}]"
        return text if self.type == "Tensor" else f"{self.type} {text}"


@dataclass(frozen=True)
class Use:
    """Where a cell uses a name of torch."""

    name: str
    """Its whole name: `torch.Tensor.sum`, `torch.nn.Linear`."""
    line: int
    """Of the cell, counted from 1."""
    column: int
    """Where the name ends, in bytes."""


@dataclass(frozen=True)
class Seen:
    """The shapes of what came by at a line that was asked for."""

    line: int
    """Of the file."""
    shapes: tuple[tuple[tuple[int, ...], ...], ...]
    """Each time other ones: those of all the values, one for each."""


@dataclass(frozen=True)
class Values:
    """The numbers of a tensor or array after a statement, where they are other ones than before it.

    For readers of this build only: no transcript holds them, and nothing is compared.
    """

    statement: int
    name: str
    text: str
    """As `run/values.py` says them; empty where they cannot be read."""


@dataclass(frozen=True)
class Figure:
    """What a cell left open in pyplot."""

    lines: tuple[str, ...]
    """What is plotted, as facts."""
    svg: str


@dataclass(frozen=True)
class Measured:
    """What came of a claim."""

    kind: str
    source: str
    problem: str = ""
    """What is wrong: empty where a proof is true, where a fence has its data, and where a trial raises nothing."""
    data: Data | None = None

    @property
    def lines(self) -> list[str]:
        """What a transcript holds of it."""
        head = "table" if self.kind == "table" else f"{self.kind} {self.source}"  # a table's lines hold its source
        return [head, *(f"  {line}" for line in self.data.lines())]


NOT_EVALUATED = "was not evaluated"


@dataclass(frozen=True)
class CellRun:
    """What one cell did."""

    slug: str
    outputs: tuple[Output, ...] = ()
    facts: tuple[Fact, ...] = ()
    figures: tuple[Figure, ...] = ()
    statement: int = 0
    """Statement that raised, counted from 1; 0 when none did, or when the cell is no Python."""
    line: int = 0
    """Line of the cell that raised, counted from 1; 0 when none did. For messages: no transcript holds it."""
    measured: tuple[Measured, ...] = ()
    seconds: float = 0.0
    """Of CPU time."""
    values: tuple[Values, ...] = ()

    @property
    def error(self) -> str | None:
        """The type and message of what it raised; None when it raised nothing."""
        return next((output.text for output in self.outputs if output.mark == "x"), None)

    @property
    def proofs(self) -> tuple[Measured, ...]:
        return tuple(result for result in self.measured if result.kind == "proof")

    @property
    def drawings(self) -> tuple[Measured, ...]:
        """What was measured for the fences below it."""
        return tuple(result for result in self.measured if result.kind in KINDS)

    def result(self, kind: str, source: str) -> Measured:
        """What came of one claim."""
        found = (result for result in self.measured if (result.kind, result.source) == (kind, source))
        return next(found, Measured(kind, source, NOT_EVALUATED))


@dataclass(frozen=True)
class Died:
    """Why a session ended early, in the words of the person who wrote the snippet."""

    what: str
    why: str = ""
    cell: str | None = None
    """The cell that was running; empty before the first, None where no session was."""

    def __str__(self) -> str:
        where = {None: "", "": " before its first cell"}.get(self.cell, f" in the cell '{self.cell}'")
        return f"{self.what}{where}{self.why}"


@dataclass(frozen=True)
class Slip:
    """What is certain to go wrong with a cell that waits for its device."""

    message: str
    line: int = 0
    """Of the cell, counted from 1."""
    claim: str = ""
    """The source of the claim below the cell that it is about, if it is about one."""


@dataclass(frozen=True)
class Run:
    """What one session did."""

    cells: dict[str, CellRun] = field(default_factory=dict)
    died: Died | None = None
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python and what the session imported of torch, numpy and matplotlib."""
    provenance: dict[str, str] = field(default_factory=dict)
    """torch, and where it ran (see `Device.facts`)."""
    files: tuple[str, ...] = ()
    """Files that it read: of the project relative to the root, others by their whole path; none of the system's."""
    modules: tuple[str, ...] = ()
    """Top-level modules that it had imported."""
    names: dict[str, tuple[Use, ...]] = field(default_factory=dict)
    """What the cells use of torch, as far as it is known whose it is."""
    shapes: tuple[Seen, ...] = ()
    slips: dict[str, tuple[Slip, ...]] = field(default_factory=dict)
    """What is wrong with each cell that waits for its device."""

    @property
    def seconds(self) -> float:
        return sum(cell.seconds for cell in self.cells.values())


# --- what a session says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """The session's process is there."""

    pid: int


@dataclass(frozen=True)
class Running:
    """A cell begins; its `CellRun` follows."""

    slug: str


@dataclass(frozen=True)
class Paused:
    """The session stands by before the cell that its job names."""

    files: tuple[str, ...]
    """Files that it has read, as in `Run`."""


@dataclass(frozen=True)
class Rehearsed:
    """A cell of another device was read, and played on fake tensors."""

    slug: str
    slips: tuple[Slip, ...]


@dataclass(frozen=True)
class Stopped:
    """The session ends itself; `reason` says why."""

    reason: str


@dataclass(frozen=True)
class Ended:
    """The session's process is gone."""

    status: int
    """Exit status; below 0, the signal that killed it."""


Message = Started | Running | CellRun | Rehearsed | Paused | Stopped | Run | Ended
"""A `Run` without its cells says that they have all run."""
