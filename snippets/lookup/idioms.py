"""Old idioms of PyTorch, each above today's: a cell, and the cell of the same name "today"."""

# %% Names that the rows share
import warnings

import torch
import torch.nn.functional as F
from torch import nn

torch.set_warn_always(True)  # torch gives some warnings once a process
warnings.simplefilter("always")  # and Python hides a library's DeprecationWarning

image = torch.arange(6.0).reshape(2, 3)
mask = image > 2
matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
right = torch.tensor([[3.0], [5.0]])
scores = torch.tensor([[2.0, 0.5, -1.0]])

# %% Variable
from torch.autograd import Variable

x = Variable(torch.ones(2), requires_grad=True)
x

# %% Variable, today
x = torch.ones(2, requires_grad=True)
x

# %% Variable.data and grad_fn
product = Variable(torch.ones(2), requires_grad=True) * 3
product.data, product.grad_fn.name()

# %% Variable.data and grad_fn, today
product = torch.ones(2, requires_grad=True) * 3
product.detach(), product.grad_fn.name()

# %% volatile
x = Variable(torch.ones(2), volatile=True)
nn.Linear(2, 1)(x).requires_grad

# %% volatile, today
with torch.no_grad():
    x = nn.Linear(2, 1)(torch.ones(2))
x.requires_grad

# %% loss.data[0] tags=["raises-exception"]
loss = torch.tensor(0.5)
print(loss.data[0])

# %% loss.data[0], today
loss = torch.tensor(0.5)
print(loss.item())

# %% A step through data
weight = torch.ones(2, requires_grad=True)
weight.sum().backward()
weight.data -= 0.1 * weight.grad.data
weight

# %% A step through data, today
weight = torch.ones(2, requires_grad=True)
weight.sum().backward()
with torch.no_grad():
    weight -= 0.1 * weight.grad
weight

# %% grad.data.zero_ after zero_grad tags=["raises-exception"]
optimizer = torch.optim.SGD([weight], lr=0.1)
optimizer.zero_grad()
weight.grad.data.zero_()

# %% grad.data.zero_ after zero_grad, today
optimizer.zero_grad()
print(weight.grad)


# %% A Function with self tags=["raises-exception"]
class Double(torch.autograd.Function):
    def forward(self, x):
        return 2 * x

    def backward(self, grad):
        return 2 * grad


Double()(image)


# %% A Function with self, today
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


Double.apply(image)

# %% register_backward_hook
layer = nn.Linear(3, 1)
layer.register_backward_hook(lambda layer, before, after: print("hook"))
layer(image.clone().requires_grad_()).sum().backward()

# %% register_backward_hook, today
layer = nn.Linear(3, 1)
layer.register_full_backward_hook(lambda layer, before, after: print("hook"))
layer(image.clone().requires_grad_()).sum().backward()

# %% checkpoint without use_reentrant
from torch.utils.checkpoint import checkpoint

checkpoint(torch.sin, weight).requires_grad

# %% checkpoint without use_reentrant, today
checkpoint(torch.sin, weight, use_reentrant=False).requires_grad

# %% torch.Tensor of numbers
torch.Tensor([1, 2, 3])

# %% torch.Tensor of numbers, today
torch.tensor([1, 2, 3])

# %% torch.Tensor of an array
import numpy as np

array = np.array([0.1, 0.2])
torch.Tensor(array)

# %% torch.Tensor of an array, today
torch.as_tensor(array)

# %% FloatTensor of sizes
torch.FloatTensor(2, 3).zero_()

# %% FloatTensor of sizes, today
torch.zeros(2, 3)

# %% LongTensor
torch.LongTensor([1, 2])

# %% LongTensor, today
torch.tensor([1, 2])

# %% Tensor.new
image.new(2).fill_(7)

# %% Tensor.new, today
image.new_full((2,), 7)

# %% torch.tensor of a tensor
torch.tensor(image)

# %% torch.tensor of a tensor, today
image.clone()

# %% torch.range
torch.range(0, 3)

# %% torch.range, today
torch.arange(0.0, 4.0)

# %% Tensor.type to cast
image.type(torch.LongTensor)

# %% Tensor.type to cast, today
image.to(torch.int64)

# %% Tensor.type to ask
image.type()

# %% Tensor.type to ask, today
image.dtype

# %% set_default_tensor_type
torch.set_default_tensor_type(torch.DoubleTensor)
torch.ones(2).dtype

# %% set_default_tensor_type, today
torch.set_default_dtype(torch.float64)
dtype = torch.ones(2).dtype
torch.set_default_dtype(torch.float32)
dtype

