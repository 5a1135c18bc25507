// A GPU on the host, for tests: the sources of the folder above, compiled by a C++ compiler, run here as they would
// there.
//
// Every thread of a block is a fiber. Barriers, exchanges between lanes, `mma.sync` with its layout of lanes,
// `ldmatrix` and `cp.async` are made by the runtime (runtime.cpp): a collective waits for all lanes of its warp, and a
// lane that leaves the others waiting is an error, as it would hang there. Copies that were started arrive no sooner
// than they are waited for. What order blocks, warps and lanes run in is drawn from a seed. Memory that nobody wrote
// holds noise.
//
// Built with -fsanitize=thread, but without its library, the compiler reports every access to the runtime, which then
// knows each byte's last writer and readers: it finds races (two threads, one writing, no barrier between), accesses
// beyond an allocation or the block's shared memory, and misaligned ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef CUDA_TARGET
#error "CUDA_TARGET says which GPU this is: 610 or 800"
#endif

#define KERNEL(threads, name) extern "C" void name
#define DEVICE inline
#define CONSTANT const
#define SHARED(type, name) type& name = *static_cast<type*>(emulator::shared(sizeof(type)))

namespace emulator {

struct Position {
    uint32_t thread, threads, block_x, block_y;
};

// Where the running thread is.
Position position();

// The block's shared memory; all threads ask for the same size.
void* shared(size_t bytes);

void block_barrier();
void warp_barrier();

// What the lane `source` gives: own ^ source if `is_mask`.
uint64_t exchange(uint64_t value, uint32_t source, bool is_mask);

void tile_product(int32_t* sum, const uint32_t* a, const uint32_t* b, bool is_unsigned);
void load_matrices(uint32_t* out, const void* row);

void copy_start(void* to, const void* from);
void copy_group();
void copy_wait(int pending);

inline int32_t signed_byte(uint32_t word, uint32_t at) { return static_cast<int8_t>(word >> (8 * at)); }
inline int32_t unsigned_byte(uint32_t word, uint32_t at) { return static_cast<uint8_t>(word >> (8 * at)); }

}  // namespace emulator

inline u32 thread_of_block() { return emulator::position().thread; }
inline u32 threads_of_block() { return emulator::position().threads; }
inline u32 block_x() { return emulator::position().block_x; }
inline u32 block_y() { return emulator::position().block_y; }

inline void block_barrier() { emulator::block_barrier(); }
inline void warp_barrier() { emulator::warp_barrier(); }

template <class T>
T exchange(T value, u32 mask) {
    return static_cast<T>(emulator::exchange(static_cast<uint64_t>(value), mask, true));
}
inline u32 from_lane(u32 value, u32 lane) { return static_cast<u32>(emulator::exchange(value, lane, false)); }

inline i32 dot4(u32 a, u32 b, i32 sum) {
    for (u32 i = 0; i < 4; ++i) sum += emulator::signed_byte(a, i) * emulator::signed_byte(b, i);
    return sum;
}
inline i32 dot4_unsigned(u32 a, u32 b, i32 sum) {
    for (u32 i = 0; i < 4; ++i) sum += emulator::unsigned_byte(a, i) * emulator::signed_byte(b, i);
    return sum;
}

// Wrong on purpose where a GPU may be: next to the root.
inline u64 about_root(u64 x) { return static_cast<u64>(__builtin_sqrt(static_cast<double>(x))) + (x % 3 == 0); }

#if CUDA_TARGET >= 800

inline void tile_product(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    emulator::tile_product(sum, a, b, false);
}
inline void tile_product_unsigned(i32 (&sum)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    emulator::tile_product(sum, a, b, true);
}
inline void load_matrices(u32 (&out)[4], const void* row) { emulator::load_matrices(out, row); }
inline void copy_start(void* to, const void* from) { emulator::copy_start(to, from); }
inline void copy_group() { emulator::copy_group(); }
template <int pending>
void copy_wait() {
    emulator::copy_wait(pending);
}

#endif
