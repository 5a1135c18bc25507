// Operators that work on a row at a time: a warp has a row, its lanes the channels, and integer sums have no order.
#include "arithmetic.cuh"

constexpr u32 ROW_THREADS = 128;
constexpr u32 POOL_THREADS = 256;

// The row of this warp. The last block may have warps without one.
DEVICE u32 row_of_warp() { return block_x() * (ROW_THREADS / WARP) + warp_of_block(); }

// Sixteen bits and 32 as weight rows hold them: big-endian, at any address.
DEVICE i32 big16(const u8* at) { return static_cast<i16>(at[0] << 8 | at[1]); }
DEVICE i32 big32(const u8* at) {
    return static_cast<i32>(static_cast<u32>(at[0]) << 24 | static_cast<u32>(at[1]) << 16 |
                            static_cast<u32>(at[2]) << 8 | at[3]);
}

// words: rows of (mul u32, i8[width]); positions: rows of i16[width].
KERNEL(ROW_THREADS, embed)
(const u16* ids, const u16* places, const u8* words, const u8* positions, u32 tokens, u32 width, u32 shift, i32* out) {
    const u32 token = row_of_warp();
    if (token >= tokens) return;
    const u8* word = words + static_cast<u64>(ids[token]) * (4 + width);
    const u8* position = positions + static_cast<u64>(places[token]) * 2 * width;
    const i32 mul = big32(word);
    for (u32 c = lane_of_warp(); c < width; c += WARP) {
        const i32 w = static_cast<i8>(word[4 + c]);
        out[static_cast<u64>(token) * width + c] = clamp(rsh(w * mul, shift) + big16(position + 2 * c), SUM_MAX);
    }
}

// Mean and deviation of sums.
KERNEL(ROW_THREADS, moments)(const i32* x, u32 tokens, u32 width, i32* means, u32* deviations) {
    const u32 token = row_of_warp();
    if (token >= tokens) return;
    const i32* row = x + static_cast<u64>(token) * width;
    i64 sum = 0;
    for (u32 c = lane_of_warp(); c < width; c += WARP) sum += row[c];
    const i32 middle = mean(warp_sum(sum), width);
    u64 squares = 0;
    for (u32 c = lane_of_warp(); c < width; c += WARP) {
        const i64 d = row[c] - middle;
        squares += static_cast<u64>(d * d);
    }
    squares = warp_sum(squares);
    if (lane_of_warp() == 0) {
        means[token] = middle;
        deviations[token] = integer_root(squares);
    }
}

struct Normal {
    const i32* y;
    const i32* means;
    const u32* deviations;
    const i32* gain;
    const i32* bias;
    u32 width;
    u64 root_width;
    u32 shift;
};

// Writes this lane's channels of a normalised row, and returns their largest magnitude.
DEVICE u32 normalise_row(const Normal& n, u32 token, i16* out) {
    const i32* row = n.y + static_cast<u64>(token) * n.width;
    const i32 middle = n.means[token], inverse = inverse_deviation(n.root_width, n.deviations[token]);
    i32 largest = 0;
    for (u32 c = lane_of_warp(); c < n.width; c += WARP) {
        const i32 x = saturate16(normalise(row[c] - middle, inverse, n.gain[c], n.bias[c], n.shift));
        out[c] = static_cast<i16>(x);
        largest = magnitude(x) > largest ? magnitude(x) : largest;
    }
    return static_cast<u32>(largest);
}

// Writes the bytes of a row for matrix products, and zeros up to the stride. Each lane reads what it wrote itself.
DEVICE void quantise_row(const i16* row, u32 width, u32 stride, u32 max, i8* out) {
    const i32 factor = reciprocal(static_cast<i32>(max));
    for (u32 c = lane_of_warp(); c < stride; c += WARP)
        out[c] = c < width ? quantise(row[c], factor) : static_cast<i8>(0);
}

KERNEL(ROW_THREADS, norm)
(const i32* y, const i32* means, const u32* deviations, const i32* gain, const i32* bias, u32 tokens, u32 width,
 u64 root_width, u32 shift, u32 stride, i16* x, u16* max, i8* bytes) {
    const u32 token = row_of_warp();
    if (token >= tokens) return;
    i16* row = x + static_cast<u64>(token) * width;
    const u32 largest =
        warp_max(normalise_row({y, means, deviations, gain, bias, width, root_width, shift}, token, row));
    if (lane_of_warp() == 0) max[token] = static_cast<u16>(largest);
    quantise_row(row, width, stride, largest, bytes + static_cast<u64>(token) * stride);
}

// A norm that only the pool reads.
KERNEL(ROW_THREADS, norm_for_pool)
(const i32* y, const i32* means, const u32* deviations, const i32* gain, const i32* bias, u32 tokens, u32 width,
 u64 root_width, u32 shift, i16* x) {
    const u32 token = row_of_warp();
    if (token >= tokens) return;
    normalise_row({y, means, deviations, gain, bias, width, root_width, shift}, token,
                  x + static_cast<u64>(token) * width);
}

// Quantises rows by their largest magnitude, and says where that first is.
KERNEL(ROW_THREADS, quantise_rows)
(const i16* wide, u32 tokens, u32 width, u32 stride, u16* max, u16* argmax, i8* bytes) {
    const u32 token = row_of_warp();
    if (token >= tokens) return;
    const i16* row = wide + static_cast<u64>(token) * width;
    // Magnitude, then how early it stands: the largest key is the first of the largest.
    u32 key = 0;
    for (u32 c = lane_of_warp(); c < width; c += WARP) {
        const u32 own = static_cast<u32>(magnitude(row[c])) << 16 | (0xffff - c);
        key = own > key ? own : key;
    }
    key = warp_max(key);
    if (lane_of_warp() == 0) {
        max[token] = static_cast<u16>(key >> 16);
        argmax[token] = static_cast<u16>(0xffff - (key & 0xffff));
    }
    quantise_row(row, width, stride, key >> 16, bytes + static_cast<u64>(token) * stride);
}

struct PoolShared {
    u64 squares[POOL_THREADS / WARP];
};

// Sums over the tokens of a task, and the root of their squares. starts: where each task begins, and where the last
// ends.
KERNEL(POOL_THREADS, pool)(const i16* x, const u32* starts, u32 width, i32* sums, u32* roots) {
    SHARED(PoolShared, shared);
    const u32 task = block_x(), begin = starts[task], end = starts[task + 1];
    u64 squares = 0;
    for (u32 c = thread_of_block(); c < width; c += POOL_THREADS) {
        i32 sum = 0;
        for (u32 token = begin; token < end; ++token) sum += x[static_cast<u64>(token) * width + c];
        sums[static_cast<u64>(task) * width + c] = sum;
        squares += static_cast<u64>(static_cast<i64>(sum) * sum);
    }
    squares = warp_sum(squares);
    if (lane_of_warp() == 0) shared.squares[warp_of_block()] = squares;
    block_barrier();
    if (thread_of_block() == 0) {
        u64 all = 0;
        for (u32 warp = 0; warp < POOL_THREADS / WARP; ++warp) all += shared.squares[warp];
        roots[task] = integer_root(all);
    }
}

// The unit vector of a task, in the pool's channels.
KERNEL(POOL_THREADS, unit_vector)(const i32* sums, const u32* roots, u32 width, i16* out) {
    const u32 task = block_x();
    for (u32 c = thread_of_block(); c < width; c += POOL_THREADS) {
        const u64 at = static_cast<u64>(task) * width + c;
        out[at] = unit(sums[at], roots[task]);
    }
}
