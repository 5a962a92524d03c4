"""Inside dtypes: the map of promotions, gaps between floats, and dtypes for storage."""

# %% Every pair of dtypes tags=["hide-input"]
import torch

dtypes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
dtypes += [torch.float16, torch.bfloat16, torch.float32, torch.float64]
dtypes += [torch.complex64, torch.complex128]


def short(dtype):
    return str(dtype).removeprefix("torch.")


letters = {torch.bool: "bool", torch.uint8: "u8", torch.bfloat16: "bf16"}
for dtype in dtypes:
    brief = short(dtype)[0] + str(8 * dtype.itemsize)
    letters.setdefault(dtype, brief)

print(" " * 5 + "".join(f"{letters[b]:>5}" for b in dtypes))
for a in dtypes:
    row = [letters[torch.promote_types(a, b)] for b in dtypes]
    print(f"{letters[a]:5}" + "".join(f"{name:>5}" for name in row))


# %% Arrows from small to large tags=["hide-input"]
def fits(a, b):
    return torch.promote_types(a, b) == b


def is_arrow(a, b):
    between = [c for c in dtypes if c not in (a, b) and fits(a, c) and fits(c, b)]
    return a != b and fits(a, b) and not between


arrows = [(a, b) for a in dtypes for b in dtypes if is_arrow(a, b)]
print(len(arrows))

# %% The table is a map tags=["hide-input"]
import matplotlib.pyplot as plt

depth = {torch.bool: 0}
for _ in dtypes:
    for a, b in arrows:
        if a in depth:
            depth[b] = max(depth.get(b, 0), depth[a] + 1)
place = {}
for level in set(depth.values()):
    column = [dtype for dtype in dtypes if depth[dtype] == level]
    for i, dtype in enumerate(column):
        place[dtype] = (level, i - (len(column) - 1) / 2)

fig, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
for a, b in arrows:
    (x1, y1), (x2, y2) = place[a], place[b]
    axes.plot([x1, x2], [y1, y2], color="C0")
axes.plot(*zip(*place.values()), "o", color="C1")
for dtype, (x, y) in place.items():
    above = 14 if y == 0 else 32 * y - 6
    label = {"xytext": (0, above), "textcoords": "offset points"}
    axes.annotate(short(dtype), (x, y), ha="center", size="small", **label)
axes.set(xlabel="steps from bool", yticks=[], ylim=(-1, 1), xlim=(-0.6, 8.9))
axes.set_title("Two dtypes meet at the first place that both reach")
plt.show()


# %% The rule as a function
def kind(dtype):
    if dtype.is_complex:
        return 3
    if dtype.is_floating_point:
        return 2
    return 0 if dtype == torch.bool else 1


def rank(operand):
    if isinstance(operand, torch.Tensor):
        return 2 if operand.dim() > 0 else 1
    return 0


def promote(a, b):
    if rank(a) < rank(b):
        a, b = b, a
    strong, weak = torch.as_tensor(a).dtype, torch.as_tensor(b).dtype
    if rank(a) == rank(b):
        return torch.promote_types(strong, weak)
    if kind(weak) <= kind(strong):
        return strong
    if kind(strong) == 2:
        return strong.to_complex()
    return torch.promote_types(strong, weak)


# %% Every pair of operands
tensors = [torch.ones(2, dtype=dtype) for dtype in dtypes]
tensors += [torch.ones((), dtype=dtype) for dtype in dtypes]
pairs = [(a, b) for a in tensors for b in tensors + [True, 1, 1.0, 1j]]
agreed = [promote(a, b) == torch.result_type(a, b) for a, b in pairs]
print(f"{sum(agreed)} of {len(agreed)}")

# %% The limit that is itself too big
limit = 2**31 - 1  # the largest int32
huge = torch.tensor([3e9])
print(f"{huge.clamp(max=limit).item() = :.0f}")
print(f"{limit = }")
print(huge.double().clamp(max=limit).int())

# %% Gaps double with every power tags=["hide-input"]
sizes = 2.0 ** torch.arange(-6, 26)
fig, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for dtype in (torch.bfloat16, torch.float16, torch.float32):
    start = sizes.to(dtype)
    start = start[start.isfinite()]
    above = torch.nextafter(start, torch.full_like(start, torch.inf))
    finite = above.isfinite()
    gaps = (above.double() - start.double())[finite]
    axes.step(start[finite].double(), gaps, where="post", label=short(dtype))
axes.axhline(1, linestyle=":", color="C3")
axes.set_xscale("log", base=2)
axes.set_yscale("log", base=2)
axes.set(xlabel="number", ylabel="gap to the next one", title="Where counting ends")
axes.legend()
plt.show()

# %% One byte, 253 numbers
codes = torch.arange(256, dtype=torch.uint8)
for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
    numbers = codes.view(dtype).float()
    kept = numbers[numbers.isfinite()].unique()
    after_one = kept[kept > 1][0] - 1
    print(short(dtype), kept.numel(), kept.max().item(), after_one.item())

# %% Past the edge
for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.float16):
    print(short(dtype), torch.tensor([1e6]).to(dtype).float())

# %% What storage dtypes can do tags=["hide-input"]
storage = [torch.uint16, torch.uint32, torch.float8_e4m3fn, torch.float8_e5m2]