# %% Tensor.resize
image.resize(3, 2)

# %% Tensor.resize, today
image.reshape(3, 2)

# %% T of more than two axes
batch = torch.ones(2, 3, 4)
batch.T.shape

# %% T of more than two axes, today
batch.mT.shape

# %% Tensor.storage
image.storage().nbytes()

# %% Tensor.storage, today
image.untyped_storage().nbytes()

# %% A mask of bytes as index
image[mask.byte()]

# %% A mask of bytes as index, today
image[mask]

# %% masked_fill by bytes tags=["raises-exception"]
image.masked_fill(mask.byte(), 0)

# %% masked_fill by bytes, today
image.masked_fill(mask, 0)

# %% One minus a mask tags=["raises-exception"]
1 - mask

# %% One minus a mask, today
~mask

# %% any of bytes
mask.byte().any()

# %% any of bytes, today
mask.any()

# %% Equal to None
image == None  # noqa: E711

# %% Equal to None, today
image is None

# %% Division of integers
torch.tensor(3) / torch.tensor(2)

# %% Division of integers, today
torch.tensor(3) // torch.tensor(2)

# %% floor_divide
torch.floor_divide(torch.tensor(-3), 2)

# %% floor_divide, today
torch.div(torch.tensor(-3), 2, rounding_mode="trunc")

# %% A factor inside torch.add
torch.add(image, 2, image)

# %% A factor inside torch.add, today
torch.add(image, image, alpha=2)

# %% A factor inside addcmul
torch.addcmul(image, 0.5, image, image)

# %% A factor inside addcmul, today
torch.addcmul(image, image, image, value=0.5)

# %% cross without dim
torch.cross(torch.eye(3), torch.ones(3, 3))

# %% cross without dim, today
torch.linalg.cross(torch.eye(3), torch.ones(3, 3))

# %% meshgrid without indexing
torch.meshgrid(torch.arange(2), torch.arange(2))[0]

# %% meshgrid without indexing, today
i, j = torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
i

# %% torch.gesv tags=["raises-exception"]
x, lu = torch.gesv(right, matrix)

# %% torch.gesv, today
x = torch.linalg.solve(matrix, right)
x

# %% torch.solve tags=["raises-exception"]
x, lu = torch.solve(right, matrix)

# %% torch.solve, today
torch.linalg.solve(matrix, right)

# %% torch.symeig tags=["raises-exception"]
values, vectors = torch.symeig(matrix, eigenvectors=True)

# %% torch.symeig, today
values, vectors = torch.linalg.eigh(matrix)
values

# %% torch.lstsq tags=["raises-exception"]
x, qr = torch.lstsq(right, matrix)

# %% torch.lstsq, today
torch.linalg.lstsq(matrix, right).solution

# %% torch.qr
q, r = torch.qr(matrix)
r

# %% torch.qr, today
q, r = torch.linalg.qr(matrix)
r

# %% torch.cholesky
torch.cholesky(matrix)

# %% torch.cholesky, today
torch.linalg.cholesky(matrix)

# %% torch.svd
u, s, v = torch.svd(image)
v.shape

# %% torch.svd, today
u, s, vh = torch.linalg.svd(image, full_matrices=False)
vh.shape

# %% torch.norm
torch.norm(image)

# %% torch.norm, today
torch.linalg.vector_norm(image)

# %% torch.ger
torch.ger(torch.ones(2), torch.ones(3))

# %% torch.ger, today
torch.outer(torch.ones(2), torch.ones(3))

# %% torch.rfft tags=["raises-exception"]
torch.rfft(image, 1)

# %% torch.rfft, today
torch.fft.rfft(image)

# %% stft without return_complex tags=["raises-exception"]
torch.stft(torch.ones(16), 8, window=torch.ones(8))

# %% stft without return_complex, today
torch.stft(torch.ones(16), 8, window=torch.ones(8), return_complex=True).shape

# %% F.sigmoid
F.sigmoid(scores)

# %% F.sigmoid, today
torch.sigmoid(scores)

# %% Sigmoid and BCELoss
logit, target = torch.tensor([200.0]), torch.zeros(1)
nn.BCELoss()(nn.Sigmoid()(logit), target)

# %% Sigmoid and BCELoss, today
nn.BCEWithLogitsLoss()(logit, target)

# %% size_average and reduce
nn.MSELoss(size_average=False)(image, image + 1)

# %% size_average and reduce, today
nn.MSELoss(reduction="sum")(image, image + 1)

