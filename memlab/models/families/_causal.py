"""What the families of our own share: the position of each token and where it may look, padding or not, and the loss of the next tokens."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutput


def positions(attention_mask: Tensor | None, T: int) -> Tensor | slice:
    """The place of each token among those that `attention_mask` (B, T) leaves, so padding may stand on either side; without one, all."""
    return slice(T) if attention_mask is None else (attention_mask.long().cumsum(-1) - 1).clamp(min=0)


def allowed(attention_mask: Tensor | None, T: int) -> Tensor | None:
    """(B, 1, T, T) where a query may look, or None where causality alone decides. A padded query looks at itself: never nowhere."""
    if attention_mask is None or bool(attention_mask.all()):
        return None
    causal = torch.ones(T, T, dtype=torch.bool, device=attention_mask.device).tril()
    return (causal & attention_mask.bool()[:, None, None, :]) | torch.eye(T, dtype=torch.bool, device=attention_mask.device)


class CausalLM:
    """What a model with an output layer does: `model` is everything before it, `lm_head` the layer."""

    def prepare_inputs_for_generation(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_others) -> dict:
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        **_others,
    ) -> CausalLMOutput:
        """input_ids (B, T) -> logits (B, T, V); hidden_states as `model` gives them.

        With labels (B, T) also the mean loss of the next tokens in nats; labels of -100 do not count.
        """
        states = self.model(input_ids, attention_mask, output_hidden_states)
        logits = self.lm_head(states.last_hidden_state)
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits, hidden_states=states.hidden_states)
