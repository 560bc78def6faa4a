"""What is released: built from a commit, looked through, its licences read, and installed as users do it.

`make dist`, `make licences` and `make install-check` run the modules; none of them uploads anything.
"""
