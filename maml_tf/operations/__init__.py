"""Layers' operations with derivatives that are exact and cheap to any order.

TensorFlow's own are made for one derivative. The second, where there is one, is
composed of many passes over the activations, slow (max-pooling), or wrong
(`tf.nn.moments`). `maml_tf.functional` puts these in their place.
"""
