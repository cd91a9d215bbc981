"""The vanilla Transformer as a causal language model: post-norm, sinusoidal positions, ReLU, untied."""

import math

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from memlab.models.families import _causal

SIZES = {
    "nano": {"n_layer": 2, "n_embd": 64, "n_head": 2, "n_inner": 256, "dropout": 0.1},
    "micro": {"n_layer": 4, "n_embd": 128, "n_head": 4, "n_inner": 512, "dropout": 0.1},
    "mini": {"n_layer": 6, "n_embd": 384, "n_head": 6, "n_inner": 1536, "dropout": 0.1},
    "6-layer": {"n_layer": 6, "n_embd": 512, "n_head": 8, "n_inner": 2048, "dropout": 0.1},
    "10-layer": {"n_layer": 10, "n_embd": 512, "n_head": 8, "n_inner": 2048, "dropout": 0.1},
}
MODEL_TYPE = "memlab-vanilla"


class VanillaConfig(PretrainedConfig):
    model_type = MODEL_TYPE
    attribute_map = {  # noqa: RUF012 - as transformers declares it
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "max_position_embeddings": "n_positions",
    }

    def __init__(self, vocab_size=68, n_positions=64, n_layer=6, n_embd=512, n_head=8, n_inner=2048, dropout=0.1, **others):
        self.vocab_size, self.n_positions = vocab_size, n_positions
        self.n_layer, self.n_embd, self.n_head, self.n_inner, self.dropout = n_layer, n_embd, n_head, n_inner, dropout
        super().__init__(**{"tie_word_embeddings": False, "use_cache": False, "bos_token_id": None, "eos_token_id": None, **others})


class Attention(nn.Module):
    """Multi-head causal self-attention. (B, T, C) -> (B, T, C). Source: Vaswani et al. 2017, section 3.2."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        self.n_head, self.dropout = config.n_head, config.dropout
        self.project_in = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.project_out = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, state: Tensor, allowed: Tensor | None) -> Tensor:
        B, T, C = state.shape
        query, key, value = self.project_in(state).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=allowed, is_causal=allowed is None, dropout_p=self.dropout if self.training else 0.0
        )
        return self.project_out(mixed.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """x ← LayerNorm(x + attention(x)), then x ← LayerNorm(x + feed_forward(x)): the normalisation comes after the sum."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.norm_1 = nn.LayerNorm(config.n_embd)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.n_embd, config.n_inner), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(config.n_inner, config.n_embd)
        )
        self.norm_2 = nn.LayerNorm(config.n_embd)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, state: Tensor, allowed: Tensor | None) -> Tensor:
        state = self.norm_1(state + self.dropout(self.attention(state, allowed)))
        return self.norm_2(state + self.dropout(self.feed_forward(state)))


class Vanilla(PreTrainedModel):
    """What both models below are: their configuration, and how their weights begin."""

    config_class = VanillaConfig
    base_model_prefix = "model"
    _input_embed_layer = "embed"
    _supports_sdpa = True

    def _init_weights(self, module: nn.Module) -> None:
        """Xavier-uniform matrices and zero biases; embeddings of unit variance after the scaling by √C."""
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.n_embd**-0.5)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, VanillaModel):
            with torch.no_grad():
                module.positions.copy_(sinusoids(self.config.n_positions, self.config.n_embd))


class VanillaModel(Vanilla):
    """Everything before the output layer. Source: Vaswani et al. 2017, as a decoder without cross-attention."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.register_buffer("positions", sinusoids(config.n_positions, config.n_embd), persistent=False)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool = False, **_others
    ) -> BaseModelOutput:
        """input_ids (B, T) -> last_hidden_state (B, T, C); hidden_states is a tuple of n_layer + 1 of these: embeddings, then each block's.

        Positions count the tokens that `attention_mask` (B, T) leaves, so padding may stand on either side.
        """
        T = input_ids.shape[1]
        position = _causal.positions(attention_mask, T)
        state = self.dropout(self.embed(input_ids) * math.sqrt(self.config.n_embd) + self.positions[position])
        allowed = _causal.allowed(attention_mask, T)
        states = [state]
        for block in self.blocks:
            states.append(block(states[-1], allowed))
        return BaseModelOutput(last_hidden_state=states[-1], hidden_states=tuple(states) if output_hidden_states else None)


class VanillaForCausalLM(_causal.CausalLM, Vanilla, GenerationMixin):
    """The model with its output layer."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__(config)
        self.model = VanillaModel(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size)
        self.post_init()


def sinusoids(n_positions: int, width: int) -> Tensor:
    """sin and cos of position · 10000^(-2i/C), interleaved. (n_positions, C). Source: Vaswani et al. 2017, section 3.5."""
    angle = torch.arange(n_positions)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]


def configure(size: dict, vocab_size: int, context: int) -> VanillaConfig:
    """The settings of Murty et al. 2023 (arXiv 2305.18741) are the sizes 6-layer and 10-layer."""
    return VanillaConfig(vocab_size=vocab_size, n_positions=context, **size)


AutoConfig.register(MODEL_TYPE, VanillaConfig, exist_ok=True)
AutoModelForCausalLM.register(VanillaConfig, VanillaForCausalLM, exist_ok=True)
