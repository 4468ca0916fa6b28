//! The corpora of bodies, good and bad, through the parser.
