# %% [markdown]
# # One photograph through every layout
#
# A photograph comes out of its file as rows of pixels, three bytes each.
# A network wants it as channels of rows, in a batch, as floats around zero, and best of all mirrored, cropped and a little too dark.
# On the way some steps move every byte, others only change the order in which they are read.
# Ask each step which it was: that decides what memory you pay, and which pictures change when you write to one.
#
# [Memory](../tensors/memory.md) explains storage and strides, [Shapes](../tensors/shapes.md) `view` and `permute`, [Memory formats](../tensors/memory_format.md) the two orders of a batch; here they meet one real picture.
# [Images](../data/images.md) makes a dataset of a whole folder of such files.
#
# ## Rows of pixels
#
# The photograph comes with matplotlib: Grace Hopper, who wrote one of the first compilers.

# %% A photograph is an array
import matplotlib.pyplot as plt
from matplotlib.cbook import get_sample_data

with get_sample_data("grace_hopper.jpg") as file:
    array = plt.imread(file)
print(array.shape, array.dtype)
print(array.strides)

# %% [markdown]
# 600 rows of 512 pixels, and in each pixel red, green and blue, from 0 to 255.
# The strides count bytes: the next row begins 1536 bytes further on, the next pixel 3, the next colour 1.
# Every sixth pixel is enough to see her.

# %% Every sixth pixel
plt.figure(figsize=(2.6, 3))
plt.imshow(array[::6, ::6], interpolation="none")
plt.axis("off")
plt.title("grace_hopper.jpg")
plt.show()

# %% [markdown]
# Row 100, column 450 lies in the blue behind her.
# Where its bytes lie follows from the strides, and what lies there is the pixel.

# %% One pixel, three bytes
start = 100 * 1536 + 450 * 3
print(array[100, 450])
print(list(array.tobytes()[start : start + 3]))

# %% [markdown]
# ## One memory, two libraries
#
# `from_numpy` makes a tensor of an array without copying it.
# With this array it does so under protest.

# %% Bytes that nobody may change
import torch

torch.from_numpy(array).shape

# %% [markdown]
# The decoder handed out its result as Python `bytes` (`type(array.base) is bytes`{.proof}), which must never change, so NumPy marked the array read-only (`not array.flags.writeable`{.proof}).
# PyTorch has no such mark: a write would go through, behind Python's back.
# A copy of your own settles it, for 921600 bytes (`array.nbytes == 921600`{.proof}).

# %% One copy, then shared
array = array.copy()
photo = torch.from_numpy(array)  # (row, column, channel)
print(photo.shape, photo.dtype, photo.stride())

# %% [markdown]
# PyTorch counts strides in elements; an element is one byte here, so the numbers agree.
# From now on array and tensor are two names for the same bytes (`photo.data_ptr() == array.ctypes.data`{.proof}).

# %% Written here, read there
pixel = photo[100, 450].clone()
photo[100, 450] = 0
print(array[100, 450])
photo[100, 450] = pixel
print(array[100, 450])

# %% [markdown]
# The `clone` mattered.
# Without it `pixel` would have been a view, black like the rest, with nothing left to restore.
#
# ## Channels first
#
# Convolution and pooling want the channel axis before row and column.
# `permute` puts it there, and one comparison tells whether it copied: do both tensors read the same storage?


# %% Channels first, no byte moved
def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


first = photo.permute(2, 0, 1)  # (channel, row, column)
print(first.shape, first.stride())
print(shares(first, photo))

# %% [markdown]
# The strides changed places together with the sizes, and that was all.
# Cut four pixels from the gold on her cap to see it in full.

# %% Four pixels
tile = photo[83:85, 207:209].clone()
tile

