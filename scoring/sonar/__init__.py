"""The sonar returns: mines against rocks, as networks, protocols and a study of both."""
