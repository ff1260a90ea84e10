"""The programs that run inside the sandbox: template, worker, child (see `template`).

Their source is handed to a bare interpreter, so they import nothing but each other and the standard library.
"""
