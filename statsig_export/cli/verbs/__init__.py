"""The verbs of the command line. One file per verb, imported when the verb is used."""
