"""The simulated larva: stimulus, retina, circuit, bouts, spinal cord and body in a closed loop with steps of 1 ms.

docs/larva.md describes it for a neuroscientist, with the equations, the constants and their sources.

The circuit is the optomotor circuit of Naumann et al. (2016, doi:10.1016/j.cell.2016.10.019) with the constants of
simZFish and of the robot ZBot (Liu, Loring, Zunino et al. 2025, doi:10.1126/scirobotics.adv4408). Retina, stimuli and
body are re-implemented here; each module says which of its numbers are published and which are our choice.
"""

from pathlib import Path

from zfbench.base.compiled import choose_numba_cache

choose_numba_cache(Path(__file__).parent)
