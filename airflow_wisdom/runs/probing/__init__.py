"""A probe: small experiments in a knowledge base of its own that show how AWS behaves where its documents say nothing.

`questions` lists what is asked, and what cannot be; what each one does is in `import_jobs`, `import_files` and
`items`. All of them work in a `lab`, which bounds calls, time and what is made, and marks what is the probe's.
`cleaning` removes it. `probe` is the run: plan, check, apply, account.
"""
