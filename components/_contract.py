"""The facts shared with the functions, wherever the package lies."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions import contract
else:
    try:
        from .functions import contract
    except ImportError:  # in the repository; with pip the functions are inside this package
        from functions import contract

__all__ = ["contract"]
