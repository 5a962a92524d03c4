"""Memory formats: two orders for the numbers of an image, and what keeps them."""

# %% A batch and a model in channels last
import torch
from torch import nn

hundreds = torch.tensor([0, 100, 200]).view(3, 1, 1)
image = hundreds + torch.tensor([[0, 1], [10, 11]])  # (channel, row, column)
images = torch.stack([image, image + 1000])  # (image, channel, row, column)
packed = images.to(memory_format=torch.channels_last)
print(images.stride(), packed.stride())

model = nn.Conv2d(3, 4, 3, padding=1).to(memory_format=torch.channels_last)
print(model(packed.float()).is_contiguous(memory_format=torch.channels_last))

# %% Two questions, three tensors
for t in (images, packed, images.mT):
    print(t.is_contiguous(), t.is_contiguous(memory_format=torch.channels_last))

# %% A photo is a walk
import matplotlib.pyplot as plt
from matplotlib.cbook import get_sample_data

with get_sample_data("grace_hopper.jpg") as picture:
    photo = torch.tensor(plt.imread(picture))  # (height, width, channel)
print(f"{photo.shape = }, {photo.stride() = }")
small = photo[::10, ::10]
print(f"{small.shape = }, {small.stride() = }")

# %% Four pictures, one storage
pictures = {
    "small": small,
    "small.transpose(0, 1)": small.transpose(0, 1),
    "small[5:35, 7:44]": small[5:35, 7:44],
    "small[30].expand(...)": small[30].expand(60, 52, 3),
}
fig, axes = plt.subplots(2, 2, figsize=(6, 6), layout="constrained")
for axis, (title, view) in zip(axes.flat, pictures.items()):
    axis.imshow(view.numpy(), interpolation="none")
    axis.set_title(f"{title}\nstride {view.stride()}")
    axis.set_axis_off()


# %% Not a byte was copied
def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


all(shares(view, photo) for view in pictures.values())

# %% The right shape, the wrong picture
channels_first = photo.permute(2, 0, 1)
scrambled = photo.view(3, 600, 512)
print(channels_first.shape, scrambled.shape)

fig, axes = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
for axis, version in zip(axes, (channels_first, scrambled)):
    thumbnail = version[0, ::10, ::10].numpy()
    axis.imshow(thumbnail, cmap="gray", interpolation="none")
    axis.set_title(f"stride {version.stride()}")
    axis.set_axis_off()

# %% Channels last for nothing
batch = photo[None].permute(0, 3, 1, 2)  # (image, channel, row, column)
print(batch.is_contiguous(memory_format=torch.channels_last))
print(batch.to(memory_format=torch.channels_last) is batch)

# %% Who keeps the format tags=["hide-input"]
import torch.nn.functional as F


def format_of(t):
    usual = t.is_contiguous()
    last = t.is_contiguous(memory_format=torch.channels_last)
    if usual and last:
        return "fits both"
    return "channels last" if last else "usual" if usual else "neither"


zeros, ones = torch.zeros(4), torch.ones(4)
y = torch.zeros(2, 4, 6, 6)
x = y.to(memory_format=torch.channels_last)
kernel = torch.ones(5, 4, 3, 3)

# %% One layer turns the rest
layer = nn.Conv2d(4, 5, 3)
print(format_of(layer(y)))
layer.to(memory_format=torch.channels_last)
print(format_of(layer(y)))

# %% Three requests
print(packed.clone().stride())
print(packed.clone(memory_format=torch.contiguous_format).stride())
print(images.clone(memory_format=torch.channels_last).stride())
print(packed.contiguous().stride())

# %% Four axes, no fewer tags=["raises-exception"]
image.to(memory_format=torch.channels_last)

# %% The view of a classifier tags=["raises-exception"]
packed.view(2, 12)

# %% One channel fits both
gray = torch.zeros(4, 1, 2, 2)
loose = gray.contiguous(memory_format=torch.channels_last)
strict = gray.to(memory_format=torch.channels_last)
print(format_of(gray))
print(loose.stride(), strict.stride())

# %% The next layer reads the strides
one_by_one = torch.ones(5, 1, 1, 1)
print(format_of(torch.conv2d(loose, one_by_one)))
print(format_of(torch.conv2d(strict, one_by_one)))

# %% Each lets something through
last = torch.channels_last
cut = packed[:, :2]
for t in (gray, cut):
    by_to, by_contiguous = t.to(memory_format=last), t.contiguous(memory_format=last)
    both = t.contiguous(memory_format=last).to(memory_format=last)
    print(by_to.stride(), by_contiguous.stride(), both.stride())

# %% Exercise: strides from a shape tags=["exercise"]
shapes = [(2, 3, 2, 2), (8, 3, 32, 16), (4, 1, 2, 2), (4, 3, 1, 1)]


def channels_last_strides(n, c, h, w):
    return (c * h * w, h * w, w, 1)


for shape in shapes:
    expected = torch.empty(shape, memory_format=torch.channels_last).stride()
    assert channels_last_strides(*shape) == expected, (shape, expected)


# %% Solution: strides from a shape tags=["solution"]
def channels_last_strides(n, c, h, w):
    return (h * w * c, 1, w * c, c)


for shape in shapes:
    expected = torch.empty(shape, memory_format=torch.channels_last).stride()
    assert channels_last_strides(*shape) == expected, (shape, expected)


