"""OpenELM-style: pre-norm, rotary positions, grouped queries, SwiGLU, layers wider upwards, tied.

Source: Mehta et al. 2024 (arXiv 2404.14619). 40m, 60m and 80m are those of experiment E7: width, heads and N are printed. The feed-forward
widths are not, and are chosen here, as OpenELM's, on a line over the layers that starts at half the width of the model; in multiples of 64,
but for the last one, which makes up the printed N. `n_kv_head` and `n_inner` hold one number a layer.
"""

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from memlab.models.families import _causal

SIZES = {
    "nano": {"n_layer": 2, "n_embd": 64, "n_kv_head": (1, 1), "n_inner": (64, 192), "dropout": 0.1},
    "micro": {"n_layer": 4, "n_embd": 128, "n_kv_head": (1, 1, 2, 2), "n_inner": (128, 256, 384, 512), "dropout": 0.1},
    "40m": {
        "n_layer": 8,
        "n_embd": 954,
        "n_kv_head": (3, 3, 3, 3, 4, 4, 4, 5),
        "n_inner": (448, 704, 960, 1152, 1408, 1600, 1856, 2120),
        "dropout": 0.1,
    },
    "60m": {
        "n_layer": 8,
        "n_embd": 1280,
        "n_kv_head": (3, 3, 3, 3, 4, 4, 4, 5),
        "n_inner": (640, 896, 1152, 1344, 1600, 1856, 2112, 2380),
        "dropout": 0.1,
    },
    "80m": {
        "n_layer": 8,
        "n_embd": 1440,
        "n_kv_head": (3, 3, 3, 4, 4, 4, 5, 5),
        "n_inner": (704, 1024, 1344, 1664, 1984, 2304, 2624, 2948),
        "dropout": 0.1,
    },
}
MODEL_TYPE = "memlab-openelm"
HEAD = 64  # channels of every head
QUERIES = 2  # heads of queries for each head of keys and values
ROTARY_BASE = 10_000.0
EPSILON = 1e-6  # in the norms


class OpenELMConfig(PretrainedConfig):
    model_type = MODEL_TYPE
    attribute_map = {  # noqa: RUF012 - as transformers declares it
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "max_position_embeddings": "n_positions",
    }

    def __init__(
        self, vocab_size=50_257, n_positions=1024, n_layer=2, n_embd=64, n_kv_head=(1, 1), n_inner=(64, 192), dropout=0.1, **others
    ):
        self.vocab_size, self.n_positions, self.n_layer, self.n_embd, self.dropout = vocab_size, n_positions, n_layer, n_embd, dropout
        self.n_kv_head, self.n_inner = list(n_kv_head), list(n_inner)
        super().__init__(**{"tie_word_embeddings": True, "use_cache": False, "bos_token_id": None, "eos_token_id": None, **others})


class RMSNorm(nn.Module):
    """x · weight / √(mean of x² + ε), over the last dimension; in the weight's precision, whatever that of x is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, state: Tensor) -> Tensor:
        return nn.functional.rms_norm(state.to(self.weight.dtype), self.weight.shape, self.weight, EPSILON)


class Attention(nn.Module):
    """Causal self-attention, two heads of queries for one of keys and values. (B, T, C) -> (B, T, C). Queries and keys are normalised, then
    rotated: RMSNorm over each head's channels, then its position's angle."""

    def __init__(self, config: OpenELMConfig, n_kv_head: int) -> None:
        super().__init__()
        self.heads = (QUERIES * n_kv_head, n_kv_head, n_kv_head)
        self.project_in = nn.Linear(config.n_embd, sum(self.heads) * HEAD, bias=False)
        self.project_out = nn.Linear(QUERIES * n_kv_head * HEAD, config.n_embd, bias=False)
        self.norm_query, self.norm_key = RMSNorm(HEAD), RMSNorm(HEAD)

    def forward(self, state: Tensor, rotation: tuple[Tensor, Tensor], allowed: Tensor | None) -> Tensor:
        B, T, _ = state.shape
        query, key, value = self.project_in(state).view(B, T, -1, HEAD).transpose(1, 2).split(self.heads, dim=1)  # (B, heads, T, HEAD)
        query, key = (rotate(heads, *rotation).to(value.dtype) for heads in (self.norm_query(query), self.norm_key(key)))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, is_causal=allowed is None, enable_gqa=True)
        return self.project_out(mixed.transpose(1, 2).reshape(B, T, -1))


class FeedForward(nn.Module):
    """SwiGLU: project_out(swish(gate) · up). (B, T, C) -> (B, T, C). Source: Shazeer 2020 (arXiv 2002.05202), equation 6."""

    def __init__(self, config: OpenELMConfig, n_inner: int) -> None:
        super().__init__()
        self.project_in = nn.Linear(config.n_embd, 2 * n_inner, bias=False)
        self.project_out = nn.Linear(n_inner, config.n_embd, bias=False)

    def forward(self, state: Tensor) -> Tensor:
        gate, up = self.project_in(state).chunk(2, dim=-1)
        return self.project_out(nn.functional.silu(gate) * up)


class Block(nn.Module):
    """x ← x + attention(norm(x)), then x ← x + feed_forward(norm(x)), with dropout on what is added."""

    def __init__(self, config: OpenELMConfig, n_kv_head: int, n_inner: int) -> None:
        super().__init__()
        self.norm_1, self.attention = RMSNorm(config.n_embd), Attention(config, n_kv_head)
        self.norm_2, self.feed_forward = RMSNorm(config.n_embd), FeedForward(config, n_inner)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, state: Tensor, rotation: tuple[Tensor, Tensor], allowed: Tensor | None) -> Tensor:
        state = state + self.dropout(self.attention(self.norm_1(state), rotation, allowed))
        return state + self.dropout(self.feed_forward(self.norm_2(state)))


class OpenELM(PreTrainedModel):
    """What both models below are: their configuration, and how their weights begin."""

    config_class = OpenELMConfig
    base_model_prefix = "model"
    _input_embed_layer = "embed"
    _supports_sdpa = True

    def _init_weights(self, module: nn.Module) -> None:
        """Matrices and embeddings of standard deviation 0.02; norms of 1."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, RMSNorm):
            nn.init.ones_(module.weight)
        elif isinstance(module, OpenELMModel):
            with torch.no_grad():
                for table, values in zip((module.cos, module.sin), rotations(self.config.n_positions), strict=True):
                    table.copy_(values)


