// Matrix products of bytes, and what turns their sums into numbers of the output channel in the same pass.
//
// A block makes a tile of 128 tokens by 64 channels, its four warps 64 by 32 each. Rows of both operands are padded
// with zeros to a stride of whole steps; a tile's last rows repeat the last token, and the weights are padded to whole
// tiles.
#include "arithmetic.cuh"

constexpr u32 THREADS = 128;
constexpr u32 TILE_TOKENS = 128;
constexpr u32 TILE_CHANNELS = 64;
// Bytes of a row that are fetched in one step, and steps that are under way at once.
constexpr u32 STEP = 64;
constexpr u32 STAGES = 3;
// Bytes from row to row in shared memory: eight rows of 16 bytes then lie in different banks.
constexpr u32 PITCH = STEP + 16;

struct alignas(16) Stage {
    i8 x[TILE_TOKENS * PITCH];
    i8 w[TILE_CHANNELS * PITCH];
};

struct GemmShared {
    Stage stages[STAGES];
};

struct Operands {
    const i8* x;
    const i8* w;
    u32 tokens;
    // Of both, in bytes: a multiple of STEP.
    u32 stride;
};

// Sums of a warp: four tiles of 16 tokens by four tiles of 8 channels.
struct Sums {
    i32 tile[4][4][4];
};

DEVICE void fetch(Stage& stage, const Operands& o, u32 step) {
    constexpr u32 CHUNKS = STEP / 16;
#pragma unroll
    for (u32 i = 0; i < TILE_TOKENS * CHUNKS / THREADS; ++i) {
        const u32 chunk = i * THREADS + thread_of_block(), row = chunk / CHUNKS, byte = chunk % CHUNKS * 16;
        const u32 token = block_y() * TILE_TOKENS + row < o.tokens ? block_y() * TILE_TOKENS + row : o.tokens - 1;
        copy_start(stage.x + row * PITCH + byte, o.x + static_cast<u64>(token) * o.stride + step * STEP + byte);
    }
#pragma unroll
    for (u32 i = 0; i < TILE_CHANNELS * CHUNKS / THREADS; ++i) {
        const u32 chunk = i * THREADS + thread_of_block(), row = chunk / CHUNKS, byte = chunk % CHUNKS * 16;
        const u32 channel = block_x() * TILE_CHANNELS + row;
        copy_start(stage.w + row * PITCH + byte, o.w + static_cast<u64>(channel) * o.stride + step * STEP + byte);
    }
}

// First token and first channel of this warp in the tile.
DEVICE u32 warp_token() { return warp_of_block() / 2 * 64; }
DEVICE u32 warp_channel() { return warp_of_block() % 2 * 32; }

#if CUDA_TARGET >= 800

DEVICE void multiply(const Stage& stage, Sums& sums) {
    const u32 lane = lane_of_warp();
    const i8* x = stage.x + (warp_token() + lane % 16) * PITCH + lane / 16 * 16;
    const i8* w = stage.w + (warp_channel() + lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 16;
#pragma unroll
    for (u32 depth = 0; depth < STEP; depth += 32) {
        u32 a[4][4], b[2][4];
#pragma unroll
        for (u32 i = 0; i < 4; ++i) load_matrices(a[i], x + i * 16 * PITCH + depth);
#pragma unroll
        for (u32 j = 0; j < 2; ++j) load_matrices(b[j], w + j * 16 * PITCH + depth);
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
#pragma unroll
            for (u32 j = 0; j < 4; ++j) {
                const u32 columns[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
                tile_product(sums.tile[i][j], a[i], columns);
            }
        }
    }
}

#else

// Without tensor cores a lane makes the sums that it would hold with them: eight rows by eight columns.
DEVICE void multiply(const Stage& stage, Sums& sums) {
    const u32 lane = lane_of_warp();
    const i8* x = stage.x + (warp_token() + lane / 4) * PITCH;
    const i8* w = stage.w + (warp_channel() + lane % 4 * 2) * PITCH;
#pragma unroll 4
    for (u32 depth = 0; depth < STEP; depth += 4) {
        u32 a[8], b[8];
#pragma unroll
        for (u32 i = 0; i < 8; ++i) a[i] = *reinterpret_cast<const u32*>(x + i * 8 * PITCH + depth);
#pragma unroll
        for (u32 j = 0; j < 8; ++j) b[j] = *reinterpret_cast<const u32*>(w + (j / 2 * 8 + j % 2) * PITCH + depth);
#pragma unroll
        for (u32 i = 0; i < 8; ++i) {
#pragma unroll
            for (u32 j = 0; j < 8; ++j) {
                i32& sum = sums.tile[i / 2][j / 2][i % 2 * 2 + j % 2];
                sum = dot4(a[i], b[j], sum);
            }
        }
    }
}

#endif

DEVICE void product(GemmShared& shared, const Operands& o, Sums& sums) {
#pragma unroll
    for (u32 i = 0; i < 64; ++i) sums.tile[i / 16][i / 4 % 4][i % 4] = 0;
    const u32 steps = o.stride / STEP;
    // A warp without tokens helps to fetch.
    const bool has_tokens = block_y() * TILE_TOKENS + warp_token() < o.tokens;
#pragma unroll
    for (u32 step = 0; step < STAGES - 1; ++step) {
        if (step < steps) fetch(shared.stages[step], o, step);
        copy_group();
    }
    for (u32 step = 0; step < steps; ++step) {
        copy_wait<STAGES - 2>();
        // Everybody's copies have arrived, and nobody reads the stage of the last step any more.
        block_barrier();
        const u32 next = step + STAGES - 1;
        if (next < steps) fetch(shared.stages[next % STAGES], o, next);
        copy_group();
        if (has_tokens) multiply(shared.stages[step % STAGES], sums);
    }
}

// What an output channel does to its sums.
struct Channel {
    const i32* mul;
    const i32* bias;
    u32 shift;
};

// Hands every pair of neighbouring channels to finish(token, channel, left, right), with the bias added.
template <class Finish>
DEVICE void finish_each(const Sums& sums, const u16* max, u32 tokens, u32 channels, const Channel& by, Finish finish) {
    const u32 lane = lane_of_warp();
    const u32 first_token = block_y() * TILE_TOKENS + warp_token() + lane / 4;
    const u32 first_channel = block_x() * TILE_CHANNELS + warp_channel() + lane % 4 * 2;
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
        const u32 channel = first_channel + j * 8;
        if (channel >= channels) continue;
        const i32 mul[2] = {by.mul[channel], by.mul[channel + 1]}, bias[2] = {by.bias[channel], by.bias[channel + 1]};
#pragma unroll
        for (u32 i = 0; i < 8; ++i) {
            const u32 token = first_token + i * 8;
            if (token >= tokens) continue;
            const i32 m = max[token];
            const i32* sum = &sums.tile[i / 2][j][i % 2 * 2];
            finish(token, channel, requantise(sum[0], m, mul[0], by.shift) + bias[0],
                   requantise(sum[1], m, mul[1], by.shift) + bias[1]);
        }
    }
}

