"""The facts shared with the functions, wherever the package lies."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # as the functions themselves know it, or it would be two modules
    from orders import contract
else:
    try:
        from .functions.orders import contract
    except ImportError:  # in the repository; with pip the functions are inside this package
        from functions.orders import contract

__all__ = ["contract"]