# %% [markdown]
# ```memory
# tile, tile.permute(2, 0, 1)
# ```
#
# Both walk the same twelve bytes; the second takes every third.
# The shape alone could also be had with `view`, and would be wrong: it cuts the line into new rows and mixes the colours (`not torch.equal(photo.view(3, 600, 512), first)`{.proof}).
# [Memory formats](../tensors/memory_format.md#pictures) shows what that looks like.
#
# Now let the bytes follow: `contiguous()` writes them out in the order in which they are read.

# %% What contiguous moves
planes = first.contiguous()
print(planes.stride(), shares(planes, photo))
print(planes.nbytes, "bytes")
print(planes.flatten()[:6].tolist(), photo.flatten()[:6].tolist())

# %% [markdown]
# The same photograph, once more, for 921600 bytes (`torch.equal(planes, first)`{.proof}).
# Six neighbours in `planes` are six reds; in `photo` they are two pixels.
# No picture below is made from `planes`: hold a copy back until something asks for it.
#
# ## From bytes to floats
#
# Bytes are for storing.
# Add to them, and 255 is followed by 0.

# %% Brighter, and wrapped around
wrapped = photo + 100
limited = (photo.int() + 100).clamp(max=255)
for t in (photo, wrapped, limited):
    print(t[392, 212].tolist())
both = torch.cat([wrapped, limited.byte()], dim=1)
plt.figure(figsize=(5, 3), layout="constrained")
plt.imshow(both[::6, ::6], interpolation="none")
plt.axis("off")
plt.title("uint8 wraps; int, then clamp")
plt.show()

# %% [markdown]
# At this pixel of her collar `photo[392, 212, 0].item()`{.value} + 100 is `photo[392, 212, 0].item() + 100`{.value}, and `wrapped[392, 212, 0].item()`{.value} is what remains of it after 256.
# No error and no warning, only the wrong picture.
# So make floats first; dividing by 255 does it, and brings everything between 0 and 1.

# %% Four bytes for each one
scaled = photo / 255
print(scaled.dtype, scaled.stride())
print(photo.nbytes, scaled.nbytes)

# %% [markdown]
# The strides are those of `photo`, but the numbers are new, and each takes four bytes.
# It can be undone: `torch.equal((scaled * 255).round().byte(), photo)`{.proof}.
#
# ## The batch axis
#
# Networks work on batches, so one photograph is a batch of one.
# You can add that axis before you permute or after; the result looks the same.

# %% Two ways to a batch of one
before = scaled[None].permute(0, 3, 1, 2)
after = scaled.permute(2, 0, 1)[None]
for batch in (before, after):
    print(batch.shape, batch.stride())

# %% [markdown]
# They differ in one stride, that of an axis with a single entry, along which no step is ever taken.
# Both read the same memory (`shares(before, after)`{.proof}) and agree in every number (`torch.equal(before, after)`{.proof}).
# Then a layer comes along: average pooling makes one pixel out of each 4 × 4.

# %% Pooling tells them apart
import torch.nn.functional as F

small = F.avg_pool2d(before, 4)
print(small.shape, small.stride())
print(F.avg_pool2d(after, 4).stride())

# %% [markdown]
# Both results hold the same numbers, up to rounding (`torch.allclose(small, F.avg_pool2d(after, 4))`{.proof}), in two different orders.
# A layer that wants to know the layout reads the strides, and the stride that nobody uses misled it.
# So add the batch axis first.
#
# `small` is what you work with from here on: 150 rows of 128 pixels.


# %% Small enough to work with
def show(picture, title):
    plt.figure(figsize=(5, 2.8), layout="constrained")
    plt.imshow(picture.permute(1, 2, 0), interpolation="none")
    plt.axis("off")
    plt.title(title)
    plt.show()


show(small[0], "averages of 4 × 4")

# %% [markdown]
# matplotlib wants the channels last, as the file had them, so `show` permutes back; a view again.
#
# ## Two layouts for a batch
#
# Cut four windows of 64 × 64 and stack them.

