"""Arithmetic, comparison, in-place: what is made new, what is changed."""

# %% Three spellings of a sum
import torch

monday = torch.tensor([1, 2, 3])
tuesday = torch.tensor([7, 8, 9])
print(monday + tuesday)
print(torch.add(monday, tuesday))
print(monday.add(tuesday))

# %% A new tensor, or the old one tags=["hide-input"]
import matplotlib.pyplot as plt

fig, axis = plt.subplots(figsize=(4.4, 2), layout="constrained")
for left, sign in ((0, "+"), (5, "+=")):
    first = monday.clone()
    answer = first + tuesday if sign == "+" else first.add_(tuesday)
    rows = [(0, monday, "C0"), (-1, tuesday, "0.5"), (-2.4, answer, "C0" if answer is first else "C1")]
    for y, row, color in rows:
        for turn, number in enumerate(row.tolist()):
            box = {"boxstyle": "square,pad=0.25", "facecolor": "none", "edgecolor": color}
            axis.text(left + turn, y, f"{number:2}", ha="center", va="center", family="monospace", bbox=box)
    axis.text(left - 1, -1, sign, ha="center", va="center", family="monospace", fontsize=13)
    words = "written into monday" if answer is first else "a new tensor"
    axis.text(left + 1, -3.3, words, ha="center", va="center", color=rows[-1][2])
axis.text(-1.7, 0, "monday", ha="right", va="center", color="C0")
axis.text(-1.7, -1, "tuesday", ha="right", va="center", color="0.5")
axis.set(xlim=(-4.2, 8), ylim=(-3.7, 0.6))
axis.set_axis_off()
plt.show()

# %% Element by element
print(tuesday - monday)
print(tuesday * monday)
print(tuesday / monday)
print(tuesday**monday)

# %% A number on either side
print(10 - monday)
print(2**monday)

# %% A list does not join in tags=["raises-exception"]
monday + [7, 8, 9]

# %% Powers run over
print(torch.tensor([10]) ** torch.tensor([18, 19, 20]))
print(torch.tensor([-128], dtype=torch.int8).abs())

# %% The underscore writes
returned = tuesday.add_(monday)
print(tuesday)
print(f"{returned is tuesday = }")

# %% Two names for one tensor
total = torch.tensor([1.0, 2.0])
same = total
address = total.data_ptr()
total += 1
print(same)
print(f"{total.data_ptr() == address = }")

# %% Spelt out, it is a new tensor
total = total + 1
print(same)
print(f"{total.data_ptr() == address = }")


# %% The caller's numbers change
def centred(t):
    t -= t.mean()
    return t


scores = torch.tensor([2.0, 4.0, 9.0])
print(centred(scores))
print(scores)

# %% A comparison gives bools
guess = torch.tensor([2, 0, 1, 1])
label = torch.tensor([2, 1, 1, 0])
right = guess == label
print(right)
print(right.sum(), right.float().mean())

# %% Bars and brackets
print((guess > 0) & (guess < 2))
print((guess == 0) | (guess == 2))
print(~right)

# %% A chain wants one answer tags=["raises-exception"]
0 < guess < 2

# %% Without brackets, other operands tags=["raises-exception"]
guess > 0 & guess < 2

# %% A mask is not subtracted tags=["raises-exception"]
1 - right

# %% A list is just unequal
print(guess == [2, 0, 1, 1])
print(guess == torch.tensor([2, 0, 1, 1]))

# %% Four ways to be equal tags=["hide-input"]
one = torch.tensor([1.0, 2.0])
nan = torch.tensor([1.0, torch.nan])
cases = {
    "a copy": (one, one.clone()),
    "off by 1e-6": (one, one + 1e-6),
    "as float64": (one, one.double()),
    "as a column": (torch.ones(2), torch.ones(2, 1)),
    "NaN twice": (nan, nan.clone()),
}
questions = {
    "== .all()": lambda a, b: (a == b).all().item(),
    "equal": torch.equal,
    "isclose .all()": lambda a, b: torch.isclose(a, b).all().item(),
    "allclose": torch.allclose,
}


def ask(question, a, b):
    try:
        return str(question(a, b))
    except RuntimeError:
        return "raises"


print(f"{'':13}" + "".join(f"{name:16}" for name in questions).rstrip())
for case, pair in cases.items():
    answers = [ask(question, *pair) for question in questions.values()]
    print(f"{case:13}" + "".join(f"{text:16}" for text in answers).rstrip())

# %% NaN equals nothing
print(nan == nan)
print(nan != nan)
print(nan.isnan())

# %% What NaN does to others
readings = torch.tensor([2.0, torch.nan, -1.0])
readings

