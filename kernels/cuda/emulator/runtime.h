// What the compiled kernels and the runtime know of each other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emulator {

struct Kernel {
    const char* name;
    void (*run)(void* const* parameters);
    const uint32_t* sizes;
    uint32_t count;
};

extern const Kernel KERNELS[];
extern const size_t KERNEL_COUNT;

}  // namespace emulator