# %% Four windows, one batch
corners = [(14, 34), (0, 0), (75, 34), (86, 64)]
windows = [small[0, :, i : i + 64, j : j + 64] for i, j in corners]
planar = torch.stack(windows)  # (image, channel, row, column)
print(planar.shape, planar.stride())
show(torch.cat(windows, dim=2), "four windows")

# %% [markdown]
# Each window is a view into `small` (`all(shares(window, small) for window in windows)`{.proof}), `planar` is not: `stack` copies, and it forgot that the channels came last.
# A loader stacks its pictures too (`torch.utils.data.default_collate(windows).is_contiguous()`{.proof}), so this is where a program can change the layout without knowing.
#
# Ask for the other layout, and compare the strides with those that you work out yourself.

# %% Strides by hand
packed = planar.to(memory_format=torch.channels_last)
n, c, h, w = planar.shape
print((c * h * w, h * w, w, 1), planar.stride())
print((h * w * c, 1, w * c, c), packed.stride())

# %% [markdown]
# In `planar` a channel lies in one piece, as h rows of w.
# In `packed` a pixel does: its c channels are neighbours, w pixels make a row, h rows an image.
# The shape says channels first for both, and each index finds the same number (`torch.equal(planar, packed)`{.proof}), but moving them took a copy (`not shares(planar, packed)`{.proof}).
#
# "Is it contiguous?" is therefore two questions.


# %% Two questions
def layout(t):
    usual = t.is_contiguous()
    last = t.is_contiguous(memory_format=torch.channels_last)
    if usual and last:
        return "both"
    return "usual" if usual else "channels last" if last else "neither"


questions = [planar, packed, packed[:, :1], packed[:, :, :32], small[:, :, :32]]
for t in questions:
    print(f"{tuple(t.shape)!s:18} {layout(t)}")

# %% [markdown]
# One channel of four images has gaps, and so have the upper halves of four images.
# The last one is a single image: its gap would lie between this image and the next, and there is no next.
#
# ## Who keeps the layout
#
# Let the operations that a picture meets work on `packed`, and look at what comes back ([Memory formats](../tensors/memory_format.md) says why).

# %% Who keeps the layout
kernel = torch.full((5, 3, 3, 3), 1 / 27)

# %% [markdown]
# ```table
# layout(packed * 2)
# layout(packed.clamp(0, 0.5))
# layout(planar + packed)
# layout(packed + planar)
# layout(F.conv2d(packed, kernel))
# layout(F.max_pool2d(packed, 2))
# layout(F.interpolate(packed, scale_factor=2))
# layout(F.pad(packed, (1, 1, 1, 1)))
# layout(packed.flip(3))
# layout(packed[[2, 0]])
# layout(torch.cat([packed, packed]))
# layout(torch.stack(list(packed)))
# layout(packed.rot90(1, (2, 3)))
# layout(packed.softmax(1))
# layout(packed.flatten(1).view_as(packed))
# ```
#
# Here arithmetic, convolution, pooling, enlarging, padding with zeros and mirroring pass it on, and of two equal shapes the first operand decides.
# Stacking, `softmax` and flattening whole images go back to the usual order; rows and columns alone flatten to a view, which keeps it (`shares(packed.flatten(2), packed)`{.proof}).
# A quarter turn swaps the strides of row and column, which fits neither.
# None of these says so, and no number is wrong; what is gone is the order that you paid a copy for.
#
# ## Around zero
#
# Networks usually learn better from numbers around 0 that spread by about 1, in each channel.
# So take mean and standard deviation over everything but the channel axis.

# %% One mean for each channel
mean = packed.mean(dim=(0, 2, 3), keepdim=True)
std = packed.std(dim=(0, 2, 3), keepdim=True)
print(mean.shape)
print(mean.flatten())
print(std.flatten())

# %% [markdown]
# `keepdim` left three axes of size 1, and these stretch over images, rows and columns ([Broadcasting](../tensors/broadcasting.md)).
#
# ```broadcast
# packed, mean
# ```

