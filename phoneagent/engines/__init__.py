"""The engines that can hold a conversation, one folder for each protocol."""
