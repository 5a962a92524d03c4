# %% [markdown]
# # A small language model
#
# A **language model** is a function that looks at a text and says how likely each next character is, or each next piece of a word.
# Yours will be a small **transformer**, a network in which places of the text look at each other, here each at itself and those before it, with 17 thousand numbers to learn.
# It trains for a few seconds on a text that you can read whole, so you can see what it has learned, and what it has only learned by heart.
#
# The layers are written by hand first and compared with PyTorch's.
# [Sequences](../models/sequences.md) explains attention and masks one by one; here they are put to work.
#
# ## The text
#
# A poem about programming ships with Python and prints itself when first imported.

# %% The whole text
import this

print(len(this.s))

# %% [markdown]
# The module keeps it with its letters turned by 13 places; turn them back, and number the characters that occur.

# %% Characters become numbers
import codecs

import torch

zen = codecs.decode(this.s, "rot13")
characters = sorted(set(zen))
number = {character: i for i, character in enumerate(characters)}
text = torch.tensor([number[character] for character in zen])
print(len(characters))
print(text[:9])
print([characters[i] for i in text[:9]])

# %% [markdown]
# Of the `len(zen)`{.value} characters there are `len(characters)`{.value} kinds; a line break is one of them (`characters[0] == "\n"`{.proof}).
# Nothing is lost on the way: `"".join(characters[i] for i in text) == zen`{.proof}.
#
# A model is wanted for text it has not seen, so hold back the last six lines.

# %% The last lines are held back
start = zen.index("Although that way")
train, held = text[:start], text[start:]
print(len(train), len(held))

# %% [markdown]
# ## Guesses without a network
#
# How good is a guess?
# The loss of a language model is the mean of −ln *p*, where *p* is the probability it gave to the character that came.
# Whoever knows nothing gives each of the `len(characters)`{.value} the same chance.

# %% Knowing nothing
nothing = -torch.tensor(1 / 45).log()
print(f"{nothing:.2f}")

# %% [markdown]
# That is ln `len(characters)`{.value}, the number to beat.
#
# Some characters are more frequent than others, and what comes next depends on what came last.
# Both can be counted.


# %% Counting single characters, and pairs
def loss_of(chances):
    """The mean of -ln of the chances that the characters had."""
    return -chances.log().mean()


before, after = train[:-1], train[1:]
singles = after.bincount(minlength=45) / len(after)
pairs = torch.zeros(45, 45)
pairs.index_put_((before, after), torch.tensor(1.0), accumulate=True)
pair_chances = pairs / pairs.sum(dim=1, keepdim=True).clamp(min=1)

counted = loss_of(pair_chances[before, after])
print(f"single characters {loss_of(singles[after]):.2f}")
print(f"pairs of characters {counted:.2f}")

# %% [markdown]
# The table of pairs knows, for each character of these lines, what followed it.

# %% What follows a letter
for letter in "bht":
    chances, places = pair_chances[number[letter]].topk(2)
    guesses = [f"{characters[i]!r} {p:.2f}" for i, p in zip(places, chances)]
    print(letter, "→", *guesses)

# %% [markdown]
# A model of chances can also write: draw a character, look up its row, draw the next.

# %% The table writes
torch.manual_seed(0)
last = number["T"]
written = "T"
for _ in range(60):
    last = pair_chances[last].multinomial(1).item()
    written += characters[last]
print(written)

# %% [markdown]
# Each pair of neighbours is from the lines it counted (`all(a + b in zen[:start] for a, b in zip(written, written[1:]))`{.proof}); beyond that it is chance.
#
# ## A table that learns to count
#
# Now let a model find that table.
# An [embedding](../tensors/gather.md#rows-from-a-table) with a row for each character and `len(characters)`{.value} numbers in a row is a model already: look up the last character, and take its row as the **logits** of the next one.
# [`cross_entropy`](../training/losses.md#cross_entropy-minus-the-log-of-one-chance) turns logits into chances by softmax, and gives the loss.

