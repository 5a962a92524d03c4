"""What a drawing shows, measured from live tensors inside the session.

Each kind takes the text of its fence, evaluates it in the session's namespace and returns plain data:
the transcript records it as facts (`@` lines), and `draw.py` makes the picture from it and nothing else.
"""

import ast
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["KINDS", "measure"]

ELEMENTS = 64
"""The most elements that a drawing shows; more would be a texture, not an explanation."""

NODES = 24
"""The most nodes of a graph."""


def measure(kind: str, source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Measure one drawing.

    Raises:
        ValueError: the tensors cannot be drawn so; says which, and what to do.
        Exception: whatever evaluating the expressions raises.
    """
    tree = ast.parse(source.strip(), "<drawing>", "eval").body
    nodes = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    names = [ast.unparse(node) for node in nodes]
    values = [eval(compile(ast.Expression(node), "<drawing>", "eval"), namespace) for node in nodes]
    torch = sys.modules.get("torch")
    for name, value in zip(names, values, strict=True):
        if torch is None or not isinstance(value, torch.Tensor):
            raise ValueError(f"{name} is no tensor but {type(value).__name__}")
    return KINDS[kind](names, values, namespace)


def _memory(names: list[str], tensors: list[Any], _: dict[str, Any]) -> dict[str, Any]:
    """Several walks over one storage: its numbers, and each tensor's shape, strides and offset."""
    first = tensors[0]
    storage = first.untyped_storage()
    held = storage.nbytes() // first.element_size()
    for name, tensor in zip(names, tensors, strict=True):
        if tensor.untyped_storage().data_ptr() != storage.data_ptr() or tensor.dtype != first.dtype:
            raise ValueError(f"{name} and {names[0]} do not share a storage and a dtype; draw them in two fences")
        if tensor.ndim > 4 or max(held, tensor.numel()) > ELEMENTS:
            size = f"{tensor.ndim} dimensions, {tensor.numel()} elements, a storage of {held}"
            raise ValueError(f"{name} has {size}; a memory drawing takes 4 dimensions and {ELEMENTS} elements")
    flat = first.detach().as_strided((held,), (1,), 0).tolist()
    views = [
        {"name": name, "shape": list(t.shape), "strides": list(t.stride()), "offset": t.storage_offset(),
         "contiguous": t.is_contiguous()}
        for name, t in zip(names, tensors, strict=True)
    ]  # fmt: skip
    lines = [f"storage {' '.join(map(_number, flat))}"]
    for view in views:
        layout = "contiguous" if view["contiguous"] else "not contiguous"
        where = f"strides {tuple(view['strides'])}  offset {view['offset']}"
        lines.append(f"{view['name']}  shape {tuple(view['shape'])}  {where}  {layout}")
    dtype = str(first.dtype).removeprefix("torch.")
    return {"dtype": dtype, "storage": [_number(value) for value in flat], "views": views, "lines": lines}


def _broadcast(names: list[str], tensors: list[Any], _: dict[str, Any]) -> dict[str, Any]:
    """How shapes align from the right, and which axes repeat."""
    if len(tensors) < 2:
        raise ValueError("broadcasting takes two tensors or more, separated by commas")
    shapes = [list(tensor.shape) for tensor in tensors]
    try:
        result = list(sys.modules["torch"].broadcast_shapes(*shapes))
    except RuntimeError as error:
        raise ValueError(f"{', '.join(names)} do not broadcast: {error}") from None
    lines = [f"{name}  shape {tuple(shape)}" for name, shape in zip(names, shapes, strict=True)]
    data = {"names": names, "shapes": shapes, "result": result, "lines": [*lines, f"result shape {tuple(result)}"]}
    count = 1
    for size in result:
        count *= size
    if len(result) <= 2 and count <= ELEMENTS:
        data["values"] = [[_number(v) for v in t.detach().flatten().tolist()] for t in tensors]
        data["lines"] += [f"{name}  {' '.join(values)}" for name, values in zip(names, data["values"], strict=True)]
    return data


def _graph(names: list[str], tensors: list[Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """The graph behind a result: what made it, from what, what each step saved, and which leaves get a `.grad`."""
    root, tensor = names[0], tensors[0]
    if len(tensors) > 1 or tensor.grad_fn is None:
        raise ValueError(f"{', '.join(names)}: a graph starts at one tensor that has a grad_fn")
    known = {id(value): name for name, value in namespace.items() if not name.startswith("_")}
    nodes = [{"label": root, "kind": "root", "shape": list(tensor.shape), "saved": []}]
    edges: list[list[int]] = []
    places: dict[Any, int] = {}

    def visit(function: Any) -> int:
        if function in places:
            return places[function]
        place = places[function] = len(nodes)
        if place >= NODES:
            raise ValueError(f"the graph of {root} has more than {NODES} nodes; draw a part of it")
        leaf = getattr(function, "variable", None)
        if leaf is not None:
            nodes.append(
                {"label": known.get(id(leaf), "a leaf"), "kind": "leaf", "shape": list(leaf.shape), "saved": []}
            )
            return place
        name = function.name().rpartition("::")[2]
        nodes.append({"label": name, "kind": "op", "shape": [], "saved": _saved(function)})
        for above, _ in function.next_functions:
            if above is not None:
                edges.append([place, visit(above)])
        return place

    edges.insert(0, [0, visit(tensor.grad_fn)])
    lines = [_node_line(node) for node in nodes]
    lines += [f"{nodes[a]['label']} → {nodes[b]['label']}" for a, b in edges]
    return {"nodes": nodes, "edges": edges, "lines": lines}


def _saved(function: Any) -> list[str]:
    """What a node keeps for its backward, as `name (shape)`; freed ones are gone."""
    kept = []
    for name in sorted(name for name in dir(function) if name.startswith("_saved_")):
        try:
            value = getattr(function, name)
        except RuntimeError:  # freed by a backward
            continue
        if isinstance(value, sys.modules["torch"].Tensor):
            kept.append(f"{name.removeprefix('_saved_')} {tuple(value.shape)}")
    return kept


def _node_line(node: dict[str, Any]) -> str:
    shape = f"  shape {tuple(node['shape'])}" if node["kind"] != "op" else ""
    saved = f"  saves {', '.join(node['saved'])}" if node["saved"] else ""
    return f"{node['kind']} {node['label']}{shape}{saved}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


KINDS: dict[str, Callable[[list[str], list[Any], dict[str, Any]], dict[str, Any]]] = {
    "memory": _memory,
    "broadcast": _broadcast,
    "graph": _graph,
}
"""The kinds of drawings, by the name of their fence."""
