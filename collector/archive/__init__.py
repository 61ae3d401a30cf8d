"""The archive: bars in Parquet files that everybody reads, and the places where these lie."""