# %% An embedding learns the pairs
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
table = nn.Embedding(45, 45)
optimizer = torch.optim.Adam(table.parameters(), lr=0.1)
for step in range(200):
    loss = F.cross_entropy(table(before), after)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"learned {loss:.2f}, counted {counted:.2f}")

# %% [markdown]
# It learned to count: its chances are those of the pairs, wherever there was something to count (`torch.allclose(table(before).softmax(1), pair_chances[before], atol=0.02)`{.proof}).
# For a model that sees one character, no loss on these lines is lower than the counted one (`loss > counted`{.proof}).
# To get below it, a model has to look further back.
#
# ## Windows
#
# A training example is a window of 32 characters, and the same window moved by one: at each of its places, the next character is the answer.

# %% The answer is one further on
size = 32
windows = train.unfold(0, size + 1, 1)  # (window, 33), a view
inputs, targets = windows[:, :-1], windows[:, 1:]
for row in (inputs[0], targets[0]):
    print(repr("".join(characters[i] for i in row)))

# %% [markdown]
# So one window asks 32 questions at once, with one to 32 characters to look at.
# The windows overlap, and are no copies: `windows.data_ptr() == train.data_ptr()`{.proof}.
#
# ## Attention, by hand
#
# Attention lets places ask each other; here each asks itself and all before it.
# A place has a **query**, what it looks for, a **key**, what it can be found by, and a **value**, what it gives.
# The answer is a mean of the values, weighted by how well keys fit the query; a **mask** keeps the future out.


# %% A mean of the values so far
def attention(query, key, value):
    """Each (…, place, feature); a place sees itself and those before it."""
    scores = query @ key.mT / key.shape[-1] ** 0.5  # (…, query, key)
    past = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    weights = scores.masked_fill(~past, -torch.inf).softmax(dim=-1)
    return weights @ value


torch.manual_seed(0)
query, key, value = torch.randn(3, 5, 2, size, 16).unbind()
by_library = F.scaled_dot_product_attention(query, key, value, is_causal=True)
print(torch.allclose(attention(query, key, value), by_library, atol=1e-6))

# %% [markdown]
# The gradients agree too, in `float32` and `float64` and other shapes, and so does a mask of your own in the place of `is_causal`.

# %% The gradients agree too tags=["hide-input"]
cases = 0
for dtype in (torch.float32, torch.float64):
    for shape in [(1, 1), (7, 3), (2, 3, 5, 4)]:
        given = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]
        answer = attention(*given)
        causal = torch.ones(shape[-2], shape[-2], dtype=torch.bool).tril()
        for options in ({"is_causal": True}, {"attn_mask": causal}):
            expected = F.scaled_dot_product_attention(*given, **options)
            torch.testing.assert_close(answer, expected)
            torch.testing.assert_close(
                torch.autograd.grad(answer.sin().sum(), given, retain_graph=True),
                torch.autograd.grad(expected.sin().sum(), given),
            )
            cases += 1
print(cases, "comparisons passed")

# %% [markdown]
# A **block** of a transformer lets the places look at each other, then lets each think for itself in two linear layers.
# Both times the result is *added* to what was there.
# `LayerNorm` brings the features of each place to mean 0 and spread 1 beforehand, and learns to scale and shift them.


