"""What the families of our own share: the position of each token and where it may look, padding or not, and the loss of the next tokens."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput


def positions(attention_mask: Tensor | None, T: int) -> Tensor | slice:
    """The place of each token among those that `attention_mask` (B, T) leaves, so padding may stand on either side; without one, all."""
    return slice(T) if attention_mask is None else (attention_mask.long().cumsum(-1) - 1).clamp(min=0)


def allowed(attention_mask: Tensor | None, T: int) -> Tensor | None:
    """(B, 1, T, T) where a query may look, or None where causality alone decides. A padded query looks at itself: never nowhere."""
    if attention_mask is None or bool(attention_mask.all()):
        return None
    causal = torch.ones(T, T, dtype=torch.bool, device=attention_mask.device).tril()
    return (causal & attention_mask.bool()[:, None, None, :]) | torch.eye(T, dtype=torch.bool, device=attention_mask.device)


def predict(states: BaseModelOutput, head: nn.Linear, labels: Tensor | None) -> CausalLMOutput:
    """Logits (B, T, V) and, with labels (B, T), the mean loss of the next tokens in nats; labels of -100 do not count."""
    logits = head(states.last_hidden_state)
    loss = None
    if labels is not None:
        loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
    return CausalLMOutput(loss=loss, logits=logits, hidden_states=states.hidden_states)