// Two neighbours at once: the number of channels is a multiple of 4, so they never straddle a row or an address.
struct alignas(2) Bytes {
    i8 left, right;
};
struct alignas(4) Shorts {
    i16 left, right;
};
struct alignas(8) Words {
    i32 left, right;
};

// The fastest that this GPU multiplies: sixteen tiles a warp of what the registers hold, `rounds` times, and nothing else.
// What it makes is known, so that it is not left out.
KERNEL(THREADS, peak)(u32 rounds, u32* wrong) {
    Sums sums;
#pragma unroll
    for (u32 i = 0; i < 64; ++i) sums.tile[i / 16][i / 4 % 4][i % 4] = 0;
    for (u32 round = 0; round < rounds; ++round) {
#pragma unroll
        for (u32 i = 0; i < 16; ++i) {
            const u32 x = 0x01010101 * (i / 4 + 1), w = 0x01010101 * (i % 4 + 1);
            i32(&tile)[4] = sums.tile[i / 4][i % 4];
#if CUDA_TARGET >= 800
            tile_product(tile, {x, x, x, x}, {w, w});
#else
#pragma unroll
            for (u32 j = 0; j < 32; ++j) tile[j % 4] = dot4(x, w, tile[j % 4]);
#endif
        }
    }
    i32 sum = 0;
#pragma unroll
    for (u32 i = 0; i < 64; ++i) sum += sums.tile[i / 16][i / 4 % 4][i % 4];
    // 32 products of up to 4 by 4 for each number of each tile.
    if (sum != static_cast<i32>(rounds * 32 * 4 * (1 + 2 + 3 + 4) * (1 + 2 + 3 + 4))) *wrong = 1;
}

KERNEL(THREADS, gemm_linear)
(const i8* x, const u16* max, const i8* w, const i32* mul, const i32* bias, u32 tokens, u32 stride, u32 channels,
 u32 shift, i8* out) {
    SHARED(GemmShared, shared);
    Sums sums;
    product(shared, {x, w, tokens, stride}, sums);
    finish_each(sums, max, tokens, channels, {mul, bias, shift}, [=](u32 token, u32 channel, i32 left, i32 right) {
        const Bytes pair = {static_cast<i8>(clamp(left, 127)), static_cast<i8>(clamp(right, 127))};
        *reinterpret_cast<Bytes*>(out + static_cast<u64>(token) * channels + channel) = pair;
    });
}

KERNEL(THREADS, gemm_residual)
(const i8* x, const u16* max, const i8* w, const i32* mul, const i32* bias, const i32* row_shift, const i16* residual,
 u32 tokens, u32 stride, u32 channels, u32 shift, u32 residual_shift, i32* out) {
    SHARED(GemmShared, shared);
    Sums sums;
    product(shared, {x, w, tokens, stride}, sums);
    finish_each(sums, max, tokens, channels, {mul, bias, shift}, [=](u32 token, u32 channel, i32 left, i32 right) {
        const u64 at = static_cast<u64>(token) * channels + channel;
        const Shorts add = *reinterpret_cast<const Shorts*>(residual + at);
        // Products, for a negative number has no shift to the left in C++ before 2020.
        left += add.left * (1 << (residual_shift + row_shift[channel]));
        right += add.right * (1 << (residual_shift + row_shift[channel + 1]));
        const Words pair = {clamp(left, SUM_MAX), clamp(right, SUM_MAX)};
        *reinterpret_cast<Words*>(out + at) = pair;
    });
}

KERNEL(THREADS, gemm_gelu)
(const i8* x, const u16* max, const i8* w, const i32* mul, const i32* bias, const i32* tail, u32 tokens, u32 stride,
 u32 channels, u32 shift, i16* out) {
    SHARED(GemmShared, shared);
    Sums sums;
    product(shared, {x, w, tokens, stride}, sums);
    finish_each(sums, max, tokens, channels, {mul, bias, shift}, [=](u32 token, u32 channel, i32 left, i32 right) {
        const Shorts pair = {static_cast<i16>(gelu(saturate16(left), tail)),
                             static_cast<i16>(gelu(saturate16(right), tail))};
        *reinterpret_cast<Shorts*>(out + static_cast<u64>(token) * channels + channel) = pair;
    });
}
