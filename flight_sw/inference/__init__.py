"""Neural networks on live weights: the bytes onnxruntime computes with are the bytes we protect."""
