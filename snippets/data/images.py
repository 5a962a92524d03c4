"""Images: picture files become tensors, a zipped folder of them a dataset, its batches a network's input."""

# %% A file becomes a tensor
import numpy as np
import torch
from PIL import Image

stripes = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]
array = np.array([stripes, stripes], dtype=np.uint8)
Image.fromarray(array).save("stripes.png")

picture = Image.open("stripes.png").convert("RGB")
pixels = torch.from_numpy(np.array(picture))  # (row, column, channel)
image = pixels.permute(2, 0, 1) / 255  # (channel, row, column)
print(pixels.shape, pixels.dtype)
print(image.shape, image.dtype)

# %% Three channels of one picture tags=["hide-input"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(1, 4, figsize=(4.2, 0.9), layout="constrained")
axes[0].imshow(pixels)
axes[0].set(title="picture")
for channel, name in enumerate(["red", "green", "blue"]):
    axes[1 + channel].imshow(image[channel], cmap="gray", vmin=0, vmax=1)
    axes[1 + channel].set(title=name)
    for (row, column), value in np.ndenumerate(image[channel].numpy()):
        ink = "white" if value < 0.5 else "black"
        axes[1 + channel].text(column, row, f"{value:.0f}", ha="center", va="center", color=ink)
for ax in axes:
    ax.title.set_fontsize(10)
    ax.set(xticks=[], yticks=[])
plt.show()

# %% Wide and high, high and wide
print(picture.size)  # as Pillow says it
print(pixels.shape[:2])  # as tensors say it

# %% Five modes, three shapes
for mode in ["RGB", "RGBA", "L", "P", "1"]:
    values = np.array(picture.convert(mode))
    print(f"{mode:5} {values.shape!s:10} {values.dtype}")

# %% Divided twice
from_matplotlib = torch.from_numpy(plt.imread("stripes.png"))
print(from_matplotlib.dtype, from_matplotlib.max())
print((from_matplotlib / 255).max())

# %% A telephone on its side
from PIL import ImageOps

exif = Image.Exif()
exif[0x0112] = 6  # "turn me by a quarter"
picture.save("telephone.jpg", exif=exif)
photo = Image.open("telephone.jpg")
print(np.array(photo).shape)
print(np.array(ImageOps.exif_transpose(photo)).shape)

# %% Matplotlib wants the channels last tags=["raises-exception"]
plt.imshow(image)


# %% Draw a shape tags=["hide-input"]
def draw(shape, generator):
    width = torch.randint(16, 25, (), generator=generator)
    top = torch.randint(6, 10, (), generator=generator)
    left = torch.randint(6, width - 6, (), generator=generator)
    radius = torch.randint(4, 6, (), generator=generator)
    dark, bright = torch.randint(0, 128, (2, 3), generator=generator)

    dy = (torch.arange(16)[:, None] - top).abs()  # (row, 1)
    dx = (torch.arange(width) - left).abs()  # (column,)
    far, near = torch.maximum(dy, dx), torch.minimum(dy, dx)
    inside = {
        "cross": (far <= radius) & (near <= 1),
        "disc": dy**2 + dx**2 <= radius**2,
        "square": far <= radius,
    }[shape]
    return torch.where(inside[..., None], bright + 128, dark).byte()


# %% Three hundred files in a zip
import zipfile
from pathlib import Path

generator = torch.Generator().manual_seed(0)
for shape in ["cross", "disc", "square"]:
    folder = Path("shapes", shape)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(100):
        drawn = draw(shape, generator).numpy()
        Image.fromarray(drawn).save(folder / f"{number:02}.png")

with zipfile.ZipFile("shapes.zip", "w") as archive:
    for file in sorted(Path("shapes").rglob("*.png")):
        archive.write(file)

# %% Download and unpack
from urllib.request import urlopen