# %% A block looks, then thinks
class Block(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(features)
        self.ask = nn.Linear(features, 3 * features)
        self.mix = nn.Linear(features, features)
        self.norm2 = nn.LayerNorm(features)
        self.think = nn.Sequential(
            nn.Linear(features, 4 * features),
            nn.ReLU(),
            nn.Linear(4 * features, features),
        )

    def forward(self, x):  # (window, place, feature)
        parts = self.ask(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.mix(seen)
        return x + self.think(self.norm2(x))


# %% [markdown]
# The features are dealt out to two **heads**, which can look for different things.
# [`nn.TransformerEncoderLayer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html) is the same block, if you ask for `norm_first` and no dropout, and give it a mask.
# Give it your weights, in its order, and compare.

# %% The library's block agrees
torch.manual_seed(0)
block = Block(32, heads=2)
ready = nn.TransformerEncoderLayer(
    32,
    nhead=2,
    dim_feedforward=128,
    dropout=0.0,
    batch_first=True,
    norm_first=True,
)
mine = [block.ask, block.mix, *block.think[::2], block.norm1, block.norm2]
with torch.no_grad():
    ours = [p for layer in mine for p in (layer.weight, layer.bias)]
    for theirs, our in zip(ready.parameters(), ours, strict=True):
        theirs.copy_(our)

x = torch.randn(4, size, 32)
future = torch.ones(size, size, dtype=torch.bool).triu(1)  # True: may not look
print(torch.allclose(block(x), ready(x, src_mask=future), atol=1e-5))

# %% [markdown]
# Mind the mask: there, `True` hides.
# For other sizes, and for the gradients, the comparison is folded here.


# %% The gradients of the block tags=["hide-input"]
def compare_blocks(places, features, heads, dtype):
    block = Block(features, heads).to(dtype)
    ready = nn.TransformerEncoderLayer(features, heads, 4 * features, dropout=0.0, batch_first=True, norm_first=True)
    ready.to(dtype)
    mine = [block.ask, block.mix, *block.think[::2], block.norm1, block.norm2]
    ours = [p for layer in mine for p in (layer.weight, layer.bias)]
    with torch.no_grad():
        for theirs, our in zip(ready.parameters(), ours, strict=True):
            theirs.copy_(our.normal_())
    x = torch.randn(3, places, features, dtype=dtype, requires_grad=True)
    mask = torch.ones(places, places, dtype=torch.bool).triu(1)
    answer, by_library = block(x), ready(x, src_mask=mask)
    near = {"atol": 1e-9, "rtol": 1e-9} if dtype == torch.float64 else {"atol": 1e-3, "rtol": 1e-3}
    torch.testing.assert_close(answer, by_library, **near)
    torch.testing.assert_close(
        torch.autograd.grad(answer.sin().sum(), [x, *ours]),
        torch.autograd.grad(by_library.sin().sum(), [x, *ready.parameters()]),
        **near,
    )


cases = 0
for dtype in (torch.float32, torch.float64):
    for places, features, heads in [(1, 2, 1), (5, 6, 3), (9, 8, 2)]:
        compare_blocks(places, features, heads, dtype)
        cases += 1
print(cases, "comparisons passed")

# %% [markdown]
# ## The model
#
# Attention takes a mean, and a mean has [no order](../models/sequences.md#nnmultiheadattention-by-hand): shuffle what stands before a place, and one block's answer there is the same (`torch.allclose(block(x)[:, -1], block(torch.cat([x[:, :-1].flip(1), x[:, -1:]], dim=1))[:, -1], atol=1e-5)`{.proof}).
# So each place gets a vector of its own, added to that of its character.


# %% Characters in, logits out
class LanguageModel(nn.Module):
    def __init__(self, features=32, heads=2):
        super().__init__()
        self.character = nn.Embedding(45, features)
        self.place = nn.Embedding(size, features)
        self.block = Block(features, heads)
        self.norm = nn.LayerNorm(features)
        self.guess = nn.Linear(features, 45)

    def forward(self, numbers):  # (window, place)
        places = torch.arange(numbers.shape[1])
        x = self.character(numbers) + self.place(places)
        return self.guess(self.norm(self.block(x)))  # (window, place, 45)


torch.manual_seed(0)
model = LanguageModel()
logits = model(inputs)
print(logits.shape)
print(sum(parameter.numel() for parameter in model.parameters()))

# %% [markdown]
# Two tests before any training.
# An untrained model should know nothing, so its loss should be [near ln 45](../training/init.md#the-first-loss-tests-the-start); and changing a later character must not change an earlier guess, or the model reads its answers in the question.

# %% Does it start at ln 45, and not cheat
first_loss = F.cross_entropy(logits.transpose(1, 2), targets)
print(f"{first_loss:.1f}, ln 45 is {nothing:.1f}")

changed = inputs[:1].clone()
changed[0, 20] = number["!"]
same = torch.isclose(model(changed)[0], logits[0], atol=1e-5).all(dim=1)
print(same[:20].all(), same[20:].any())

# %% [markdown]
# The guesses are the same up to place 19, and from place 20 on they differ.
# (`cross_entropy` wants the classes [on axis 1](../models/sequences.md#a-loss-that-ignores-padding), hence the `transpose`.)
#
# ## Training
#
# Sixteen windows a step, chosen at random, and every twenty steps a look at the lines held back.
#
# The [learning rate](../training/descent.md#learning-rate-too-small-too-large) sinks from 0.01 to a twentieth of it, so that the last steps are small.

# %% Training, watched on both texts
held_windows = held.unfold(0, size + 1, 1)


@torch.no_grad()
def loss_on(model, windows):
    logits = model(windows[:, :-1])
    return F.cross_entropy(logits.transpose(1, 2), windows[:, 1:]).item()


torch.manual_seed(0)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, 300)
seen, unseen = [], []
for step in range(300):
    if step % 20 == 0:
        seen.append(loss_on(model, windows[::8]))
        unseen.append(loss_on(model, held_windows[::8]))
    batch = windows[torch.randint(len(windows), (16,))]
    logits = model(batch[:, :-1])
    loss = F.cross_entropy(logits.transpose(1, 2), batch[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
seen.append(loss_on(model, windows[::8]))
unseen.append(loss_on(model, held_windows[::8]))
print(f"lowest loss on the lines held back: {min(unseen):.1f}")

# %% [markdown]
# On the lines it trains on, the model goes far below the table of pairs (`seen[-1] < counted / 4`{.proof}): it uses what stands further back than one character.

# %% One falls, one turns tags=["volatile"]
import matplotlib.pyplot as plt

fig, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.plot(range(0, 301, 20), seen, label="trained on")
axes.plot(range(0, 301, 20), unseen, label="held back")
axes.axhline(nothing, color="gray", linestyle="--", label="knowing nothing")
axes.axhline(counted, color="gray", linestyle=":", label="pairs, counted")
axes.set(title="It learns by heart", xlabel="step", ylabel="loss")
axes.legend(ncols=2, fontsize="small")
plt.show()

# %% [markdown]
# On the lines it never saw, the loss falls too (`min(unseen) < nothing - 0.5`{.proof}), but turns before step 100 (`unseen.index(min(unseen)) < 5`{.proof}), and in the end it is above the line of those who know nothing (`unseen[-1] > nothing`{.proof}).
# (The dotted line is of the lines trained on. In those held back stand pairs that the table never saw, and gave no chance: there its loss is infinite, `loss_of(pair_chances[held[:-1], held[1:]]) == torch.inf`{.proof}.)
# The model has become sure, and about new lines it is sure and wrong; [overfitting](line_to_network.py#too-much-of-a-good-thing) again.
# No wonder, with `sum(p.numel() for p in model.parameters()):,`{.value} numbers for `len(train)`{.value} characters.
#
# e to the power of the loss is called **perplexity**: the number of faces that a die would need in order to surprise you as much.

# %% Faces of a die
print(f"knowing nothing {nothing.exp():.0f}")
print(f"pairs, counted {counted.exp():.0f}")
print(f"trained on {torch.tensor(seen[-1]).exp():.1f}")

# %% [markdown]
# ## Letting it write
#
# To write, ask for the next character, append it, ask again.
# The model sees no more than the last 32, since it has no vectors for further places.
# The most likely character each time is the cautious way.


# %% Say one character after another
@torch.no_grad()
def write(model, prompts, count, temperature=0.0):
    """`count` more characters behind each of `prompts`, (prompt, place)."""
    numbers = prompts
    for _ in range(count):
        logits = model(numbers[:, -size:])[:, -1]  # what the last place says
        if temperature:
            chances = (logits / temperature).softmax(dim=1)
            following = chances.multinomial(1)
        else:
            following = logits.argmax(dim=1, keepdim=True)
        numbers = torch.cat([numbers, following], dim=1)
    return ["".join(characters[i] for i in row) for row in numbers]


said = []
for opening, count in [("Errors", 28), ("In the face", 21), ("Readability", 14)]:
    prompt = torch.tensor([[number[character] for character in opening]])
    said += write(model, prompt, count)
    print(said[-1])

# %% [markdown]
# Two of these are recited, the third is in no line (`[line in zen for line in said] == [True, True, False]`{.proof}): in the text, readability *counts*, and it is practicality that beats purity.
# Both words end in "ity", and perhaps that is where the model crossed from one line to the other.
# The result is good English, likely, and not what the text says; nothing in the model could tell.
#
# ## Temperature
#
# Dividing the logits by a **temperature** before the softmax makes a model bolder or more careful.
# Here are its chances after "Beautiful is better than ".

# %% Three temperatures, one question tags=["volatile"]
opening = "Beautiful is better than "
prompt = torch.tensor([[number[character] for character in opening]])
with torch.no_grad():
    logits = model(prompt)[0, -1]
likely = logits.topk(8).indices
fig, row = plt.subplots(
    ncols=3,
    figsize=(7, 2.4),
    sharey=True,
    layout="constrained",
)
for axes, temperature in zip(row, (0.5, 1.0, 3.0)):
    chances = (logits / temperature).softmax(dim=0)
    axes.bar(range(8), chances[likely])
    axes.set(title=f"temperature {temperature}", xlabel="rank of the character")
    axes.set_xticks(range(8))
row[0].set_ylabel("chance")
plt.show()

# %% [markdown]
# The order stays, the differences change: towards 0 the most likely takes all, as in `argmax`, and with a high temperature all become equal.
# So let it write 50 characters behind each of 32 line breaks, at four temperatures, and ask how many of the words are words of the text.
# (The page shows what came out in this build; a processor that rounds differently can draw other words.)

# %% Bolder, and less often a word tags=["volatile"]
words = set(zen.split())
shares = []
for temperature in (0.25, 0.5, 1.0, 2.0):
    torch.manual_seed(0)
    openings = torch.zeros(32, 1, dtype=torch.int64)  # a line break each
    lines = write(model, openings, 50, temperature)
    spelled = [word for line in lines for word in line.split()[:-1]]
    shares.append(sum(word in words for word in spelled) / len(spelled))
    print(f"{temperature:4}: {shares[-1]:.2f} of {len(spelled)}")

# %% [markdown]
# The higher the temperature, the fewer (`shares[0] > shares[2] > shares[3]`{.proof}), at 2.0 hardly any (`shares[3] < 0.25`{.proof}).
# The same seed writes the same lines again: `(torch.manual_seed(3), write(model, openings[:2], 20, 1.0))[1] == (torch.manual_seed(3), write(model, openings[:2], 20, 1.0))[1]`{.proof}.
#
# ## What a large one has more of
#
# More text, so that reciting no longer pays; pieces of words instead of characters; many blocks where you have one.
# The loss, the mask and the loop can stay those of this page; in place of `attention` you would call the library's, which you have compared with yours.
#
# Try it: put a longer text into `zen`, some of your letters or a chapter of a book, with its own count of characters for each 45 and another `start`; write characters that occur where the page names some.
# Train for more steps, and see how much later the upper curve turns.
# (A whole book is too much for `model(inputs)`, which takes all windows at once.)
