"""What a run says: continuations of a prompt by one of its checkpoints."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memlab.errors import RunError, UnknownName
from memlab.lab.view import RunView
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Sample:
    """`prompt` as given, `continuation` as decoded, and the probability that the model gave to each of its tokens."""

    step: int
    prompt: str
    continuation: str
    tokens: list[str]
    probabilities: list[float]


def sample(run: RunDir, prompt: str, n_tokens: int, temperature: float, seed: int, checkpoint: str = "last") -> Sample:
    """Continue a prompt. `temperature` 0 is greedy. `checkpoint` is last, best or a step. Raises RunError where there is none yet."""
    import torch

    step = choose_checkpoint(run, checkpoint)
    model, tokenizer = load_checkpoint(run, step)
    context = getattr(model.config, "max_position_embeddings", run.original().model.context)  # not all models bound it
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    if run.original().data.rows == "documents":
        ids = [tokenizer.bos_token_id, *ids]
    elif not ids:
        ids = [tokenizer.eos_token_id]  # in a stream of windows a document begins after the end of another
    generator = torch.Generator().manual_seed(seed)
    drawn, probabilities = [], []
    with torch.inference_mode():
        for _ in range(n_tokens):
            logits = model(input_ids=torch.tensor([(ids + drawn)[-context:]])).logits[0, -1].float()
            shares = (logits / temperature if temperature else logits).softmax(-1)
            token = int(torch.multinomial(shares, 1, generator=generator)) if temperature else int(shares.argmax())
            if token == tokenizer.eos_token_id:
                break
            drawn.append(token)
            probabilities.append(float(logits.softmax(-1)[token]))
    pieces = [tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in drawn]
    return Sample(step, prompt, _continuation(tokenizer, ids if prompt else [], drawn), pieces, probabilities)


def _continuation(tokenizer: "PreTrainedTokenizerFast", ids: list[int], drawn: list[int]) -> str:
    """The text after the prompt, with the space that a tokenizer of words puts between them."""
    before, whole = (tokenizer.decode(tokens, clean_up_tokenization_spaces=False) for tokens in (ids, ids + drawn))
    return whole[len(before) :] if whole.startswith(before) else tokenizer.decode(drawn, clean_up_tokenization_spaces=False)


def load_checkpoint(run: RunDir, step: int) -> tuple["PreTrainedModel", "PreTrainedTokenizerFast"]:
    """The model of a step, without dropout, and its tokenizer. Raises RunError where its files are damaged."""
    from transformers import PreTrainedTokenizerFast

    from memlab import models
    from memlab.training import checkpoints

    with checkpoints.reading(run.checkpoints, step) as path:
        model = models.load(path).eval()
        try:
            return model, PreTrainedTokenizerFast.from_pretrained(path)
        except Exception as error:  # tokenizers raises nothing narrower for a damaged file
            raise RunError(f"the tokenizer in {path} cannot be loaded: {error}; choose another checkpoint") from error


def choose_checkpoint(run: RunDir, word: str) -> int:
    """The step of the checkpoint that `last`, `best` or a number means."""
    from memlab.training import checkpoints

    there = checkpoints.steps(run.checkpoints)
    if not there:
        raise run.lack("no checkpoint")
    if word == "last":
        return there[-1]
    if word == "best" and (best := RunView(run).best()):
        word = str(best["step"])
    if word.isdecimal() and int(word) in there:
        return int(word)
    raise UnknownName(f"run '{run.name}' has no checkpoint '{word}'; there are: best, last, {', '.join(map(str, there))}")
