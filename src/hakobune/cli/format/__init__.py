"""How answers are printed: format expressions, transforms, tables, JSON, YAML and the others."""
