"""The words of the field and the rules that need neither clock, socket nor database."""