class OpenELMModel(OpenELM):
    """Everything before the output layer."""

    def __init__(self, config: OpenELMConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, *sizes) for sizes in zip(config.n_kv_head, config.n_inner, strict=True))
        self.norm = RMSNorm(config.n_embd)
        for name, table in zip(("cos", "sin"), rotations(config.n_positions), strict=True):
            self.register_buffer(name, table, persistent=False)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool = False, **_others
    ) -> BaseModelOutput:
        """input_ids (B, T) -> last_hidden_state (B, T, C), after the final norm.

        hidden_states is a tuple of n_layer + 1: the embeddings, the raw outputs of all blocks but the last, and last_hidden_state, as
        transformers' GPT-2 gives them. Positions count the tokens that `attention_mask` (B, T) leaves.
        """
        T = input_ids.shape[1]
        position = _causal.positions(attention_mask, T)
        rotation = tuple(table[position].unsqueeze(-3) for table in (self.cos, self.sin))  # (1, T, HEAD) or (B, 1, T, HEAD)
        allowed = _causal.allowed(attention_mask, T)
        states = [self.dropout(self.embed(input_ids))]
        for block in self.blocks:
            states.append(block(states[-1], rotation, allowed))
        last = self.norm(states.pop())
        return BaseModelOutput(last_hidden_state=last, hidden_states=(*states, last) if output_hidden_states else None)


class OpenELMForCausalLM(_causal.CausalLM, OpenELM, GenerationMixin):
    """The model with its output layer, which is the embedding again."""

    _tied_weights_keys = {"lm_head.weight": "model.embed.weight"}  # noqa: RUF012 - as transformers declares it

    def __init__(self, config: OpenELMConfig) -> None:
        super().__init__(config)
        self.model = OpenELMModel(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.post_init()


def rotations(n_positions: int) -> tuple[Tensor, Tensor]:
    """cos and sin of position · base^(-2i/HEAD), i = 0 … HEAD/2 - 1, once for each half of a head. Two of (n_positions, HEAD).

    Source: Su et al. 2021 (arXiv 2104.09864), section 3.2, with the two channels of a pair half a head apart.
    """
    frequency = ROTARY_BASE ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angle = (torch.arange(n_positions, dtype=torch.float64)[:, None] * frequency).repeat(1, 2)
    return angle.cos().float(), angle.sin().float()


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channels i and i + HEAD/2 of each head by its position's angle. (…, T, HEAD) -> (…, T, HEAD)."""
    left, right = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-right, left], dim=-1) * sin


def configure(size: dict, vocab_size: int, context: int) -> OpenELMConfig:
    return OpenELMConfig(vocab_size=vocab_size, n_positions=context, **size)


AutoConfig.register(MODEL_TYPE, OpenELMConfig, exist_ok=True)
AutoModelForCausalLM.register(OpenELMConfig, OpenELMForCausalLM, exist_ok=True)
