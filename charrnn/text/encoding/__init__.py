"""Encoding a large text: once, by several processes, into ids in a file of the cache that is mapped into memory.

    tasks       what one process reads: a range of a large file, a large file, or many small ones
    reading     the first pass: a task becomes shards, whose characters are counted
    numbering   the second pass: a shard's characters become ids, at its place in the file of all ids
    processes   the processes that do both
    stored      the folder of a text in the cache: how it is known again, checked and taken up after an interruption
    text        the text as a whole
    items       its lines, records or documents, shuffled on the disk

A shard that is plain UTF-8 stays where it is, in a file of the user's, and is read twice. The text of any other
(unpacked, decoded, taken from a table, joined of small files) is written down beside the ids until they are made.
"""
