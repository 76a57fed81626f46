"""What each board shows in sysfs and /proc, built small from the facts of its documentation.

Raspberry Pi: documentation of configuration, config_txt and os; Jetson Orin: the tegra234 device tree,
hwmon/ina3221.rst and NVIDIA's nvpmodel tables.
"""

from pathlib import Path

NVPMODEL_NANO = """\
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=7W >
CPU_ONLINE CORE_4 0
< PM_CONFIG DEFAULT=0 >
"""
NVPMODEL_NANO_SUPER = """\
< POWER_MODEL ID=0 NAME=15W >
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< POWER_MODEL ID=3 NAME=7W >
< PM_CONFIG DEFAULT=1 >
"""


def put(root: Path, name: str, text: str) -> Path:
    """Write one file of the tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def raspberry_pi(root: Path, model: str, compatible: str, min_mhz: int, max_mhz: int) -> Path:
    """A Raspberry Pi of any model: one zone, one cpufreq policy, the firmware's throttling bits."""
    _tree(root, model, compatible, "10000000abcdef01")
    put(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    put(root, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    policy = "sys/devices/system/cpu/cpufreq/policy0"
    for name, mhz in (("scaling_min_freq", min_mhz), ("scaling_max_freq", max_mhz)):
        put(root, f"{policy}/{name}", f"{mhz * 1000}\n")
    put(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", f"{max_mhz * 1000}\n")
    firmware = "sys/devices/platform/soc/soc:firmware"
    put(root, f"{firmware}/get_throttled", "50000\n")
    put(root, "etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    rsts = root / "proc/device-tree/chosen/bootloader/rsts"
    rsts.parent.mkdir(parents=True, exist_ok=True)
    rsts.write_bytes((0x1020).to_bytes(4, "big"))
    return root


def jetson_orin_nano(root: Path, table: str = NVPMODEL_NANO, number: int = 0) -> Path:
    """An Orin Nano developer kit: nine zones, an INA3221, a GPU, nvpmodel, EDAC."""
    _tree(
        root,
        "NVIDIA Jetson Orin Nano Developer Kit",
        "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234",
        "1421222012345",
    )
    zones = ("cpu", "gpu", "cv0", "cv1", "cv2", "soc0", "soc1", "soc2", "tj")
    for number_, zone in enumerate(zones):
        put(root, f"sys/class/thermal/thermal_zone{number_}/type", f"{zone}-thermal\n")
        put(root, f"sys/class/thermal/thermal_zone{number_}/temp", f"{45000 + 500 * number_}\n")
    put(root, "sys/class/hwmon/hwmon0/name", "pwmfan\n")
    chip = "sys/class/hwmon/hwmon3"
    put(root, f"{chip}/name", "ina3221\n")
    for index, (label, mv, ma) in enumerate(
        (("VDD_IN", 5064, 880), ("VDD_CPU_GPU_CV", 5056, 120), ("VDD_SOC", 5056, 280)), start=1
    ):
        put(root, f"{chip}/in{index}_label", f"{label}\n")
        put(root, f"{chip}/in{index}_input", f"{mv}\n")
        put(root, f"{chip}/curr{index}_input", f"{ma}\n")
    put(root, "sys/class/devfreq/17000000.gpu/cur_freq", "306000000\n")
    put(root, "etc/nvpmodel.conf", table)
    put(root, "var/lib/nvpmodel/status", f"pmode:{number:04d}\n")
    put(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081\n")
    put(root, "sys/devices/platform/bus@0/c360000.pmc/reset_reason", "TEGRA_POWER_ON_RESET\n")
    for controller, (ce, ue) in enumerate(((3, 0), (1, 2))):
        put(root, f"sys/devices/system/edac/mc/mc{controller}/ce_count", f"{ce}\n")
        put(root, f"sys/devices/system/edac/mc/mc{controller}/ue_count", f"{ue}\n")
    return root


def _tree(root: Path, model: str, compatible: str, serial_number: str) -> None:
    base = "sys/firmware/devicetree/base"
    put(root, f"{base}/model", f"{model}\0")
    put(root, f"{base}/compatible", f"{compatible}\0")
    put(root, f"{base}/serial-number", f"{serial_number}\0")
