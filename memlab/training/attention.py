"""The attention that a model trains with: a choice of speed alone, each computes the same."""

from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from memlab.training.device import Compute

_SHORT_CONTEXT = 128
_CAUSAL = "memlab_causal"


def choose_attention(model: PreTrainedModel, compute: Compute, context: int) -> None:
    """As plain matrix products on a CPU at short contexts: steps are a sixth faster so at 64 and 128 tokens. Else in one kernel.

    Compiled, transformers hands that kernel a mask in full, and the fastest kernels take none. GPT-2 needs none: each token sees all
    before it, rows are padded at their ends, and what is predicted there is not looked at.
    """
    if model.config.model_type.startswith("memlab-") or not model._supports_sdpa:  # families of our own call the kernel themselves
        return
    capped = getattr(model.config, "attn_logit_softcapping", None)  # as Gemma 2 has it: the kernels would leave it out
    if capped or (compute.device == "cpu" and context <= _SHORT_CONTEXT):
        model.set_attn_implementation("eager")
    else:
        model.set_attn_implementation(_CAUSAL if model.config.model_type == "gpt2" else "sdpa")


AttentionInterface.register(_CAUSAL, sdpa_attention_forward)
AttentionMaskInterface.register(_CAUSAL, lambda *_, **__: None)
