x = 1

class Model(:
