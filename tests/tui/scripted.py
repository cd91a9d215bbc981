"""A child process that a test speaks for."""

from memlab import config


class Scripted:
    """Takes requests as `lab.child.Child` does; what it answers is what the test has it tell."""

    pid = None

    def __init__(self):
        self.asked, self.cancelled, self.receive = [], [], {}

    def ask(self, do, arguments, receive):
        self.asked.append((do, arguments))
        self.receive[len(self.asked)] = receive
        return len(self.asked)

    def tell(self, **message):
        """A message about the last request."""
        number = len(self.asked)
        self.receive[number]({"id": number, **message})

    def cancel(self, number):
        self.cancelled.append(number)

    def close(self):
        pass

    @property
    def experiment(self):
        """The one that was asked about last."""
        return config.from_dict(self.asked[-1][1]["experiment"])
