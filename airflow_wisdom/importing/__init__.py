"""An import of any number of files, from rows that are ready to an account of each of them.

In the order in which a task goes through it: `submission` says what a job is started with, and how it is started once;
`memory` what a task knows of its earlier tries; `sending` uploads what has no job yet; `waiting` starts the jobs and
waits for them, in the worker or the triggerer; `reports` reads what AWS refused; `summary` counts, and `accounting`
judges.
"""
