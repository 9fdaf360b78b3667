"""What heads are trained by, out of the request and of what was listed."""

from jobs.finetune.request import FinetuneRequest
from jobs.score.listing import Listed
from jobs.score.settings import scorer_settings
from scoring.finetuning.settings import FinetuneSettings
from scoring.networks.base_networks import base_of
from scoring.run.fence import Fence
from scoring.run.folder import RunFolder


def finetune_settings(request: FinetuneRequest, folder: RunFolder, fence: Fence, listed: Listed) -> FinetuneSettings:
    """What the workers need; see `train_heads` for the arguments."""
    features = request.features
    return FinetuneSettings(
        output=request.output.absolute(),
        images=request.images.images.absolute(),
        base=base_of(features.base).absolute(),
        flip=features.flip,
        heads=request.heads,
        ensemble=request.ensemble,
        num_validation=request.num_validation,
        seed=request.seed,
        head_only=request.head_only,
        backend=features.backend,
        num_folds=request.num_folds,
        num_draws=request.num_draws,
        scorer=scorer_settings(request.images, folder, None),
        fence=fence,
        group_column=request.images.group_column,
        groups=listed.groups,
        class_numbers=listed.class_numbers,
    )
