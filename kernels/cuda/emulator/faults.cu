// Kernels with one fault each, which the emulator must find: they show that it would find the fault in others.
#include "../device.cuh"

struct FaultShared {
    alignas(16) u8 bytes[64];
};

// Two warps write and read without a barrier between; `apart` puts one there.
KERNEL(64, fault_race)(u32 apart, u32* out) {
    SHARED(FaultShared, shared);
    if (thread_of_block() == 0) shared.bytes[5] = 7;
    if (apart) block_barrier();
    if (thread_of_block() == 40) out[0] = shared.bytes[5];
}

// Two lanes of a warp, likewise.
KERNEL(32, fault_lanes)(u32 apart, u32* out) {
    SHARED(FaultShared, shared);
    if (thread_of_block() == 3) out[1] = shared.bytes[0];
    if (apart) warp_barrier();
    if (thread_of_block() == 4) shared.bytes[0] = 1;
}

// Two blocks write one number, unless each has its own.
KERNEL(32, fault_blocks)(u32 apart, u32* out) {
    if (thread_of_block() == 0) out[apart ? block_x() : 0] = 1;
}

// Reads behind an allocation, or behind the shared memory.
KERNEL(32, fault_bounds)(u32 at, u32 in_shared, const u8* bytes, u32* out) {
    SHARED(FaultShared, shared);
    if (thread_of_block() == 0) out[1] = in_shared ? shared.bytes[at] : bytes[at];
}

// A number of four bytes at any address.
KERNEL(32, fault_alignment)(const u8* bytes, u32 at, u32* out) {
    if (thread_of_block() == 0) out[0] = *reinterpret_cast<const u32*>(bytes + at);
}

// Some lanes leave before the others exchange.
KERNEL(32, fault_divergence)(u32 leaving, u32* out) {
    if (thread_of_block() < leaving) return;
    const u32 sum = warp_sum(1u);
    if (thread_of_block() == 31) out[0] = sum;
}

// Reads what a copy brings, `waits` or not.
KERNEL(32, fault_copy)(u32 waits, const u8* bytes, u32* out) {
    SHARED(FaultShared, shared);
    if (thread_of_block() != 0) return;
    copy_start(shared.bytes, bytes);
    copy_group();
    if (waits) copy_wait<0>();
    out[0] = shared.bytes[3];
}
