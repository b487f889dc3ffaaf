"""Golden steps of the safeguards that act on gradients and on trained values, stated in PyTorch.

A small network with two losses: the task's, and one on anchors. Each method takes plain gradient steps of its own; a step is
recorded as the trained values, both gradients at these, and what the method stepped along. The formulas are those of the papers:
SafeGrad (arXiv 2508.07172), A-GEM (arXiv 1812.00420, eq. 11), Lisa (arXiv 2405.18641, eq. 3), and an exponential moving average of the values.
Computed in float64 and rounded to float32. Writes goldens/gradient-methods.json.
"""

import torch

from golden_files import GOLDENS, make_repeatable, seeded, write_json
from reference import report

STEPS, RATE = 7, 0.3

make_repeatable()
generator = seeded(20_250_807)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator).double()


inputs, targets, anchor_inputs, anchor_targets = normal(9, 4), normal(9), normal(5, 4), normal(5)
start = normal(12) * 0.5


def network(theta: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x @ theta[:8].view(4, 2)) @ theta[8:10] + theta[10] * x[:, 0] + theta[11]


def gradient_of(loss) -> torch.Tensor:
    def at(theta: torch.Tensor) -> torch.Tensor:
        leaf = theta.clone().requires_grad_()
        loss(leaf).backward()
        return leaf.grad

    return at


task = gradient_of(lambda theta: (network(theta, inputs) - targets).square().mean())
anchors = gradient_of(lambda theta: (network(theta, anchor_inputs) - anchor_targets).square().mean())


def rounded(values: torch.Tensor) -> list[float]:
    return values.float().tolist()


def projected(g: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    return g - (g @ a) / (a @ a) * a if g @ a < 0 else g


def steps_of(direction) -> list[dict]:
    """`direction(step, theta, g, a)` is what is stepped along."""
    theta, steps = start.clone(), []
    for step in range(STEPS):
        g, a = task(theta), anchors(theta)
        taken = direction(step, theta, g, a)
        steps.append({"parameters": rounded(theta), "task": rounded(g), "anchors": rounded(a), "taken": rounded(taken)})
        theta = theta - RATE * taken
    return steps


class Lisa:
    def __init__(self, rho: float, alignment: int, task_steps: int):
        self.rho, self.alignment, self.round = rho, alignment, alignment + task_steps
        self.phase, self.center = "alignment", start.clone()

    def __call__(self, step: int, theta, g, a):
        phase = "alignment" if step % self.round < self.alignment else "task"
        if phase != self.phase:
            self.phase, self.center = phase, theta.clone()
        return (a if phase == "alignment" else g) + self.rho * (theta - self.center)


def averaged(steps: list[dict], decay: float) -> list[float]:
    average = start.clone()
    for step in steps:
        theta = torch.tensor(step["parameters"]).double() - RATE * torch.tensor(step["taken"]).double()
        average = decay * average + (1 - decay) * theta
    return rounded(average)


safe_grad = steps_of(lambda _step, _theta, g, a: projected(g, a) + 0.7 * a)
conflicts = sum(torch.tensor(step["task"]) @ torch.tensor(step["anchors"]) < 0 for step in safe_grad)
assert 0 < conflicts < STEPS, conflicts
plain = steps_of(lambda _step, _theta, g, _a: g)

write_json(
    GOLDENS / "gradient-methods.json",
    {
        "rate": RATE,
        "cases": [
            {"config": {"type": "safe-grad", "rho": 0.7}, "steps": safe_grad},
            {"config": {"type": "a-gem"}, "steps": steps_of(lambda _step, _theta, g, a: projected(g, a))},
            {"config": {"type": "lisa", "rho": 0.4, "alignmentSteps": 2, "taskSteps": 3}, "steps": steps_of(Lisa(0.4, 2, 3))},
        ],
        "averaging": {"decay": 0.8, "steps": plain, "average": averaged(plain, 0.8)},
    },
)
report({"steps": STEPS, "conflicts": int(conflicts)})
