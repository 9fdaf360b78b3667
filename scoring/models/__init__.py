"""What `model` names: a class for each kind, the model when loaded, and the folder that `finetune` leaves."""
