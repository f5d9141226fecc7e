"""The denoise stage: lowers the noise of every source and passes its samples on under the same numbers.

- `backend`: the seam; `registry`: the backends by name; `off`, `noisereduce`: one file each
- `window`: a recording's denoiser on a stream; `primer`: the noise floor from before the window
- `stream`: one segment, blended and switchable; `fade`, `kept`, `pcm`: its parts
- `passage`: one source's blocks: passes, segments, lead-in; `trace`: their times by sample number
- `levels`: what denoising does, measured
- `allocator`: memory kept between windows; `process`: the stage
"""
