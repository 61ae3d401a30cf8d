"""The bar run: prepare, plan, fetch, weigh, close."""