# %% KLDivLoss by its mean
nn.KLDivLoss()(F.log_softmax(image, dim=1), F.softmax(-image, dim=1))

# %% KLDivLoss by its mean, today
nn.KLDivLoss(reduction="batchmean")(F.log_softmax(image, dim=1), F.softmax(-image, dim=1))

# %% NLLLoss2d
nn.NLLLoss2d()(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long())

# %% NLLLoss2d, today
nn.NLLLoss()(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long())

# %% log_softmax without dim
F.log_softmax(scores)

# %% log_softmax without dim, today
F.log_softmax(scores, dim=1)

# %% dropout without training
model = nn.Linear(3, 1).eval()
torch.manual_seed(0)
F.dropout(torch.ones(6))

# %% dropout without training, today
F.dropout(torch.ones(6), training=model.training)

# %% upsample
F.upsample(torch.ones(1, 1, 2, 2), scale_factor=2).shape

# %% upsample, today
F.interpolate(torch.ones(1, 1, 2, 2), scale_factor=2).shape

# %% init without its underscore
nn.init.xavier_uniform(torch.empty(2, 3)).shape

# %% init without its underscore, today
nn.init.xavier_uniform_(torch.empty(2, 3)).shape

# %% weight_norm
sorted(dict(nn.utils.weight_norm(nn.Linear(3, 1)).named_parameters()))

# %% weight_norm, today
from torch.nn.utils import parametrizations

sorted(dict(parametrizations.weight_norm(nn.Linear(3, 1)).named_parameters()))

# %% train(False)
model.train(False).training

# %% train(False), today
model.eval().training

# %% clip_grad_norm
weight.grad = torch.ones(2)
nn.utils.clip_grad_norm([weight], 1.0)

# %% clip_grad_norm, today
weight.grad = torch.ones(2)
nn.utils.clip_grad_norm_([weight], 1.0)

# %% The scheduler before the optimizer
optimizer = torch.optim.SGD([weight], lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
scheduler.step()
optimizer.step()

# %% The scheduler before the optimizer, today
optimizer = torch.optim.SGD([weight], lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
optimizer.step()
scheduler.step()

# %% get_lr
scheduler.get_lr()

# %% get_lr, today
scheduler.get_last_lr()

# %% verbose of a scheduler tags=["raises-exception"]
torch.optim.lr_scheduler.StepLR(optimizer, 1, verbose=True)

# %% verbose of a scheduler, today
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
print(scheduler.get_last_lr())

# %% next of a loader tags=["raises-exception"]
loader = torch.utils.data.DataLoader([1, 2], batch_size=2)
iter(loader).next()

# %% next of a loader, today
next(iter(loader))

# %% default_collate from inside
from torch.utils.data.dataloader import default_collate

default_collate([1, 2])

# %% default_collate from inside, today
torch.utils.data.default_collate([1, 2])

# %% torch._six tags=["raises-exception"]
from torch._six import inf, string_classes

# %% torch._six, today
torch.inf, isinstance("a word", (str, bytes))

# %% autocast of cuda.amp
with torch.cuda.amp.autocast(enabled=False):
    print((image @ image.t()).dtype)

# %% autocast of cuda.amp, today
with torch.amp.autocast("cuda", enabled=False):
    print((image @ image.t()).dtype)

# %% GradScaler of cuda.amp
scaler = torch.cuda.amp.GradScaler(enabled=False)

# %% GradScaler of cuda.amp, today
scaler = torch.amp.GradScaler("cuda", enabled=False)

# %% set_deterministic tags=["raises-exception"]
torch.set_deterministic(True)

# %% set_deterministic, today
torch.use_deterministic_algorithms(True)
torch.use_deterministic_algorithms(False)

# %% A whole model in a file tags=["raises-exception"]
torch.save(model, "model.pt")
torch.load("model.pt")

# %% A whole model in a file, today
torch.save(model.state_dict(), "model.pt")
model.load_state_dict(torch.load("model.pt"))

# %% A Namespace in a checkpoint tags=["raises-exception"]
from argparse import Namespace

torch.save({"args": Namespace(lr=0.1)}, "run.pt")
torch.load("run.pt")

# %% A Namespace in a checkpoint, today
with torch.serialization.safe_globals([Namespace]):
    checkpoint_of_run = torch.load("run.pt")
checkpoint_of_run

# %% jit.script
scripted = torch.jit.script(model)
scripted(image).shape

# %% jit.script, today
exported = torch.export.export(model, (image,))
exported.module()(image).shape
