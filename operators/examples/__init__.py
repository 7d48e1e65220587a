"""Small programs and configurations that run as they stand; README.md tells what each shows."""
