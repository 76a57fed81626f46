# Cross build for 64-bit Arm boards on a Debian host: apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross
# qemu-user-static; ctest then runs under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
find_program(VANALLEN_QEMU NAMES qemu-aarch64-static qemu-aarch64)
set(CMAKE_CROSSCOMPILING_EMULATOR ${VANALLEN_QEMU} -L /usr/aarch64-linux-gnu)