# %% Normal in every channel
normal = (packed - mean) / std
print(normal.mean(dim=(0, 2, 3)).abs() < 1e-4)
print((normal.std(dim=(0, 2, 3)) - 1).abs() < 1e-4)
print(layout(normal))

# %% [markdown]
# Without `keepdim` the three means would meet the columns, which are last.

# %% Three means meet 64 columns tags=["raises-exception"]
packed - packed.mean(dim=(0, 2, 3))

# %% [markdown]
# Be glad of the error: in an image three pixels wide, each *column* would lose the mean of a colour, and no error would tell (`(packed[..., :3] - mean.flatten()).shape == (4, 3, 64, 3)`{.proof}).
#
# ## Crops, mirrors, quarter turns
#
# To a network a mirrored photograph is one more photograph.
# Which of these can be had without copying?

# %% View or copy
picture = small[0, :, :128]  # (channel, row, column)
versions = {
    "crop": picture[:, 6:90, 24:108],
    "every second": picture[:, ::2, ::2],
    "transposed": picture.transpose(1, 2),
    "flip": picture.flip(2),
    "rot90, 1": picture.rot90(1, (1, 2)),
    "rot90, 2": picture.rot90(2, (1, 2)),
    "rot90, 0": picture.rot90(0, (1, 2)),
}
for name, version in versions.items():
    verdict = "view" if shares(version, small) else "copy"
    print(f"{name:14}{version.stride()!s:15} {verdict}")

# %% [markdown]
# A crop starts elsewhere (`versions["crop"].storage_offset() == 6 * 384 + 24 * 3`{.proof}), and copies nothing.
# A mirror would have to walk backwards, which PyTorch's strides cannot, so `flip` copies.
# A quarter turn is a mirror and a transposition (`torch.equal(picture.rot90(1, (1, 2)), picture.flip(2).transpose(1, 2))`{.proof}), so it copies as well; even turning by nothing does.

# %% Whole, mirrored, transposed, turned
shown = [versions[name] for name in ("flip", "transposed", "rot90, 1")]
strip = torch.cat([picture, *shown], dim=2)
show(strip[:, ::2, ::2], "as it was, flip, transposed, rot90")

# %% [markdown]
# Transposing is not turning: the third picture is the fourth with its rows in reverse order (`torch.equal(versions["transposed"], versions["rot90, 1"].flip(1))`{.proof}).
#
# NumPy has negative strides, so there a quarter turn is a view.

# %% NumPy turns without copying
import numpy as np

turned = np.rot90(array)
print(turned.shape, turned.strides)
print(np.shares_memory(turned, array))

# %% [markdown]
# You pay later: a tensor cannot have such strides.

# %% Strides that no tensor has tags=["raises-exception"]
torch.from_numpy(turned)

# %% [markdown]
# `turned.copy()` is what the message asks for (`torch.from_numpy(turned.copy()).shape == (512, 600, 3)`{.proof}).
#
# ## Eight photographs from one
#
# An [augmentation](../data/images.md#augment-another-picture-each-time) draws its crop, its mirroring, its brightness and its contrast at random, so that the network hardly ever sees the same numbers twice.
# All draws come from one generator that you pass in: who seeds it can repeat them.


# %% A crop, a mirror, some light
def augment(picture, generator):
    row, column = torch.randint(33, (2,), generator=generator).tolist()
    picture = picture[:, row : row + 96, column : column + 96]
    mirror, light, contrast = torch.rand(3, generator=generator).tolist()
    if mirror < 0.5:
        picture = picture.flip(2)
    middle = picture.mean()
    picture = middle + (picture - middle) * (0.5 + contrast)
    return (picture * (0.5 + light)).clamp(0, 1)


