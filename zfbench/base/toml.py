"""Reading of TOML files that users write; what is wrong is reported in one sentence that names the place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from zfbench.base.errors import ZfbenchError

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, what: str, model: type[Model]) -> Model:
    """Read and validate a TOML file.

    Args:
        path: the file.
        what: kind of file for the message of an error, such as "suite".
        model: pydantic model that validates the content.

    Returns:
        The validated content.

    Raises:
        ZfbenchError: the file cannot be read, or a field is wrong; the sentence names it.
    """
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ZfbenchError(f"Cannot read the {what} {path} ({error.strerror}); check the path.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ZfbenchError(f"The {what} {path} is not TOML ({error}); correct it there.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ZfbenchError(f"The {what} {path} is wrong at {place} ({first['msg']}); correct it there.") from error