url = Path("shapes.zip").resolve().as_uri()  # yours begins with https
with urlopen(url, timeout=10) as answer:
    Path("download.zip").write_bytes(answer.read())
with zipfile.ZipFile("download.zip") as archive:
    archive.extractall("data")
    print(len(archive.namelist()), archive.namelist()[0])

# %% An error page is no archive tags=["raises-exception"]
Path("broken.zip").write_text("<html>404 Not Found</html>")
zipfile.ZipFile("broken.zip")

# %% Two ways to walk a folder
import os

found = sorted(Path("data").rglob("*.png"))
walked = []
for folder, subfolders, names in os.walk("data"):
    walked += [Path(folder, name) for name in names]
print(len(found), sorted(walked) == found)
print(found[0].parts, found[0].stem)

# %% A file that is no picture tags=["raises-exception"]
Path("data/shapes/disc/.DS_Store").write_bytes(b"Bud1")
Image.open("data/shapes/disc/.DS_Store")

# %% A folder in twenty lines
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    def __init__(self, root, transform=None, classes=None):
        self.files = sorted(Path(root).glob("*/*.png"))
        found = {file.parent.name for file in self.files}
        self.classes = classes or sorted(found)
        self.transform = transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        file = self.files[i]
        with Image.open(file) as picture:
            pixels = torch.from_numpy(np.array(picture.convert("RGB")))
        image = pixels.permute(2, 0, 1) / 255
        if self.transform:
            image = self.transform(image)
        return image, self.classes.index(file.parent.name)


raw = Pictures("data/shapes")
sample, label = raw[299]
print(len(raw), raw.classes)
print(sample.shape, sample.dtype, label)

# %% Two widths make no batch tags=["raises-exception"]
next(iter(DataLoader(raw, batch_size=4)))

# %% One size for all
import torch.nn.functional as F


def resize(image):
    options = {"mode": "bilinear", "antialias": True}
    return F.interpolate(image[None], size=(16, 16), **options)[0]


dataset = Pictures("data/shapes", resize)
order = torch.Generator().manual_seed(0)
loader = DataLoader(dataset, batch_size=16, shuffle=True, generator=order)
images, labels = next(iter(loader))
print(images.shape, labels.shape)

# %% A batch to look at
framed = F.pad(images, (1, 1, 1, 1), value=1.0)  # (16, 3, 18, 18)
grid = framed.unflatten(0, (2, 8)).permute(2, 0, 3, 1, 4)
sheet = grid.reshape(3, 2 * 18, 8 * 18)
plt.figure(figsize=(6, 1.6))
plt.imshow(sheet.permute(1, 2, 0), interpolation="none")
plt.axis("off")
plt.show()
print(labels.view(2, 8))

# %% A missing class moves the numbers
for name in ["train/cat", "train/dog", "train/owl", "val/cat", "val/owl"]:
    Path(name).mkdir(parents=True, exist_ok=True)
    picture.save(Path(name, "0.png"))

animals = Pictures("train")
print(animals.classes, Pictures("val").classes)
print(Pictures("val")[1][1], Pictures("val", classes=animals.classes)[1][1])

# %% Three means and three deviations
whole, targets = next(iter(DataLoader(dataset, batch_size=300)))
places = torch.randperm(300, generator=order)
train, val = places[:240], places[240:]
mean = whole[train].mean(dim=(0, 2, 3))  # (channel,)
std = whole[train].std(dim=(0, 2, 3))
normal = (whole - mean[:, None, None]) / std[:, None, None]
print(mean, std)

# %% Eight answers to one question


def mirror_and_shift(image):
    image = resize(image)
    if torch.rand(()) < 0.5:
        image = image.flip(-1)
    image = F.pad(image, (2, 2, 2, 2), mode="replicate")
    top, left = torch.randint(0, 5, (2,)).tolist()
    return image[:, top : top + 16, left : left + 16]


