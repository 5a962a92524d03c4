"""The same book by ten tools: what each notices, and how long each takes."""

# %% What was measured tags=["hide-input"]
import json
from pathlib import Path
from statistics import median

measured = json.loads(Path("others.json").read_text(encoding="utf-8"))
made, failed, tools = measured["made"], measured["failed"], measured["tools"]
notices, shows = measured["strictness"]["notices"], measured["strictness"]["shows"]
speed = {(one["tool"], one["chapters"], one["state"]): one for one in measured["growth"] + measured["speed"]}


def cpu(tool, chapters, state="cold"):
    """Seconds of processor time, the median of the rounds."""
    return median(speed[tool, chapters, state]["cpu"])


common = max(chapters for tool, chapters, _ in speed if tool == "nbclient")
used = {tool: cpu(tool, common) for tool in tools if (tool, common, "cold") in speed}

# %% What each notices tags=["hide-input"]
from grid import Grid, alike

rows = []
for names, answer in alike(notices).items():
    noticed = [change if said == "yes" else f"{change} ({said})" for change, said in answer.items() if said != "no"]
    missed = [change for change, said in answer.items() if said == "no"]
    missed = missed if noticed else ["all of them"]
    rows.append([names, ", ".join(noticed) or "nothing", ", ".join(missed) or "nothing"])
Grid(["tool", "noticed", "not noticed"], rows)

# %% Processor time for the same chapters tags=["hide-input"]
import matplotlib.pyplot as plt

order = sorted(used, key=used.get, reverse=True)
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.barh(order, [used[tool] for tool in order])
ax.set_xlabel(f"seconds of processor time for {common} chapters")
plt.show()

# %% What a reader sees tags=["hide-input"]
sights = list(shows["torchproof"])
Grid(["tool", *sights], [[tool, *(shows[tool][sight] for sight in sights)] for tool in shows if tool != "MkDocs"])

# %% Seconds for the same chapters tags=["hide-input"]
rows = []
for (tool, chapters, state), one in speed.items():
    if chapters == common:
        times = cpu(tool, chapters, state) / used["MkDocs"]
        spread = f"{min(one['seconds']):.1f} to {max(one['seconds']):.1f} s"
        rows.append(
            [tool, state, f"{median(one['seconds']):.1f} s", spread, f"{median(one['cpu']):.1f} s", f"{times:.1f}"]
        )
Grid(["tool", "run", "waited", "from, to", "processor time", "times plain MkDocs"], rows)

# %% As a book grows tags=["hide-input"]
rows = []
for (tool, chapters, state), one in sorted(speed.items(), key=lambda item: item[0][1]):
    if tool in ("torchproof", "MkDocs"):
        each = f"{1000 * median(one['cpu']) / chapters:.0f} ms"
        rows.append([str(chapters), tool, state, f"{median(one['seconds']):.1f} s", each])
for one in measured["cluster"]:
    workers = f"torchproof, Dask workers: {one['workers']}"
    rows.append([str(one["chapters"]), workers, "cold", f"{median(one['seconds']):.1f} s", "not measured"])
Grid(["chapters", "tool", "run", "waited", "processor time for each chapter"], rows)

# %% The book itself tags=["hide-input"]
rows = [
    [one["tool"], f"{median(one['seconds']):.0f} s", f"{median(one['cpu']):.0f} s", one["said"].strip("= ")]
    for one in measured["book"]
]
Grid(["tool", "waited", "processor time", "its last line"], rows or [["not measured", "", "", ""]])

# %% How busy the machine was tags=["hide-input"]
rows = []
for part, with_what in made.items():
    loads = [load for one in measured[part] for load in one["load"]] if part != "strictness" else []
    load = f"{min(loads):.1f} to {max(loads):.1f}" if loads else "does not matter"
    rounds = with_what["rounds"] if loads else 1
    rows.append([part, str(with_what["cores"]), str(rounds), f"{with_what['minutes']} minutes", load])
Grid(["part", "cores", "rounds", "took", "load when a run began"], rows)

# %% What is typed tags=["hide-input"]
rows = []
for tool, told in tools.items():
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    rows.append([tool, told["first"] or "nothing", told["call"], versions])
Grid(["tool", "once, before", "measured", "versions"], rows)

# %% What is missing tags=["hide-input"]
rows = [[tool, said] for tool, said in failed.items()]
rows += [[tool, "how long it takes"] for tool in tools if tool not in used and tool not in failed]
rows += [[tool, "what it notices"] for tool in tools if tool not in notices and tool not in failed]
rows += [[part, "all of it"] for part in ("growth", "cluster", "book") if not measured[part]]
Grid(["of", "is missing, or failed with"], rows or [["nothing", ""]])
