"""The plain twin: one run trained alone, as a textbook has it. It defines what a lane must compute.

Tensor names: B batch, T context, D d_model, H heads, E width of a head, V vocabulary.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.lanes.shape import Shape

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}

Drop = Callable[[Tensor, int], Tensor]


def keep(x_BTD: Tensor, site: int) -> Tensor:  # noqa: ARG001 (a Drop)
    """Drop nothing."""
    return x_BTD


class Attention(nn.Module):
    """Causal self-attention with heads (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.qkv = nn.Linear(shape.d_model, 3 * shape.d_model)
        self.out = nn.Linear(shape.d_model, shape.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Return the mixture of the values before each position, [B, T, D]."""
        B, T, D = x_BTD.shape
        q_BHTE, k_BHTE, v_BHTE = (
            part_BTD.view(B, T, self.n_heads, -1).transpose(1, 2) for part_BTD in self.qkv(x_BTD).chunk(3, dim=-1)
        )
        with torch.autocast("cpu", enabled=False):  # torch's kernel for bfloat16 is the slower one on a CPU
            if x_BTD.device.type == "cpu" and q_BHTE.dtype == torch.bfloat16:
                q_BHTE, k_BHTE, v_BHTE = q_BHTE.float(), k_BHTE.float(), v_BHTE.float()
            y_BHTE = functional.scaled_dot_product_attention(q_BHTE, k_BHTE, v_BHTE, is_causal=True)
        y_BTD: Tensor = self.out(y_BHTE.transpose(1, 2).reshape(B, T, D))
        return y_BTD


class FeedForward(nn.Module):
    """Two matrices with an activation between them (section 3.3)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[shape.activation]()
        self.up = nn.Linear(shape.d_model, shape.width_ff)
        self.down = nn.Linear(shape.width_ff, shape.d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Return the sublayer's output at each position, [B, T, D]."""
        y_BTD: Tensor = self.down(self.activation(self.up(x_BTD)))
        return y_BTD


class Block(nn.Module):
    """Attention and feed-forward with residual sums, normed before ("pre") or after them ("post").

    The output of each sublayer may be dropped out before it is added (section 5.4); ``site`` numbers the first one's.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = shape.norm
        self.norm1 = nn.LayerNorm(shape.d_model)
        self.attention = Attention(shape)
        self.norm2 = nn.LayerNorm(shape.d_model)
        self.feed_forward = FeedForward(shape)

    def forward(self, x_BTD: Tensor, drop: Drop = keep, site: int = 1) -> Tensor:
        """Return the block's output, [B, T, D]."""
        if self.norm == "pre":
            x_BTD = x_BTD + drop(self.attention(self.norm1(x_BTD)), site)
            x_BTD = x_BTD + drop(self.feed_forward(self.norm2(x_BTD)), site + 1)
        else:
            x_BTD = self.norm1(x_BTD + drop(self.attention(x_BTD), site))
            x_BTD = self.norm2(x_BTD + drop(self.feed_forward(x_BTD), site + 1))
        return x_BTD


class Sinusoids(nn.Module):
    """Fixed positions in place of an embedding of them."""

    weight: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("weight", sinusoids(shape), persistent=False)


class Transformer(nn.Module):
    """A decoder-only transformer over tokens; ``seed`` decides its initial weights.

    Token embeddings are scaled by sqrt(d_model) (section 3.4) and start normal with deviation d_model**-0.5, as
    learned positions do; matrices start Xavier uniform (Glorot & Bengio 2010), as in the paper's own code;
    biases start at 0 and norms at 1. Precision "bf16" is torch's autocast: products in bfloat16, all else in float32,
    and on a CPU attention, too.
    """

    def __init__(self, shape: Shape, seed: int) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocab_size, shape.d_model)
        learned = shape.positions == "learned"
        self.positions = nn.Embedding(shape.context, shape.d_model) if learned else Sinusoids(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = nn.LayerNorm(shape.d_model) if shape.norm == "pre" else nn.Identity()
        self.head = nn.Linear(shape.d_model, shape.vocab_size, bias=False)
        if shape.tie_embeddings:
            self.head.weight = self.tokens.weight
        self._initialize(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():  # after the matrices, so that a tied matrix starts as the embedding it is
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=self.shape.d_model**-0.5, generator=generator)

    def forward(self, inputs_BT: Tensor, drop: Drop = keep) -> Tensor:
        """Return the logits of the next token at each position, [B, T, V], of tokens (int64).

        ``drop`` gets the sums of embeddings and positions as site 0, then the output of every sublayer in turn.
        """
        T = inputs_BT.shape[1]
        with torch.autocast(inputs_BT.device.type, torch.bfloat16, enabled=self.shape.precision == "bf16"):
            x_BTD = drop(self.tokens(inputs_BT) * math.sqrt(self.shape.d_model) + self.positions.weight[:T], 0)
            for layer, block in enumerate(self.blocks):
                x_BTD = block(x_BTD, drop, 1 + 2 * layer)
            logits_BTV: Tensor = self.head(self.norm(x_BTD))
        return logits_BTV

    def loss(self, windows_BS: Tensor, drop: Drop = keep) -> Tensor:
        """Return the mean cross-entropy in nats per token of windows (int64) of context + 1 tokens."""
        logits_BTV = self(windows_BS[:, :-1], drop)
        logits_BTV = logits_BTV.to(torch.promote_types(logits_BTV.dtype, torch.float32))
        return functional.cross_entropy(logits_BTV.flatten(0, 1), windows_BS[:, 1:].flatten())


def sinusoids(shape: Shape) -> Tensor:
    """Return the positional encoding of section 3.5, float32 [T, D]: sines at even places, cosines at odd."""
    position_T1 = torch.arange(shape.context, dtype=torch.float64)[:, None]
    angle_TC = position_T1 * 10_000.0 ** (-torch.arange(0, shape.d_model, 2, dtype=torch.float64) / shape.d_model)
    return torch.stack([angle_TC.sin(), angle_TC.cos()], dim=-1).flatten(1).float()


def decayed(model: nn.Module) -> list[str]:
    """Return the names of the parameters that weight decay reaches: matrices of linear maps.

    Decided by the kind of the module that owns the parameter, never by its name: biases, norms, embeddings and
    positions are left alone, and so is an output matrix that is a tied embedding.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return [
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and id(module.weight) not in embeddings
    ]
