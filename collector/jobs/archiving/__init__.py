"""Parts of the archive's pass: periods, their files, the exchange of objects, restoring."""