# %% Wrong: the axes in the order of memory tags=["wrong"]
def channels_last_strides(n, c, h, w):
    return (h * w * c, w * c, c, 1)


# %% Wrong: rows and columns exchanged tags=["wrong"]
def channels_last_strides(n, c, h, w):
    return (h * w * c, 1, c, h * c)


# %% Wrong: contiguous lets one channel pass tags=["wrong"]
def channels_last_strides(n, c, h, w):
    return torch.empty(n, c, h, w).contiguous(memory_format=torch.channels_last).stride()


# %% Exercise: which formats fit? tags=["exercise"]
zoo = [images, packed, images.mT, packed[:1], packed[:, :2], packed[:, 1:2], packed[:, :, :1, :1], images[:, :, 1:]]
zoo += [gray, strict, batch, channels_first[None], torch.zeros(4, 3, 1, 1), torch.zeros(2, 3, 1, 2)]


def fits(shape, stride):
    """Two answers: contiguous, channels last. From the two tuples alone."""
    n, c, h, w = shape
    return stride == (c * h * w, h * w, w, 1), stride == (h * w * c, 1, w * c, c)


for t in zoo:
    expected = t.is_contiguous(), t.is_contiguous(memory_format=torch.channels_last)
    assert fits(t.shape, t.stride()) == expected, (t.shape, t.stride(), expected)


# %% Solution: which formats fit? tags=["solution"]
def fits(shape, stride):
    """Two answers: contiguous, channels last. From the two tuples alone."""
    n, c, h, w = shape
    usual, last = (c * h * w, h * w, w, 1), (h * w * c, 1, w * c, c)
    counted = [axis for axis in range(4) if shape[axis] > 1]
    return tuple(all(stride[axis] == order[axis] for axis in counted) for order in (usual, last))


for t in zoo:
    expected = t.is_contiguous(), t.is_contiguous(memory_format=torch.channels_last)
    assert fits(t.shape, t.stride()) == expected, (t.shape, t.stride(), expected)


# %% Wrong: only the order counts tags=["wrong"]
def fits(shape, stride):
    image, channel, row, column = stride
    return image >= channel >= row >= column, image >= row >= column >= channel


# %% Wrong: one channel is let off, one image is not tags=["wrong"]
def fits(shape, stride):
    n, c, h, w = shape
    usual, last = (c * h * w, h * w, w, 1), (h * w * c, 1, w * c, c)
    counted = [axis for axis in range(4) if axis != 1 or c > 1]
    return tuple(all(stride[axis] == order[axis] for axis in counted) for order in (usual, last))


# %% Exercise: a softmax that keeps the format tags=["exercise"]
def softmax_like(t):
    """t.softmax(1), with the strides of t."""
    return t.softmax(1)


for t in (packed.float(), images.float(), images.float().mT):
    result = softmax_like(t)
    assert torch.equal(result, t.softmax(1))
    assert result.stride() == t.stride(), (result.stride(), t.stride())


# %% Solution: a softmax that keeps the format tags=["solution"]
def softmax_like(t):
    """t.softmax(1), with the strides of t."""
    return torch.empty_like(t).copy_(t.softmax(1))


for t in (packed.float(), images.float(), images.float().mT):
    result = softmax_like(t)
    assert torch.equal(result, t.softmax(1))
    assert result.stride() == t.stride(), (result.stride(), t.stride())


# %% Wrong: channels last for everybody tags=["wrong"]
def softmax_like(t):
    return t.softmax(1).to(memory_format=torch.channels_last)


# %% Wrong: other strides over the same memory tags=["wrong"]
def softmax_like(t):
    return t.softmax(1).as_strided(t.shape, t.stride())


# %% Wrong: in place tags=["wrong"]
def softmax_like(t):
    return t.copy_(t.softmax(1))


# %% Exercise: find the leak tags=["exercise"]
steps = [torch.relu, layer, lambda t: t[:, [2, 1, 0]], torch.sigmoid]


def first_leak(steps, t):
    """The number of the first step whose result is not channels last."""
    raise NotImplementedError("yours to write")


assert first_leak(steps, x) == 2
assert first_leak(steps[:2], x) is None
assert first_leak([layer, lambda t: t[:, :4]], x) == 1


# %% Solution: find the leak tags=["solution"]
def first_leak(steps, t):
    """The number of the first step whose result is not channels last."""
    for number, step in enumerate(steps):
        t = step(t)
        if not t.is_contiguous(memory_format=torch.channels_last):
            return number


assert first_leak(steps, x) == 2
assert first_leak(steps[:2], x) is None
assert first_leak([layer, lambda t: t[:, :4]], x) == 1


# %% Wrong: each step on the first input tags=["wrong"]
def first_leak(steps, t):
    for number, step in enumerate(steps):
        if not step(t).is_contiguous(memory_format=torch.channels_last):
            return number


# %% Wrong: counted from one tags=["wrong"]
def first_leak(steps, t):
    for number, step in enumerate(steps, 1):
        t = step(t)
        if not t.is_contiguous(memory_format=torch.channels_last):
            return number


# %% Wrong: the last of them tags=["wrong"]
def first_leak(steps, t):
    leak = None
    for number, step in enumerate(steps):
        t = step(t)
        if not t.is_contiguous(memory_format=torch.channels_last):
            leak = number
    return leak
