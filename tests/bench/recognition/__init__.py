"""What each noise reduction does to the words that a recognizer hears: `make bench-denoise`."""
