"""The OPSSAT-AD feature table: 18 features of telemetry segments recorded on board ESA's
OPS-SAT.

Ruszczak, Kotowski, Evans, Nalepa: Scientific Data 2025, doi 10.1038/s41597-025-05035-3 (MIT
licence). The order of the features here is the order in which the model takes them.
"""

FEATURES = (
    "duration",
    "len",
    "mean",
    "var",
    "std",
    "kurtosis",
    "skew",
    "n_peaks",
    "smooth10_n_peaks",
    "smooth20_n_peaks",
    "diff_peaks",
    "diff2_peaks",
    "diff_var",
    "diff2_var",
    "gaps_squared",
    "len_weighted",
    "var_div_duration",
    "var_div_len",
)
LABEL = "anomaly"  # 1: anomalous
SPLIT = "train"  # 1: official training part, 0: official test part
