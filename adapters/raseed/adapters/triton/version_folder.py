"""A version of the catalogue as Triton reads it: its files by hard links, this program's engine beside them, a configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from raseed.adapters.models.artifacts import ArtifactFolder
from raseed.adapters.triton.repository import VERSION, render_config
from raseed.core.models.model import ModelVersion

ENGINE_DIR = "engine"
"""Of what runs the versions of the catalogue, beside the models of this installation."""


class VersionFolders:
    """Renders into `repository`, and takes away what it rendered. Blocking: for a thread."""

    def __init__(
        self, artifacts: ArtifactFolder, repository: Path, models_dir: Path, python_env: Path
    ) -> None:
        self.repository = repository
        self._artifacts = artifacts
        self._engine = models_dir / ENGINE_DIR
        self._python_env = python_env

    def render(self, version: ModelVersion) -> Path:
        """The folder with its files. One that is there already is left alone, also its times, or Triton would take it for
        another one. Raises NotFound for a version whose files are not whole.
        """
        name = version.name.triton_name
        folder = self.repository / name
        if not folder.is_dir():
            staged = self.repository / f".{name}.new"
            shutil.rmtree(staged, ignore_errors=True)
            self._fill(version, staged)
            staged.rename(folder)
        return folder / VERSION

    def remove(self, triton_name: str) -> None:
        shutil.rmtree(self.repository / triton_name, ignore_errors=True)

    def clear(self) -> None:
        """Takes away every version, also those that an earlier process rendered."""
        for folder in self.repository.glob("*--*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _fill(self, version: ModelVersion, staged: Path) -> None:
        inside = staged / VERSION
        self._artifacts.stage(version, inside)
        for source in [self._engine / "model.py", *sorted((self._engine / "raseed_engine").glob("*.py"))]:
            destination = inside / source.relative_to(self._engine)
            destination.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, destination)
        (
            inside / "__pycache__"
        ).touch()  # as `repository` says: the stub would write there, and change the version
        config = render_config(
            version.name.triton_name, {"EXECUTION_ENV_PATH": str(self._python_env.absolute())}
        )
        text_format.Parse(config, model_config_pb2.ModelConfig())  # what Triton itself reads it with
        (staged / "config.pbtxt").write_text(config, encoding="utf-8")
