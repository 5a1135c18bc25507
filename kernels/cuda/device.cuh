// What the kernels take from the machine: its types, and each instruction that C++ has no word for, under one name.
//
// There are three machines. `CUDA_TARGET >= 800` has tensor cores for bytes and asynchronous copies; older GPUs have
// the instruction dp4a; the emulator (see emulator/emulator.h) runs either on the host. Of the rest only the inner loop
// of the matrix product asks which.
#pragma once

using i8 = signed char;
using u8 = unsigned char;
using i16 = short;
using u16 = unsigned short;
using i32 = int;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

// Lanes of a warp.
constexpr u32 WARP = 32;

#ifdef ASSAY_EMULATOR
#include "emulator/emulator.h"
#else

#define CUDA_TARGET __CUDA_ARCH__

// KERNEL(threads, name)(parameters) { ... }
#define KERNEL(threads, name) extern "C" __global__ void __launch_bounds__(threads) name
#define DEVICE __device__ __forceinline__
#define CONSTANT __constant__ const
// SHARED(type, name): the block's shared memory. A kernel has one.
#define SHARED(type, name) __shared__ type name

DEVICE u32 thread_of_block() { return threadIdx.x; }
DEVICE u32 threads_of_block() { return blockDim.x; }
DEVICE u32 block_x() { return blockIdx.x; }
DEVICE u32 block_y() { return blockIdx.y; }

DEVICE void block_barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }

// The value that the lane numbered `own ^ mask` gives.
template <class T>
DEVICE T exchange(T value, u32 mask) {
    return __shfl_xor_sync(~0u, value, mask);
}

// The value that the lane numbered `lane` gives.
DEVICE u32 from_lane(u32 value, u32 lane) { return __shfl_sync(~0u, value, lane); }

// sum + the dot product of four bytes with four bytes.
DEVICE i32 dot4(u32 a, u32 b, i32 sum) {
    i32 out;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(sum));
    return out;
}

// The same with unsigned bytes in `a`.
DEVICE i32 dot4_unsigned(u32 a, u32 b, i32 sum) {
    i32 out;
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(sum));
    return out;
}

// A square root that is right to the last bit or next to it.
DEVICE u64 about_root(u64 x) { return static_cast<u64>(__dsqrt_rn(static_cast<double>(x))); }

#if CUDA_TARGET >= 800

// sum += a · b for a tile of 16 rows by 8 columns, 32 deep. With g = lane / 4 and t = lane % 4, a lane holds of
//   a   rows g, g + 8, g, g + 8: the bytes from 4t, 4t, 16 + 4t, 16 + 4t on;
//   b   column g: the bytes from 4t and 16 + 4t on;
//   sum row g, columns 2t and 2t + 1; row g + 8, the same columns.
DEVICE void tile_product(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The same with unsigned bytes in `a`.
DEVICE void tile_product_unsigned(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE u32 shared_address(const void* pointer) { return static_cast<u32>(__cvta_generic_to_shared(pointer)); }

// Four matrices of 8 rows by 16 bytes. Lanes 8m to 8m + 7 point to the rows of matrix m; of each matrix, a lane gets
// the four bytes from 4 · (lane % 4) on in row lane / 4.
DEVICE void load_matrices(u32 (&out)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Starts to copy 16 bytes to shared memory.
DEVICE void copy_start(void* to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)),
                 "l"(__cvta_generic_to_global(from))
                 : "memory");
}

// Puts the copies started since the last call into a group.
DEVICE void copy_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most `pending` of this thread's last groups are under way.
template <int pending>
DEVICE void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

#endif
#endif

#if CUDA_TARGET < 800

struct alignas(16) Sixteen {
    u32 words[4];
};

DEVICE void copy_start(void* to, const void* from) { *static_cast<Sixteen*>(to) = *static_cast<const Sixteen*>(from); }
DEVICE void copy_group() {}
template <int pending>
DEVICE void copy_wait() {}

// The tiles of the tensor cores without them: each lane fetches the rows and columns of its four sums from their
// holders.
template <bool is_unsigned>
DEVICE void tile_product_by_dots(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    const u32 lane = thread_of_block() % WARP, quad = lane & ~3u, column = lane % 4 * 8;
#pragma unroll
    for (u32 word = 0; word < 8; ++word) {
        const u32 half = word / 4, holder = word % 4;
        const u32 upper = from_lane(a[2 * half], quad + holder), lower = from_lane(a[2 * half + 1], quad + holder);
        const u32 left = from_lane(b[half], column + holder), right = from_lane(b[half], column + 4 + holder);
        if (is_unsigned) {
            sum[0] = dot4_unsigned(upper, left, sum[0]);
            sum[1] = dot4_unsigned(upper, right, sum[1]);
            sum[2] = dot4_unsigned(lower, left, sum[2]);
            sum[3] = dot4_unsigned(lower, right, sum[3]);
        } else {
            sum[0] = dot4(upper, left, sum[0]);
            sum[1] = dot4(upper, right, sum[1]);
            sum[2] = dot4(lower, left, sum[2]);
            sum[3] = dot4(lower, right, sum[3]);
        }
    }
}

DEVICE void tile_product(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    tile_product_by_dots<false>(sum, a, b);
}
DEVICE void tile_product_unsigned(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    tile_product_by_dots<true>(sum, a, b);
}

#endif

DEVICE u32 lane_of_warp() { return thread_of_block() % WARP; }
DEVICE u32 warp_of_block() { return thread_of_block() / WARP; }

// Every lane gets the sum of what all lanes give.
template <class T>
DEVICE T warp_sum(T value) {
#pragma unroll
    for (u32 mask = WARP / 2; mask > 0; mask /= 2) value += exchange(value, mask);
    return value;
}

// Every lane gets the largest of what all lanes give.
DEVICE u32 warp_max(u32 value) {
#pragma unroll
    for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
        const u32 other = exchange(value, mask);
        value = other > value ? other : value;
    }
    return value;
}
