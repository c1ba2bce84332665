"""What one step of a training is: the forecaster's answer, a loss of its pixels, gradients, and weights that change.

`task` is what all have, `supervised` and `adversarial` are the two there are, `choice` the one that a recipe asks for.
Beside them what a step may need: a look at its numbers before the weights change (`guards`), other processes that take
it too (`together`), an average of the weights (`averaging`), a compiled network (`compiling`).
"""

from nowcast.training.steps.adversarial import Adversarial
from nowcast.training.steps.choice import task_of
from nowcast.training.steps.supervised import Supervised
from nowcast.training.steps.task import MOST_LEADS, Task

__all__ = ["MOST_LEADS", "Adversarial", "Supervised", "Task", "task_of"]
