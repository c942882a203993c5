"""Pure steps: each looks and judges, none changes anything."""
