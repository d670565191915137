"""The tests: one claim each, told by the docstring; the layout mirrors the floors."""
