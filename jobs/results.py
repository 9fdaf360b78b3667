"""What commands leave, as Python has it."""

from jobs.embed.result import Embeddings
from jobs.finetune.result import Model
from jobs.score.plan import Plan
from jobs.score.result import Run
from jobs.sonar.result import Study
from scoring.report.page import WrittenReport
from scoring.run.verification import RunStatus
from scoring.submissions.submission import Submission

__all__ = ["Embeddings", "Model", "Plan", "Run", "RunStatus", "Study", "Submission", "WrittenReport"]
