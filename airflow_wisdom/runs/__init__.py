"""What a task does, told without Airflow: one file for each kind of run, and what all of them share.

Every run has one shape: it *plans*, which judges or compares and sends nothing; the plan is *checked*; it is
*applied*, here or in the triggerer; and an *account* is given of every row.

`run` is who does it, what it remembers, until when, and whom it notifies. An import of quick responses is in `imports`:
its plan is a `manifest`; `sending` uploads what has no job yet, `starting` starts a job once, `waiting` runs all of
them; `account` counts and judges. `single` is the import of one file that is ready.
"""