def who_can(operation):
    """The names of those dtypes whose numbers get through the operation."""
    able = []
    for dtype in storage:
        try:
            operation(torch.ones(2).to(dtype))
            able.append(short(dtype))
        except RuntimeError:
            pass
    return able


# %% Created, not added tags=["raises-exception"]
depth_map = torch.tensor([1000, 40000], dtype=torch.uint16)
depth_map + depth_map


# %% Exercise: find the meeting place tags=["exercise"]
def meet(a, b):
    """The promoted dtype, from the list of arrows alone."""
    return max(a, b, key=lambda dtype: depth[dtype])


for a in dtypes:
    for b in dtypes:
        assert meet(a, b) == torch.promote_types(a, b), (a, b)


# %% Solution: find the meeting place tags=["solution"]
def reachable(dtype):
    found = {dtype}
    for _ in dtypes:
        found |= {b for a, b in arrows if a in found}
    return found


def meet(a, b):
    """The promoted dtype, from the list of arrows alone."""
    common = reachable(a) & reachable(b)
    return max(common, key=lambda dtype: len(reachable(dtype)))


for a in dtypes:
    for b in dtypes:
        assert meet(a, b) == torch.promote_types(a, b), (a, b)


# %% Wrong: the one with more bytes tags=["wrong"]
def meet(a, b):
    return max(a, b, key=lambda dtype: dtype.itemsize)


# %% Wrong: one of the two tags=["wrong"]
def meet(a, b):
    return a if a in reachable(b) else b


# %% Exercise: bfloat16 by hand tags=["exercise"]
def round_to_bfloat16(x):
    """The float32 numbers x, rounded to what bfloat16 can hold."""
    bits = x.view(torch.int32)
    return (bits >> 16 << 16).view(torch.float32)


generator = torch.Generator().manual_seed(0)
draws = torch.randn(10_000, generator=generator)
ties = torch.tensor([257.0, 259.0, -257.0])  # halfway between two
tiny = draws * 1e-39  # with fewer digits, as the exponent ends
for x in (draws, ties, tiny):
    wrong = round_to_bfloat16(x) != x.bfloat16().float()
    assert not wrong.any(), f"{int(wrong.sum())} wrong"


# %% Solution: bfloat16 by hand tags=["solution"]
def round_to_bfloat16(x):
    """The float32 numbers x, rounded to what bfloat16 can hold."""
    bits = x.view(torch.int32)
    odd = bits >> 16 & 1
    return (bits + 32767 + odd >> 16 << 16).view(torch.float32)


for x in (draws, ties, tiny):
    wrong = round_to_bfloat16(x) != x.bfloat16().float()
    assert not wrong.any(), f"{int(wrong.sum())} wrong"


# %% Wrong: ties go up tags=["wrong"]
def round_to_bfloat16(x):
    bits = x.view(torch.int32)
    return (bits + 32768 >> 16 << 16).view(torch.float32)


# %% Wrong: eight digits at every size tags=["wrong"]
def round_to_bfloat16(x):
    fraction, exponent = torch.frexp(x)
    return torch.ldexp((fraction * 256).round() / 256, exponent)


# %% Wrong: through float16 tags=["wrong"]
def round_to_bfloat16(x):
    return x.half().float()


# %% Exercise: read an 8-bit float tags=["exercise"]
def read_e4m3fn(codes):
    """What bytes mean as float8_e4m3fn, without that dtype."""
    codes = codes.int()
    sign, exponent, digits = 1 - 2 * (codes >> 7), codes >> 3 & 15, codes & 7
    return sign * (1 + digits / 8) * 2.0 ** (exponent - 7)


expected = codes.view(torch.float8_e4m3fn).float()
made = read_e4m3fn(codes)
agreed = (made == expected) | (made.isnan() & expected.isnan())
assert agreed.all(), codes[~agreed].tolist()


# %% Solution: read an 8-bit float tags=["solution"]
def read_e4m3fn(codes):
    """What bytes mean as float8_e4m3fn, without that dtype."""
    codes = codes.int()
    sign, exponent, digits = 1 - 2 * (codes >> 7), codes >> 3 & 15, codes & 7
    normal = (1 + digits / 8) * 2.0 ** (exponent - 7)
    small = digits / 8 * 2.0**-6
    size = torch.where(exponent == 0, small, normal)
    size[codes & 127 == 127] = torch.nan
    return sign * size


made = read_e4m3fn(codes)
agreed = (made == expected) | (made.isnan() & expected.isnan())
assert agreed.all(), codes[~agreed].tolist()


# %% Wrong: no number is NaN tags=["wrong"]
def read_e4m3fn(codes):
    codes = codes.int()
    sign, exponent, digits = 1 - 2 * (codes >> 7), codes >> 3 & 15, codes & 7
    normal = (1 + digits / 8) * 2.0 ** (exponent - 7)
    return sign * torch.where(exponent == 0, digits / 8 * 2.0**-6, normal)


# %% Wrong: the top exponent is NaN tags=["wrong"]
def read_e4m3fn(codes):
    codes = codes.int()
    sign, exponent, digits = 1 - 2 * (codes >> 7), codes >> 3 & 15, codes & 7
    size = torch.where(exponent == 0, digits / 8 * 2.0**-6, (1 + digits / 8) * 2.0 ** (exponent - 7))
    size[exponent == 15] = torch.nan
    return sign * size