# %% The order decides
low = torch.tensor(1.0)
missing = torch.tensor(torch.nan)
print(max(low, missing), max(missing, low))
print(torch.maximum(low, missing), torch.maximum(missing, low))

# %% Floats divide by zero
top = torch.tensor([1.0, -1.0, 0.0])
print(top / 0)
print(top // 0)
print(top % 0)

# %% Integers do not tags=["raises-exception"]
guess // 0

# %% Where chooses
change = torch.tensor([-3.0, -1.0, 0.0, 2.0, 8.0])
print(torch.where(change < 0, 0, change))
print(change.clamp(min=-2, max=4))

# %% NaN from the branch not taken
area = torch.tensor([-1.0, 4.0], requires_grad=True)
side = torch.where(area > 0, area.sqrt(), 0)
side.sum().backward()
print(side)
print(area.grad)

# %% Halves go to the even side
halves = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.5])
print(halves.round())

# %% Four ways to whole numbers
line = torch.tensor([-1.7, -1.2, 1.2, 1.7])
for way in (torch.floor, torch.ceil, torch.trunc, torch.round):
    print(f"{way.__name__:6}{way(line)}")

# %% Two decimals, two answers
price = torch.tensor(2.675, dtype=torch.float64)
print(price.round(decimals=2).item())
print(round(price.item(), 2))
print(f"{price.item():.20f}")

