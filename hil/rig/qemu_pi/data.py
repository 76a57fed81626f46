"""What is put on the card's data partition: profile and models, as `board install` would."""

import shutil
from pathlib import Path

PROFILE = "profile.yaml"
MODELS = "models"


def make_data(folder: Path, profile: Path, models: Path | None) -> None:
    """Fill `folder` with what the payload needs; models keep their slots' links."""
    shutil.copyfile(profile, folder / PROFILE)
    if models is not None:
        shutil.copytree(models, folder / MODELS, symlinks=True)
    else:
        (folder / MODELS).mkdir()