torch.manual_seed(0)
moving = Pictures("data/shapes", mirror_and_shift)
eight = torch.stack([moving[0][0] for _ in range(8)])
framed = F.pad(eight, (1, 1, 1, 1), value=1.0)  # (8, 3, 18, 18)
strip = framed.permute(1, 2, 0, 3).reshape(3, 18, 8 * 18)
plt.figure(figsize=(6, 0.9))
plt.imshow(strip.permute(1, 2, 0), interpolation="none")
plt.axis("off")
plt.show()

# %% Channels last, refused tags=["raises-exception"]
conv = torch.nn.Conv2d(3, 8, kernel_size=3)
conv(pixels[None] / 255)

# %% Bytes refused tags=["raises-exception"]
conv(pixels.permute(2, 0, 1)[None])

# %% Larger than the picture tags=["raises-exception"]
conv(image[None])

# %% A network for sixteen by sixteen
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 16, kernel_size=3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, kernel_size=3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 2 * 2, 3),
)
step = normal[:1]
for layer in model:
    step = layer(step)
    print(f"{type(layer).__name__:10}{tuple(step.shape)}")

# %% Made for another size tags=["raises-exception"]
model(torch.zeros(1, 3, 20, 20))

# %% Six epochs on tensors
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(6):
    for part in train[torch.randperm(240)].split(16):
        loss = F.cross_entropy(model(normal[part]), targets[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    right = model(normal[val]).argmax(dim=1) == targets[val]
accuracy = right.float().mean()
print(accuracy.item() > 0.95)


# %% Exercise: back to a picture tags=["exercise"]
def to_pixels(image, mean, std):
    """Undo the normalising: bytes, (row, column, channel)."""
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).byte().permute(1, 2, 0)


too_bright = torch.full((3, 2, 2), 99.0)
every = torch.arange(256).byte()
bytes_of_all = torch.stack([every, every.flip(0), every.roll(7)], 1).view(16, 16, 3)
shown = (bytes_of_all.permute(2, 0, 1) / 255 - mean[:, None, None]) / std[:, None, None]
lost = (to_pixels(shown, mean, std) != bytes_of_all).sum().item()
assert lost == 0, "some bytes have changed"
assert (to_pixels(too_bright, mean, std) == 255).all(), "too bright is white"
assert (to_pixels(-too_bright, mean, std) == 0).all(), "too dark is black"
assert to_pixels(shown, mean, std).dtype == torch.uint8, "no bytes"
assert (too_bright == 99).all(), "the picture that came in has changed"


# %% Solution: back to a picture tags=["solution"]
def to_pixels(image, mean, std):
    """Undo the normalising: bytes, (row, column, channel)."""
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).round().clamp(0, 255).byte().permute(1, 2, 0)


lost = (to_pixels(shown, mean, std) != bytes_of_all).sum().item()
assert lost == 0, "some bytes have changed"
assert (to_pixels(too_bright, mean, std) == 255).all(), "too bright is white"
assert (to_pixels(-too_bright, mean, std) == 0).all(), "too dark is black"
print(to_pixels(shown, mean, std).shape)


# %% Wrong: cut off, not rounded tags=["wrong"]
def to_pixels(image, mean, std):
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).clamp(0, 255).byte().permute(1, 2, 0)


# %% Wrong: not clamped tags=["wrong"]
def to_pixels(image, mean, std):
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).round().byte().permute(1, 2, 0)


# %% Wrong: another axis first tags=["wrong"]
def to_pixels(image, mean, std):
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).round().clamp(0, 255).byte().permute(2, 1, 0)


# %% Wrong: the same numbers in another shape tags=["wrong"]
def to_pixels(image, mean, std):
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).round().clamp(0, 255).byte().reshape(*image.shape[1:], 3)


# %% Wrong: floats with the values of bytes tags=["wrong"]
def to_pixels(image, mean, std):
    image = image * std[:, None, None] + mean[:, None, None]
    return (image * 255).round().clamp(0, 255).permute(1, 2, 0)


