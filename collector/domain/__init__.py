"""Ground floor: values and rules of option-bar collection. No I/O, no clock."""
