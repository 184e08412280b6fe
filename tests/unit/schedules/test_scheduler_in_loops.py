"""The scheduler where others call it: a compiled step, and the Hugging Face Trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch

import schedules
from tests.unit.schedules.oracles.stepping import needs
from tests.unit.schedules.schedule_examples import example


# torch's own compiler imports its own deprecated decorator.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_a_compiled_step_sees_every_rate_without_recompiling() -> None:
    torch.manual_seed(0)
    compiled, plain = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)
    plain.load_state_dict(compiled.state_dict())
    schedule = example("cosine", total_steps=12, warmup_steps=3)
    x_BD = torch.ones(4, 3)

    def trained(model: torch.nn.Module, compile_it: bool) -> None:
        lr = torch.tensor(1.0, dtype=torch.float64)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        scheduler = schedules.scheduler(optimizer, schedule)

        def step() -> None:
            optimizer.zero_grad()
            model(x_BD).square().mean().backward()
            optimizer.step()

        run = torch.compile(step, backend="eager") if compile_it else step
        run()
        scheduler.step()
        with torch.compiler.set_stance("fail_on_recompile" if compile_it else "default"):
            for _ in range(schedule.total_steps - 1):
                run()
                scheduler.step()

    trained(compiled, compile_it=True)
    trained(plain, compile_it=False)
    for ours, theirs in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_the_hugging_face_trainer_trains_with_our_rates(tmp_path: Path) -> None:
    transformers = needs("transformers")
    needs("accelerate")
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=11, n_positions=6)
    model = transformers.GPT2LMHeadModel(config)
    schedule = example("wsd", total_steps=10, warmup_steps=3)
    optimizer = torch.optim.AdamW(schedules.param_groups(model, 0.1), lr=1.0)
    applied: list[float] = []
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: applied.append(opt.param_groups[0]["lr"]))
    data: list[dict[str, Any]] = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 20
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=schedule.total_steps,
            per_device_train_batch_size=2,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            dataloader_pin_memory=False,
        ),
        train_dataset=data,
        optimizers=(optimizer, schedules.scheduler(optimizer, schedule)),
    )
    trainer.train()
    assert applied == schedule.lrs().tolist()