# %% Wrong: in place tags=["wrong"]
def to_pixels(image, mean, std):
    image *= std[:, None, None]
    image += mean[:, None, None]
    return (image * 255).round().clamp(0, 255).byte().permute(1, 2, 0)


# %% Exercise: a picture and its mask tags=["exercise"]
def maybe_mirror(image):
    return image.flip(-1) if torch.rand(()) < 0.5 else image


def mirror_both(image, mask):
    """The picture and its mask, both mirrored or both not."""
    return maybe_mirror(image), maybe_mirror(mask)


corner = torch.zeros(3, 4, 4)
corner[0, :2, :1] = 1.0  # red at the top left
mask = corner[0] == 1

sides = set()
for _ in range(20):
    mirrored, where = mirror_both(corner, mask)
    assert torch.equal(mirrored[0] == 1, where), "the mask is on another side"
    assert where.dtype == mask.dtype, "the mask has another dtype"
    sides.add("left" if where[0, 0] else "right" if where[0, 3] else "below")
assert sides == {"left", "right"}, "sometimes mirrored, sometimes not"
assert mirror_both(corner, mask.byte() * 7)[1].unique().tolist() == [0, 7], "other labels"


# %% Solution: a picture and its mask tags=["solution"]
def mirror_both(image, mask):
    """The picture and its mask, both mirrored or both not."""
    if torch.rand(()) < 0.5:
        return image.flip(-1), mask.flip(-1)
    return image, mask


sides = set()
for _ in range(20):
    mirrored, where = mirror_both(corner, mask)
    assert torch.equal(mirrored[0] == 1, where), "the mask is on another side"
    sides.add("left" if where[0, 0] else "right" if where[0, 3] else "below")
assert sides == {"left", "right"}, "sometimes mirrored, sometimes not"
print(sorted(sides))


# %% Wrong: never tags=["wrong"]
def mirror_both(image, mask):
    return image, mask


# %% Wrong: always tags=["wrong"]
def mirror_both(image, mask):
    return image.flip(-1), mask.flip(-1)


# %% Wrong: upside down tags=["wrong"]
def mirror_both(image, mask):
    if torch.rand(()) < 0.5:
        return image.flip(-2), mask.flip(-2)
    return image, mask


# %% Wrong: joined, and the mask made of floats tags=["wrong"]
def mirror_both(image, mask):
    both = maybe_mirror(torch.cat([image, mask[None]]))
    return both[:3], both[3]


# %% Wrong: joined, and every label made true tags=["wrong"]
def mirror_both(image, mask):
    both = maybe_mirror(torch.cat([image, mask[None]]))
    return both[:3], both[3].bool()


# %% Wrong: the mask read off the picture tags=["wrong"]
def mirror_both(image, mask):
    mirrored = maybe_mirror(image)
    return mirrored, mirrored[0] == 1


# %% Wrong: moved, and not mirrored tags=["wrong"]
def mirror_both(image, mask):
    if torch.rand(()) < 0.5:
        return image.roll(2, -1), mask.roll(2, -1)
    return image, mask


# %% Wrong: the colours in another order, too tags=["wrong"]
def mirror_both(image, mask):
    if torch.rand(()) < 0.5:
        return image.flip(0, -1), mask.flip(-1)
    return image, mask


# %% Wrong: two coins tags=["wrong"]
def mirror_both(image, mask):
    return maybe_mirror(image), maybe_mirror(mask)


# %% Exercise: read from the zip tags=["exercise"]
class Zipped(Pictures):
    """The same samples as `Pictures`, and nothing is unpacked."""

    def __init__(self, archive):
        self.archive = archive
        self.files = []  # your code here
        self.classes = []

    def __getitem__(self, i):
        raise NotImplementedError("Image.open also takes an open file")