generator = torch.Generator().manual_seed(7)
eight = torch.stack([augment(picture, generator) for _ in range(8)])
print(eight.shape)
print(eight.mean(dim=(1, 2, 3)))

# %% [markdown]
# Contrast pulls every number away from the mean or towards it, brightness multiplies, both by 0.5 to 1.5, and `clamp` cuts off what left the range.
# `picture` itself is unharmed, because the arithmetic made something new (`torch.equal(small, F.avg_pool2d(before, 4))`{.proof}); with `mul_` on a crop, which is a view, you would have changed the original.
# Seed another generator with 7, and the first picture comes again: `torch.equal(augment(picture, torch.Generator().manual_seed(7)), eight[0])`{.proof}.
#
# To see them at once, lay them out as one picture of two rows and four columns.
# The axes are split first, then ordered as a page is read: a row of pictures, a row of pixels, a picture, a pixel.

# %% Eight in one grid
half = F.avg_pool2d(eight, 2)
grid = half.view(2, 4, 3, 48, 48).permute(2, 0, 3, 1, 4)
print(grid.shape, shares(grid, half))
show(grid.reshape(3, 96, 192), "one photograph, eight times")

# %% [markdown]
# `view` and `permute` copied nothing; `reshape` joined axes that are no neighbours in memory, and had to.
#
# ## Edges by hand
#
# A convolution slides a small window over the picture and forms the same weighted sum everywhere.
# These nine weights subtract what is on the left from what is on the right, so they answer where a vertical edge is.

# %% Where the light changes
gray = small.mean(dim=1, keepdim=True)
sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
edges = F.conv2d(gray, sobel[None, None])
print(gray.shape, edges.shape)
strength = edges[0].abs() / edges.abs().max()
show(strength.expand(3, -1, -1), "vertical edges")

# %% [markdown]
# A window of three fits 148 times into 150 rows, and 126 times into 128 columns.
# `expand` lent matplotlib three equal channels by a stride of 0 (`strength.expand(3, -1, -1).stride(0) == 0`{.proof}).
#
# Now without `conv2d`: all windows at once are another walk over the same picture, in which the last two axes step like the two before.

# %% Every window is a view
views = gray.unfold(2, 3, 1).unfold(3, 3, 1)
print(views.shape, views.stride())
print(f"{views.numel()} numbers shown, {gray.numel()} stored")
by_hand = (views * sobel).sum(dim=(-1, -2))
print(torch.allclose(by_hand, edges, atol=1e-5))

# %% [markdown]
# The product in the middle is no view: for a moment it does store nine numbers for each window.
# `F.unfold` writes the windows out as columns, and the convolution becomes a matrix product.

# %% A convolution is a product
columns = F.unfold(gray, 3)
print(columns.shape, shares(columns, gray))
print(torch.allclose(sobel.view(1, 9) @ columns, edges.flatten(2), atol=1e-5))

# %% [markdown]
# One column for each of 148 · 126 windows (`columns.shape[-1] == 148 * 126`{.proof}), nearly nine times the picture.
#
# And does the layout change the answer?
# Let 12 kernels work on the four windows in both.

# %% Both layouts, one answer
many = torch.randn(12, 3, 3, 3, generator=generator)
from_planar, from_packed = F.conv2d(planar, many), F.conv2d(packed, many)
print(torch.allclose(from_planar, from_packed, atol=1e-5))
print(layout(from_planar), "and", layout(from_packed))

# %% [markdown]
# The order of the additions may differ, and with it the last digit; so compare with a tolerance, and not with `==`.
# Which layout is faster depends on the layer and the device, so time both there.
#
# ## A photograph in pieces
#
# Vision transformers read a picture as a sentence of patches.
# Cut the square into 8 × 8 patches of 16 × 16: split rows and columns, then bring the two counts to the front.

# %% Patches are a view
split = picture.unflatten(2, (8, 16)).unflatten(1, (8, 16))
patches = split.permute(1, 3, 0, 2, 4)
print(patches.shape)
print(patches.stride(), shares(patches, small))

