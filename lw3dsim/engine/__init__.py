"""Engine: the simulate stage; engines that turn a schedule into times, and the attribution of every cycle."""
