"""A model that tests give to the judge as an object."""

import numpy as np


class Still:
    """A model as `zfbench.judge` takes it: it inherits nothing, and declares only that nothing is drawn."""

    depends_on_seed = False

    def fit(self, train, validation, limits):
        pass

    def forecast(self, context, drive):
        return np.repeat(context[:, -1:], drive.shape[1] - context.shape[1], axis=1)
