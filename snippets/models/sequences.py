"""Sequences: embedding, padding, packing, LSTM and GRU, attention, and what masks are for."""

# %% Three sentences, three states
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

# the numbers of their words
sentences = [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([5, 6])]
lengths = torch.tensor([3, 1, 2])
words = pad_sequence(sentences, batch_first=True)  # (sentence, step)

torch.manual_seed(0)
embedding = nn.Embedding(7, 4, padding_idx=0)  # 7 words, 4 features each
gru = nn.GRU(4, 5, batch_first=True)
options = {"batch_first": True, "enforce_sorted": False}
packed = pack_padded_sequence(embedding(words), lengths, **options)
outputs, hidden = gru(packed)
print(hidden[-1].shape)

# %% One column of words a step tags=["hide-input"]
import matplotlib.pyplot as plt
import torch.nn.functional as F


def draw_grid(ax, shade, labels, title):
    """Squares, dark where `shade` is near 1, with a label in each."""
    for (i, j), text in labels.items():
        ax.add_patch(plt.Rectangle((j - 0.45, i - 0.45), 0.9, 0.9, color="C0", alpha=0.08 + 0.6 * float(shade[i, j])))
        ax.text(j, i, text, ha="center", va="center")
    rows, columns = shade.shape
    ax.set(title=title, xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal")
    ax.set(xticks=range(columns), yticks=range(rows))


fig, (left, right) = plt.subplots(1, 2, figsize=(5, 1.9), layout="constrained")
places = [(i, j) for i in range(3) for j in range(3)]
draw_grid(left, (words > 0).float(), {(i, j): f"{words[i, j]}" for i, j in places}, "padded")
left.set(xlabel="step", ylabel="sentence")
ranked = words[lengths.argsort(descending=True)].tolist()
real = {(i, j): f"{ranked[i][j]}" for i, j in places if ranked[i][j]}
draw_grid(right, torch.ones(3, 3), real, "packed")
right.set(xlabel="step", ylabel="rank by length")
plt.show()

# %% Looking up adds an axis
vectors = embedding(words)  # (sentence, step, feature)
print(vectors.shape)
print(vectors[1, 1].tolist())  # the padding's vector

# %% All steps, and the last one
outputs, hidden = gru(vectors)
print(f"{outputs.shape = }")
print(f"{hidden.shape = }")


# %% A GRU by hand
def gru_by_hand(vectors, gru):
    """One layer, left to right; `vectors` are (sentence, step, feature)."""
    w_word, w_state, b_word, b_state = gru.parameters()
    hidden, outputs = vectors.new_zeros(len(vectors), gru.hidden_size), []
    for vector in vectors.unbind(1):
        word = F.linear(vector, w_word, b_word).chunk(3, dim=1)
        state = F.linear(hidden, w_state, b_state).chunk(3, dim=1)
        reset = torch.sigmoid(word[0] + state[0])
        keep = torch.sigmoid(word[1] + state[1])
        news = torch.tanh(word[2] + reset * state[2])
        hidden = keep * hidden + (1 - keep) * news
        outputs.append(hidden)
    return torch.stack(outputs, dim=1), hidden[None]


torch.testing.assert_close(gru_by_hand(vectors, gru), gru(vectors))

# %% By hand, with its gradients tags=["hide-input"]
for dtype in (torch.float32, torch.float64):
    for count, steps, features, size in [(1, 1, 1, 1), (3, 4, 2, 5), (2, 7, 6, 3)]:
        layer = nn.GRU(features, size, batch_first=True, dtype=dtype)
        given = torch.randn(count, steps, features, dtype=dtype, requires_grad=True)
        needed = [given, *layer.parameters()]
        mine, theirs = gru_by_hand(given, layer), layer(given)
        torch.testing.assert_close(mine, theirs)
        pull = torch.randn_like(mine[0])
        torch.testing.assert_close(
            torch.autograd.grad((mine[0] * pull).sum(), needed),
            torch.autograd.grad((theirs[0] * pull).sum(), needed),
        )
print("values and gradients agree")

# %% An LSTM hands back two states
lstm = nn.LSTM(4, 5, batch_first=True)
outputs, (hidden, cell) = lstm(vectors)
print(outputs.shape, hidden.shape, cell.shape)

# %% Layers and directions stack up
both = nn.GRU(4, 5, num_layers=2, bidirectional=True, batch_first=True)
outputs, hidden = both(vectors)
print(f"{outputs.shape = }")  # 2 directions · 5
print(f"{hidden.shape = }")  # 2 layers · 2 directions

# %% Three states for two sentences
forgetful = nn.GRU(4, 5)  # batch_first forgotten
outputs, hidden = forgetful(vectors[:2])
print(hidden.shape)

# %% One hidden state is not enough tags=["raises-exception"]
lstm(vectors, torch.zeros(1, 3, 5))

# %% One state for two layers is not enough tags=["raises-exception"]
nn.LSTM(4, 5, num_layers=2, batch_first=True)(vectors, torch.zeros(2, 3, 5))

# %% Another number of sentences tags=["raises-exception"]
gru(vectors[:2], torch.zeros(1, 3, 5))

# %% The state read the padding
with torch.no_grad():
    _, padded_state = gru(vectors)
    alone = [gru(embedding(sentence)[None])[1][0, 0] for sentence in sentences]
for state, own in zip(padded_state[0], alone):
    print(torch.allclose(state, own, atol=1e-6))

# %% Packed, each state is its own
with torch.no_grad():
    _, packed_state = gru(packed)
for state, own in zip(packed_state[0], alone):
    print(torch.allclose(state, own, atol=1e-6))

# %% Six vectors instead of nine
from torch.nn.utils.rnn import pad_packed_sequence

print(packed.data.shape)
print(packed.batch_sizes)
outputs, counted = pad_packed_sequence(gru(packed)[0], batch_first=True)
print(outputs.shape, counted)

# %% Shortest first is refused tags=["raises-exception"]
pack_padded_sequence(vectors, torch.tensor([1, 3, 2]), batch_first=True)

# %% A sentence without words tags=["raises-exception"]
pack_padded_sequence(vectors, torch.tensor([3, 0, 2]), True, False)

# %% Four words in three steps tags=["raises-exception"]
beyond = pack_padded_sequence(vectors, torch.tensor([4, 1, 2]), **options)
gru(beyond)

# %% Lengths stay on the CPU tags=["raises-exception"]
pack_padded_sequence(vectors, lengths.to("meta"), batch_first=True)

# %% Yesterday's graph is gone tags=["raises-exception"]
state = None
for part in vectors.detach().split(1, dim=1):  # piece by piece
    outputs, state = gru(part, state)
    outputs.sum().backward()

# %% Keep the numbers, drop the graph
state = None
for part in vectors.detach().split(1, dim=1):
    outputs, state = gru(part, state)
    outputs.sum().backward()
    state = state.detach()
print(torch.allclose(state, padded_state))


# %% Attention is a weighted mean
def attention(query, key, value, may_look=None):
    """For each query, the values' mean, weighted by the fit of their keys."""
    scores = query @ key.mT / key.shape[-1] ** 0.5  # (query, key)
    if may_look is not None:
        scores = scores.masked_fill(~may_look, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


key = 9 * torch.eye(4)[:3]  # (3, 4)
query = torch.tensor([[2.0, 0, 0, 0], [0, 0, 0, 0], [0, 2, 2, 0]])
value = torch.tensor([[10.0], [20], [30]])
answer, weights = attention(query, key, value)
print(weights.round(decimals=2))
print(answer.round(decimals=1).T)

# %% Attention against the library tags=["hide-input"]
for dtype in (torch.float32, torch.float64):
    for before, queries, keys, features, size in [
        ((), 1, 1, 1, 1),
        ((), 5, 5, 4, 4),
        ((2,), 3, 3, 8, 8),
        ((2, 4), 3, 3, 2, 2),
        ((2,), 4, 6, 3, 5),  # questions of one sentence to another
    ]:
        given = [
            torch.randn(*before, *shape, dtype=dtype, requires_grad=True)
            for shape in [(queries, features), (keys, features), (keys, size)]
        ]
        lower = torch.ones(queries, keys, dtype=torch.bool).tril()
        for mask in (None, lower, torch.arange(keys) < max(1, keys - 1)):
            mask = mask if mask is None else mask.expand(queries, keys)
            mine, theirs = attention(*given, mask)[0], F.scaled_dot_product_attention(*given, attn_mask=mask)
            torch.testing.assert_close(mine, theirs)
            pull = torch.randn_like(mine)
            torch.testing.assert_close(
                torch.autograd.grad((mine * pull).sum(), given), torch.autograd.grad((theirs * pull).sum(), given)
            )
print("values and gradients agree")

# %% Why divide by the root
torch.manual_seed(0)
for features in (4, 64, 1024):
    scores = torch.randn(1000, features) @ torch.randn(1000, features).T
    divided = scores / features**0.5
    sharp, soft = (s.softmax(dim=-1).amax(-1).mean() for s in (scores, divided))
    print(f"{features:5} features: largest weight {sharp:.1f} or {soft:.2f}")

# %% Real words, from their lengths
real = torch.arange(3) < lengths[:, None]  # (sentence, step)
look_at_real = real[:, None, :]  # (sentence, query, key)
answer, weights = attention(vectors, vectors, vectors, look_at_real)
print(real)
print(look_at_real.shape)

# %% Three masks in pictures tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(7, 2.8), layout="constrained")
allowed = {
    "no mask": torch.ones(3, 3).bool(),
    "sentence of 2": real[2].expand(3, 3),
    "causal": torch.ones(3, 3).bool().tril(),
}
for ax, (title, may_look) in zip(axes, allowed.items()):
    even = attention(torch.zeros(3, 4), key, value, may_look)[1]
    draw_grid(ax, even, {(i, j): f"{even[i, j]:.2f}" for i, j in places}, title)
    ax.set(xlabel="key")
axes[0].set(ylabel="query")
plt.show()

# %% No look into the future
past = torch.ones(3, 3, dtype=torch.bool).tril()
print(past)
three = (vectors, vectors, vectors)  # query, key, value
causal = F.scaled_dot_product_attention(*three, is_causal=True)
print(torch.allclose(causal, attention(*three, past)[0]))

# %% True means the opposite
mha = nn.MultiheadAttention(4, num_heads=2, batch_first=True)
right, _ = mha(*three, key_padding_mask=~real)
wrong, _ = mha(*three, key_padding_mask=real)
print(wrong[:, 0].isnan().any(dim=-1))

# %% A gentle bias becomes a wall
layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
gentle = torch.where(past, 0.0, -0.1)  # the future counts a little less
print(layer(vectors, gentle).allclose(layer(vectors, ~past), atol=1e-6))
with torch.no_grad():
    print(layer(vectors, gentle).allclose(layer(vectors, ~past), atol=1e-6))


# %% Two heads by hand
def two_heads(x, mha, may_look=None):
    """Self-attention of `mha`: (sentence, step, feature) in and out."""
    mixed = F.linear(x, mha.in_proj_weight, mha.in_proj_bias)
    heads = mixed.unflatten(-1, (3, mha.num_heads, -1))
    query, key, value = heads.permute(2, 0, 3, 1, 4)  # axes: …, head, step, …
    answer, _ = attention(query, key, value, may_look)
    return mha.out_proj(answer.transpose(1, 2).flatten(2))


by_hand = two_heads(vectors, mha, real[:, None, None, :])
print(torch.allclose(by_hand, right, atol=1e-6))

# %% Heads against the library tags=["hide-input"]
for dtype in (torch.float32, torch.float64):
    for count, steps, features, number in [(1, 1, 2, 1), (3, 4, 6, 3), (2, 5, 8, 2)]:
        layer = nn.MultiheadAttention(features, number, batch_first=True, dtype=dtype)
        nn.init.normal_(layer.in_proj_bias)
        given = torch.randn(count, steps, features, dtype=dtype, requires_grad=True)
        needed = [given, *layer.parameters()]
        kept = torch.arange(steps) < torch.randint(1, steps + 1, (count, 1))  # (sentence, step)
        lower = torch.ones(steps, steps, dtype=torch.bool).tril()
        for may_look, hidden_from in [
            (None, {}),
            (lower, {"attn_mask": ~lower}),
            (kept[:, None, None], {"key_padding_mask": ~kept}),
            (kept[:, None, None] & lower, {"key_padding_mask": ~kept, "attn_mask": ~lower}),
        ]:
            mine, theirs = two_heads(given, layer, may_look), layer(given, given, given, **hidden_from)[0]
            torch.testing.assert_close(mine, theirs)
            pull = torch.randn_like(mine)
            torch.testing.assert_close(
                torch.autograd.grad((mine * pull).sum(), needed), torch.autograd.grad((theirs * pull).sum(), needed)
            )
print("values and gradients agree")

# %% The order is not seen
backwards = vectors.flip(1)
answers, turned = two_heads(vectors, mha), two_heads(backwards, mha)
print(torch.allclose(turned.flip(1), answers, atol=1e-6))

place = nn.Embedding(3, 4)(torch.arange(3))  # one vector for each step
answers = two_heads(vectors + place, mha)
turned = two_heads(backwards + place, mha)
print(torch.allclose(turned.flip(1), answers, atol=1e-6))

# %% Padding is left out of the loss
logits = torch.zeros(3, 3, 7)  # (sentence, step, word)
logits[0, 0, 2] = 9.0  # sure, and right
targets = torch.tensor([[2, 3, 0], [0, 0, 0], [6, 0, 0]])  # the next words
classes_second = logits.transpose(1, 2)
print(F.cross_entropy(classes_second, targets).round(decimals=2))
real_only = F.cross_entropy(classes_second, targets, ignore_index=0)
print(real_only.round(decimals=2))

# %% The classes must come second tags=["raises-exception"]
F.cross_entropy(logits, targets, ignore_index=0)


# %% Exercise: the mean of the real words tags=["exercise"]
def mean_of_words(vectors, lengths):
    """For each sentence, the mean of its first `length` vectors."""
    return vectors.mean(dim=1)


dirty = torch.arange(24.0).view(2, 3, 4)  # the padding holds numbers, too
spec = torch.stack([dirty[0, :3].mean(dim=0), dirty[1, :1].mean(dim=0)])
assert torch.allclose(mean_of_words(dirty, torch.tensor([3, 1])), spec)
assert mean_of_words(dirty[:, :2], torch.tensor([1, 1])).equal(dirty[:, 0])
assert dirty[1, 2, 3] == 23, "the caller's vectors stay as they were"


# %% Solution: the mean of the real words tags=["solution"]
def mean_of_words(vectors, lengths):
    """For each sentence, the mean of its first `length` vectors."""
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return (vectors * real[:, :, None]).sum(dim=1) / lengths[:, None]


assert torch.allclose(mean_of_words(dirty, torch.tensor([3, 1])), spec)
ones_mean = torch.tensor([[1.0], [1.0]])
assert torch.equal(mean_of_words(torch.ones(2, 3, 1), lengths[[0, 2]]), ones_mean)


# %% Wrong: zeros counted in the mean tags=["wrong"]
def mean_of_words(vectors, lengths):
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return (vectors * real[:, :, None]).mean(dim=1)


# %% Wrong: the padding added up tags=["wrong"]
def mean_of_words(vectors, lengths):
    return vectors.sum(dim=1) / lengths[:, None]


# %% Wrong: one word too many tags=["wrong"]
def mean_of_words(vectors, lengths):
    real = torch.arange(vectors.shape[1]) <= lengths[:, None]
    return (vectors * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)


# %% Wrong: three steps for ever tags=["wrong"]
def mean_of_words(vectors, lengths):
    real = torch.arange(3) < lengths[:, None]
    return (vectors * real[:, :, None]).sum(dim=1) / lengths[:, None]


# %% Wrong: zeros written into the caller's tags=["wrong"]
def mean_of_words(vectors, lengths):
    vectors[torch.arange(vectors.shape[1]) >= lengths[:, None]] = 0
    return vectors.sum(dim=1) / lengths[:, None]


# %% Wrong: what is zero is padding tags=["wrong"]
def mean_of_words(vectors, lengths):
    real = (vectors != 0).any(dim=-1, keepdim=True)
    return (vectors * real).sum(dim=1) / real.sum(dim=1)


# %% Exercise: both ends of a sentence tags=["exercise"]
def read_both_ways(gru, vectors, lengths):
    """Upper layer: the state at the end, beside that of the way back."""
    outputs, hidden = gru(vectors)
    return outputs[:, -1]


with torch.no_grad():
    ends = [both(embedding(s)[None])[0][0] for s in sentences]  # each alone
    spec = torch.stack([torch.cat([e[-1, :5], e[0, 5:]]) for e in ends])
    answer = read_both_ways(both, vectors, lengths)
    assert torch.allclose(answer, spec, atol=1e-6)


# %% Solution: both ends of a sentence tags=["solution"]
def read_both_ways(gru, vectors, lengths):
    """Upper layer: the state at the end, beside that of the way back."""
    packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
    _, hidden = gru(packed)
    return torch.cat([hidden[-2], hidden[-1]], dim=1)


with torch.no_grad():
    answer = read_both_ways(both, vectors, lengths)
    assert torch.allclose(answer, spec, atol=1e-6)


# %% Wrong: the states of the padded tags=["wrong"]
def read_both_ways(gru, vectors, lengths):
    return torch.cat([*gru(vectors)[1][-2:]], dim=1)


# %% Wrong: the last real column tags=["wrong"]
def read_both_ways(gru, vectors, lengths):
    packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
    outputs, _ = pad_packed_sequence(gru(packed)[0], batch_first=True)
    return outputs[torch.arange(len(outputs)), lengths - 1]


# %% Wrong: a reshape for a transpose tags=["wrong"]
def read_both_ways(gru, vectors, lengths):
    packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
    return gru(packed)[1][-2:].reshape(len(vectors), -1)


# %% Wrong: sorted, and left so tags=["wrong"]
def read_both_ways(gru, vectors, lengths):
    order = lengths.argsort(descending=True)
    packed = pack_padded_sequence(vectors[order], lengths[order], True)
    return torch.cat([*gru(packed)[1][-2:]], dim=1)


# %% Wrong: the lower layer tags=["wrong"]
def read_both_ways(gru, vectors, lengths):
    packed = pack_padded_sequence(vectors, lengths, True, enforce_sorted=False)
    return torch.cat([*gru(packed)[1][:2]], dim=1)


# %% Exercise: past, and real tags=["exercise"]
def may_look(lengths, steps):
    """(sentence, query, key): is the key real, and not after the query?"""
    return torch.ones(steps, steps, dtype=torch.bool).tril()


mask = may_look(torch.tensor([3, 1]), 3)
spec = torch.zeros(2, 3, 3, dtype=torch.bool)
for i, length in enumerate([3, 1]):
    for q in range(3):
        for k in range(3):
            spec[i, q, k] = k < length and k <= q
assert mask.dtype == torch.bool, "floats would be added to the scores"
assert mask.shape == spec.shape and mask.equal(spec)
assert may_look(torch.tensor([1]), 2).equal(spec[1:, :2, :2])


# %% Solution: past, and real tags=["solution"]
def may_look(lengths, steps):
    """(sentence, query, key): is the key real, and not after the query?"""
    step = torch.arange(steps)
    return (step < lengths[:, None, None]) & (step <= step[:, None])


mask = may_look(torch.tensor([3, 1]), 3)
assert mask.dtype == torch.bool, "floats would be added to the scores"
assert mask.shape == spec.shape and mask.equal(spec)
masked = F.scaled_dot_product_attention(*three, attn_mask=may_look(lengths, 3))
assert torch.allclose(masked[1, 0], vectors[1, 0])  # one word looks at itself


# %% Wrong: real, and the future tags=["wrong"]
def may_look(lengths, steps):
    return (torch.arange(steps) < lengths[:, None])[:, None, :].expand(-1, steps, -1)


# %% Wrong: the queries are real, not the keys tags=["wrong"]
def may_look(lengths, steps):
    step = torch.arange(steps)
    return (step[:, None] < lengths[:, None, None]) & (step <= step[:, None])


# %% Wrong: the padding asks nobody tags=["wrong"]
def may_look(lengths, steps):
    real = torch.arange(steps) < lengths[:, None]
    return real[:, None, :] & real[:, :, None] & torch.ones(steps, steps).bool().tril()


# %% Wrong: three steps whatever is asked tags=["wrong"]
def may_look(lengths, steps):
    step = torch.arange(3)
    return (step < lengths[:, None, None]) & (step <= step[:, None])


# %% Wrong: ones and zeros tags=["wrong"]
def may_look(lengths, steps):
    step = torch.arange(steps)
    return ((step < lengths[:, None, None]) & (step <= step[:, None])).float()


# %% Wrong: no look at itself tags=["wrong"]
def may_look(lengths, steps):
    step = torch.arange(steps)
    return (step < lengths[:, None, None]) & (step < step[:, None])