# %% Signs of a remainder
number = torch.tensor([7, -7, 7, -7])
divisor = torch.tensor([3, 3, -3, -3])
print("//   ", number // divisor)
print("%    ", number % divisor)
print("trunc", torch.div(number, divisor, rounding_mode="trunc"))
print("fmod ", torch.fmod(number, divisor))

# %% Ten tenths are nine
whole = torch.tensor(1.0, dtype=torch.float64)
print(whole / 0.1)
print(whole // 0.1)
print((whole % 0.1).item())

# %% Four functions at a glance tags=["hide-input"]
names = ["relu", "sigmoid", "tanh", "log"]
inputs = torch.arange(-60, 61) / 20
fig, axes = plt.subplots(1, 4, figsize=(7, 2), layout="constrained")
for axis, name in zip(axes, names):
    axis.plot(inputs, getattr(torch, name)(inputs))
    axis.set_title(name)
fig.supxlabel("x")
fig.supylabel("f(x)")
plt.show()

# %% The edges of the functions
edges = torch.tensor([-1.0, 0.0, torch.inf])
print(edges.log())
print(edges.sqrt())
print(edges.exp())

# %% One swallows the small
rate = torch.tensor([1e-8])
print(torch.log(1 + rate), torch.log1p(rate))
print(torch.exp(rate) - 1, torch.expm1(rate))

# %% Whole numbers, bit by bit
these = torch.tensor(0b1100)
those = torch.tensor(0b1010)
for bits in (these & those, these | those, these ^ those):
    print(f"{bits.item():04b}")
print(these << 2, these >> 2, ~these)


# %% Exercise: the same, NaN included tags=["exercise"]
def same_numbers(a, b):
    """Same shape, and everywhere equal or both NaN."""
    return torch.equal(a, b)


hole = torch.tensor([torch.nan, 1.0])
assert same_numbers(hole, hole.clone()), "two equal holes"
assert not same_numbers(hole, torch.tensor([1.0, torch.nan])), "moved"
assert not same_numbers(torch.ones(2), torch.ones(2, 1)), "another shape"
assert not same_numbers(hole, torch.zeros(2)), "other numbers"
limits = torch.finfo(torch.float32)
for other in (0.0, -1.0, -999.0, 1e9, limits.max, limits.min, torch.inf, -torch.inf):
    assert not same_numbers(hole[:1], torch.tensor([other])), f"NaN is not {other}"
assert not same_numbers(torch.ones(1), torch.ones(1) + 1e-6), "close is not equal"
assert same_numbers(torch.tensor([-0.0]), torch.zeros(1)), "-0 is equal to 0"
huge = torch.tensor([limits.max])
assert not same_numbers(huge, huge * 2), "inf is not the largest number"
assert same_numbers(huge * 2, huge * 2), "inf is equal to inf"


# %% Solution: the same, NaN included tags=["solution"]
def same_numbers(a, b):
    """Same shape, and everywhere equal or both NaN."""
    if a.shape != b.shape:
        return False
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


# %% Wrong: NaN becomes zero tags=["wrong"]
def same_numbers(a, b):
    return torch.equal(a.nan_to_num(), b.nan_to_num())


# %% Wrong: NaN becomes some other number tags=["wrong"]
def same_numbers(a, b):
    return torch.equal(a.nan_to_num(nan=-1234.5), b.nan_to_num(nan=-1234.5))


# %% Wrong: NaN becomes infinity tags=["wrong"]
def same_numbers(a, b):
    return torch.equal(torch.where(a.isnan(), torch.inf, a), torch.where(b.isnan(), torch.inf, b))


# %% Wrong: NaN becomes the largest number tags=["wrong"]
def same_numbers(a, b):
    top = torch.finfo(a.dtype).max
    return torch.equal(torch.where(a.isnan(), top, a), torch.where(b.isnan(), top, b))


# %% Wrong: the same bits tags=["wrong"]
def same_numbers(a, b):
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


# %% Wrong: within a tolerance tags=["wrong"]
def same_numbers(a, b):
    return a.shape == b.shape and torch.allclose(a, b, equal_nan=True)


# %% Wrong: no difference between them tags=["wrong"]
def same_numbers(a, b):
    return a.shape == b.shape and bool(((a - b == 0) | (a.isnan() & b.isnan())).all())


# %% Wrong: NaN on one side is enough tags=["wrong"]
def same_numbers(a, b):
    return a.shape == b.shape and bool(((a == b) | a.isnan()).all())


# %% Wrong: shapes that broadcast tags=["wrong"]
def same_numbers(a, b):
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


# %% Exercise: the remainder from fmod tags=["exercise"]
def remainder_spec(a, b):
    return [p % q for p, q in zip(a.tolist(), b.tolist())]


def my_remainder(a, b):
    """a % b, from torch.fmod and torch.where."""
    return torch.fmod(a, b)


numbers = torch.arange(-12, 13).repeat_interleave(6)
divisors = torch.tensor([-5, -3, -1, 1, 3, 5]).repeat(25)
wrong = my_remainder(numbers, divisors).tolist()
wrong = sum(p != q for p, q in zip(wrong, remainder_spec(numbers, divisors)))
assert wrong == 0, f"{wrong} of {len(numbers)} are wrong"


# %% Solution: the remainder from fmod tags=["solution"]
def my_remainder(a, b):
    """a % b, from torch.fmod and torch.where."""
    rest = torch.fmod(a, b)
    wrong_side = (rest != 0) & ((rest < 0) != (b < 0))
    return torch.where(wrong_side, rest + b, rest)


assert my_remainder(numbers, divisors).tolist() == remainder_spec(numbers, divisors)


# %% Wrong: the sign put on afterwards tags=["wrong"]
def my_remainder(a, b):
    return torch.fmod(a, b).abs() * b.sign()


# %% Wrong: only the rest is looked at tags=["wrong"]
def my_remainder(a, b):
    rest = torch.fmod(a, b)
    return torch.where(rest < 0, rest + b, rest)


# %% Wrong: wherever the signs differ tags=["wrong"]
def my_remainder(a, b):
    rest = torch.fmod(a, b)
    return torch.where(a.sign() != b.sign(), rest + b, rest)


# %% Wrong: a rest of zero moves too tags=["wrong"]
def my_remainder(a, b):
    rest = torch.fmod(a, b)
    return torch.where((rest < 0) != (b < 0), rest + b, rest)


# %% Exercise: halves away from zero tags=["exercise"]
def school_round(values):
    """The nearest whole number; halves go away from zero."""
    return values.sign() * (values.abs() + 0.5).floor()


marks = torch.tensor([0.5, 1.5, 2.5, -0.5, -2.5, 2.4, -2.4, 0.49999997, 8388609.0])
school = torch.tensor([1.0, 2.0, 3.0, -1.0, -3.0, 2.0, -2.0, 0.0, 8388609.0])
wrong = school_round(marks) != school
assert not wrong.any(), marks[wrong].tolist()


# %% Solution: halves away from zero tags=["solution"]
def school_round(values):
    """The nearest whole number; halves go away from zero."""
    return values.trunc() + values.sign() * (values.frac().abs() >= 0.5)


wrong = school_round(marks) != school
assert not wrong.any(), marks[wrong].tolist()


# %% Wrong: halves to the even side tags=["wrong"]
def school_round(values):
    return values.round()


# %% Wrong: a little more than a half tags=["wrong"]
def school_round(values):
    return (values + values.sign() * 1e-6).round()


# %% Wrong: halves always go up tags=["wrong"]
def school_round(values):
    return (values + 0.5).floor()


# %% Wrong: from a half on up, below it down tags=["wrong"]
def school_round(values):
    return torch.where(values.frac() >= 0.5, values.ceil(), values.floor())
