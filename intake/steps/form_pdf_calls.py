"""Calls pdfium's smallest functions quickly: a form asks thousands of times where a letter stands."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import cast

import pypdfium2.raw as pdfium_c


def quick(function: object, returns: type) -> Callable[..., object]:
    """
    Return pdfium's `function` for calls whose arguments are right by construction.

    ctypes takes twice as long to convert and check the arguments, and to let go of the interpreter's lock, as these
    functions take to answer. So nothing is checked here: a handle must be pdfium's own object, a number a whole one
    below 2**31, and a place to write to a `byref`. A wrong one would crash the process.
    """
    address = ctypes.cast(cast("ctypes._CFunctionType", function), ctypes.c_void_p).value
    assert address is not None
    prototype = ctypes.PYFUNCTYPE(returns)
    return cast("Callable[..., object]", prototype(address))


box_of_letter = quick(pdfium_c.FPDFText_GetLooseCharBox, ctypes.c_int)
