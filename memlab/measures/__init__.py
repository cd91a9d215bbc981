"""What a model has memorised, measured on its hidden states and its predictions. Models, rows and patterns in, numbers out."""
