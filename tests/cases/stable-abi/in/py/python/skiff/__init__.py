from ._skiff import *