# %% [markdown]
# One patch down is 16 rows, one patch right is 16 pixels (`patches.stride()[:2] == (16 * 384, 16 * 3)`{.proof}).
# The way back brings the axes home and joins them; a white border first shows where the cuts are.


# %% Cut, with a gap
def join(patches):
    rows, columns, c, h, w = patches.shape
    return patches.permute(2, 0, 3, 1, 4).reshape(c, rows * h, columns * w)


show(join(F.pad(patches, (1, 1, 1, 1), value=1.0)), "64 patches")

# %% [markdown]
# Without the border the picture is whole again: `torch.equal(join(patches), picture)`{.proof}.
#
# A transformer reads each patch as one row of 768 numbers.
# No stride leads from row to row of a patch and on to the next channel, so here the copy is due.

# %% A sentence of patches
sentence = patches.reshape(64, 3 * 16 * 16)
print(sentence.shape, shares(sentence, small))
order = torch.randperm(64, generator=generator)
shuffled = sentence[order]
puzzle = join(shuffled.view(8, 8, 3, 16, 16))
show(puzzle[:, ::2, ::2], "shuffled")

# %% [markdown]
# Shuffled rows hold the same numbers, and without their places they tell little; this is why transformers are given positions as well.
# `argsort` inverts a permutation, so nothing is lost: `torch.equal(shuffled[order.argsort()], sentence)`{.proof}.
#
# One mistake here raises nothing: to go for the shape at once.

# %% Right shape, wrong patches
wrong = picture.reshape(8, 8, 3, 16, 16)
print(wrong.shape == patches.shape)
show(join(wrong)[:, ::2, ::2], "reshape without permute")

# %% [markdown]
# Each "patch" is 768 numbers in reading order; the first is six rows of red (`torch.equal(wrong[0, 0].view(6, 128), picture[0, :6])`{.proof}).
# A network would train on that without complaint; so join what you cut, and look.
#
# ## What you keep alive
#
# At the end you want to keep the name plate, 40 rows and 95 columns of it.
# As a view it is small only to look at.

# %% A view holds the whole photograph
plate = photo[480:520, 75:170]
print(plate.nbytes, "bytes shown,", plate.untyped_storage().nbytes(), "held")
own = plate.clone()
print(own.nbytes, "bytes shown,", own.untyped_storage().nbytes(), "held")
show(own.permute(2, 0, 1), "the name plate")

# %% [markdown]
# As long as `plate` lives, so do all 921600 bytes, even if you delete `photo` and `array`.
# A file shows it without any doubt, because `save` writes storages.

# %% What a file would hold
import io

for t in (plate, own):
    file = io.BytesIO()
    torch.save(t, file)
    print(f"{file.tell() // 1000} kB")

# %% [markdown]
# So crop freely while you work, and `clone` what you keep.
#
# ## The journey
#
# Where did the photograph pay?
# Every stop, the bytes it shows, and whose storage it reads.

# %% Whose bytes they are
names = "photo first planes scaled before small picture planar packed normal"
names += " eight gray views columns patches sentence"
stops = {name: globals()[name] for name in names.split()}
owners = {}
for name, stop in stops.items():
    owner = owners.setdefault(stop.untyped_storage().data_ptr(), name)
    whose = "its own" if owner == name else f"view of {owner}"
    print(f"{name:10}{stop.nbytes:8}  {whose}")

# %% [markdown]
# On this journey `permute`, the batch axis, cropping and cutting into patches copied nothing; changing the dtype, stacking, flipping and reordering took a copy each.
# When you doubt a step, you know whom to ask: `shares(patches, small)`{.proof}.
# Two slices of an array become two storages, though: there ask NumPy (`not shares(torch.from_numpy(array[1:]), photo) and np.shares_memory(array[1:], array)`{.proof}).
