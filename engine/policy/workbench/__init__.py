"""The workbench: what a security team does to policies before, and beside, they decide.

form        what a suite file may say
matrix      a matrix written out as cases
situation   what a case asks, in which world
suite       test suites of policies, in YAML
certain     what the schema alone decides
coverage    which conditions the cases have seen both ways
mutants     deliberate faults, by fixed operators
sameness    policies that say the same in other words
mutation    how many of the faults some case notices
variants    situations that differ from a known one in one respect
suggest     cases that would cover and notice more
writing     suites written by lading, for people to review
formatting  policies laid out
places      where a condition stands in its file
junit       how suites came out, for build servers
replay      recorded decisions against a candidate
access      who can do what, with the reason
difference  how two bundles differ, and which cases turn
"""
