"""Commands that collect bars, or change what is collected."""
