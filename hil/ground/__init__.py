"""The ground: encoder, decoder, archive."""