picture.convert("P").save("palette.png")
with zipfile.ZipFile("flags.zip", "w") as archive:  # nowhere on the disk
    archive.write("stripes.png", "flags/b/0.png")
    archive.write("palette.png", "flags/a/0.png")
    archive.writestr("flags/a/.DS_Store", b"Bud1")

on_disk = set(Path().rglob("*"))
zipped, flags = Zipped("download.zip"), Zipped("flags.zip")
assert len(zipped) == len(raw) and zipped.classes == raw.classes, f"{len(zipped)} files"
for i in (0, 150, 299):
    torch.testing.assert_close(zipped[i], raw[i], rtol=0, atol=0)
assert len(flags) == 2 and flags.classes == ["a", "b"], "a before b, and no .DS_Store"
assert [flags[0][1], flags[1][1]] == [0, 1], "labels in the order of the classes"
assert torch.equal(flags[0][0], image), "other stripes than those in the zip"
assert not any(hasattr(held, "close") for held in vars(zipped).values()), "it stays open"
assert set(Path().rglob("*")) == on_disk, "something was unpacked"


# %% Solution: read from the zip tags=["solution"]
class Zipped(Pictures):
    """The same samples as `Pictures`, and nothing is unpacked."""

    def __init__(self, archive):
        self.archive = archive
        with zipfile.ZipFile(archive) as opened:
            self.files = sorted(name for name in opened.namelist() if name.endswith(".png"))
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with zipfile.ZipFile(self.archive) as opened, opened.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)


zipped, flags = Zipped("download.zip"), Zipped("flags.zip")
assert len(zipped) == len(raw) and zipped.classes == raw.classes, f"{len(zipped)} files"
for i in (0, 150, 299):
    torch.testing.assert_close(zipped[i], raw[i], rtol=0, atol=0)
assert len(flags) == 2 and flags.classes == ["a", "b"], "a before b, and no .DS_Store"
assert [flags[0][1], flags[1][1]] == [0, 1], "labels in the order of the classes"
assert torch.equal(flags[0][0], image), "other stripes than those in the zip"
held = vars(zipped).values()
assert not any(hasattr(value, "close") for value in held), "an open archive would be shared by all workers"
print(len(zipped), zipped.classes)


# %% Wrong: an archive that stays open tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.archive = zipfile.ZipFile(archive)
        self.files = sorted(name for name in self.archive.namelist() if name.endswith(".png"))
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with self.archive.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)


# %% Wrong: a file that stays open tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.file = open(archive, "rb")
        with zipfile.ZipFile(self.file) as opened:
            self.files = sorted(name for name in opened.namelist() if name.endswith(".png"))
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with zipfile.ZipFile(self.file) as opened, opened.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)


# %% Wrong: every picture taken for RGB tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.archive = archive
        with zipfile.ZipFile(archive) as opened:
            self.files = sorted(name for name in opened.namelist() if name.endswith(".png"))
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with zipfile.ZipFile(self.archive) as opened, opened.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file)))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)


# %% Wrong: unpacked after all tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.archive = archive
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(f"from {archive}")
        super().__init__(next(Path(f"from {archive}").iterdir()))


# %% Wrong: in the order of the archive tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.archive = archive
        with zipfile.ZipFile(archive) as opened:
            self.files = [name for name in opened.namelist() if name.endswith(".png")]
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with zipfile.ZipFile(self.archive) as opened, opened.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)


# %% Wrong: everything in the archive tags=["wrong"]
class Zipped(Pictures):
    def __init__(self, archive):
        self.archive = archive
        with zipfile.ZipFile(archive) as opened:
            self.files = sorted(name for name in opened.namelist() if not name.endswith("/"))
        self.classes = sorted({Path(name).parent.name for name in self.files})

    def __getitem__(self, i):
        name = self.files[i]
        with zipfile.ZipFile(self.archive) as opened, opened.open(name) as file:
            pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        return pixels.permute(2, 0, 1) / 255, self.classes.index(Path(name).parent.name)
