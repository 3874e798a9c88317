"""A telephone and a model without either: the fake phone, the scripted model, and calls made of them."""
