// Attention with the integer softmax. Tokens of a task see the tokens of their task, and nothing else.
//
// A block has 32 queries of one head, a warp 16 of them. Scores are made twice, once for their maximum and once for the
// exponentials, for that is cheaper than keeping them; the exponentials go to shared memory as the bytes they are, and
// from there into the product with the values.
#include "arithmetic.cuh"

constexpr u32 THREADS = 64;
constexpr u32 WARP_QUERIES = 16;
// The most tokens of a task (257) in whole steps of 32, and bytes from row to row: eight rows lie in different banks.
constexpr u32 KEYS = 288;
constexpr u32 PITCH = KEYS + 16;
// Channels of the values that are taken at a time.
constexpr u32 CHANNELS = 32;

struct alignas(16) AttentionShared {
    u8 exponentials[THREADS / WARP][WARP_QUERIES * PITCH];
    // Channel by channel.
    i8 values[CHANNELS * PITCH];
};

// What a block does: the task's first token, its tokens, and the first of up to 32 queries among them.
struct Tile {
    u32 start, tokens, first;
};

struct Head {
    const i8* q;
    const i8* k;
    // Bytes of a token in both, and of this head in it.
    u32 width, head_width;
    // First channel of this head.
    u32 column;
    i32 scale;
    u32 shift;
};

DEVICE u32 smaller(u32 a, u32 b) { return a < b ? a : b; }

// Four bytes of a token's row from `channel` on; zeros beyond the head. Widths of heads are multiples of 4.
DEVICE u32 four(const i8* x, const Head& h, u32 token, u32 channel) {
    if (channel >= h.head_width) return 0;
    return *reinterpret_cast<const u32*>(x + static_cast<u64>(token) * h.width + h.column + channel);
}

// Hands this lane's scores to each(half, key, score): queries lane / 4 (half 0) and lane / 4 + 8 (half 1) of the 16
// from `query` on. Keys from the task's end up to a multiple of 32 come with is_key = false.
template <class Each>
DEVICE void each_score(const Head& h, const Tile& tile, u32 query, Each each) {
    const u32 group = lane_of_warp() / 4, member = lane_of_warp() % 4, last = tile.tokens - 1;
    const u32 upper = tile.start + smaller(query + group, last), lower = tile.start + smaller(query + group + 8, last);
    for (u32 base = 0; base < tile.tokens; base += 32) {
        i32 sums[4][4] = {};
        for (u32 depth = 0; depth < h.head_width; depth += 32) {
            const u32 left = depth + member * 4, right = left + 16;
            const u32 a[4] = {four(h.q, h, upper, left), four(h.q, h, lower, left), four(h.q, h, upper, right),
                              four(h.q, h, lower, right)};
#pragma unroll
            for (u32 j = 0; j < 4; ++j) {
                const u32 key = tile.start + smaller(base + j * 8 + group, last);
                const u32 b[2] = {four(h.k, h, key, left), four(h.k, h, key, right)};
                tile_product(sums[j], a, b);
            }
        }
#pragma unroll
        for (u32 j = 0; j < 4; ++j) {
#pragma unroll
            for (u32 i = 0; i < 4; ++i) {
                const u32 key = base + j * 8 + member * 2 + i % 2;
                each(i / 2, key, key < tile.tokens, rsh(sums[j][i] * h.scale, h.shift));
            }
        }
    }
}

// The largest score of a query, and the first key that has it.
struct Peak {
    i32 score;
    u32 key;
};

DEVICE Peak better(const Peak& a, const Peak& b) {
    return b.score > a.score || (b.score == a.score && b.key < a.key) ? b : a;
}

DEVICE void find_peaks(const Head& h, const Tile& tile, u32 query, Peak (&peaks)[2]) {
    peaks[0] = peaks[1] = {-2147483647 - 1, ~0u};
    each_score(h, tile, query, [&](u32 half, u32 key, bool is_key, i32 score) {
        if (is_key) peaks[half] = better(peaks[half], {score, key});
    });
    // The four lanes of a query.
#pragma unroll
    for (u32 mask = 1; mask < 4; mask *= 2) {
#pragma unroll
        for (u32 half = 0; half < 2; ++half) {
            const Peak other = {exchange(peaks[half].score, mask), exchange(peaks[half].key, mask)};
            peaks[half] = better(peaks[half], other);
        }
    }
}

// Hands the exponentials to put(half, key, is_key, e) and sums them.
template <class Put>
DEVICE void exponentials_of(const Head& h, const Tile& tile, u32 query, const Peak (&peaks)[2], i32 (&sums)[2],
                            Put put) {
    sums[0] = sums[1] = 0;
    each_score(h, tile, query, [&](u32 half, u32 key, bool is_key, i32 score) {
        const u32 e = is_key ? exp2_neg(peaks[half].score - score) : 0;
        sums[half] += static_cast<i32>(e);
        put(half, key, is_key, e);
    });
#pragma unroll
    for (u32 mask = 1; mask < 4; mask *= 2) {
        sums[0] += exchange(sums[0], mask);
        sums[1] += exchange(sums[1], mask);
    }
}

DEVICE Head head_of(const i8* q, const i8* k, const i32* scales, u32 heads, u32 width, u32 shift) {
    const u32 head = block_y(), head_width = width / heads;
    return {q, k, width, head_width, head * head_width, scales[head], shift};
}

// What is committed of the attention of one task: for each token and head the largest score, its first key, the sum of
// the exponentials, and the exponentials.
KERNEL(THREADS, exponentials)
(const i8* q, const i8* k, const i32* scales, const Tile* tiles, u32 heads, u32 width, u32 shift, i32* max, u16* argmax,
 u16* sum, u8* out) {
    const Head h = head_of(q, k, scales, heads, width, shift);
    const Tile tile = tiles[block_x()];
    const u32 query = tile.first + warp_of_block() * WARP_QUERIES, row = query + lane_of_warp() / 4;
    if (query >= tile.tokens) return;
    Peak peaks[2];
    find_peaks(h, tile, query, peaks);
    i32 sums[2];
    exponentials_of(h, tile, query, peaks, sums, [&](u32 half, u32 key, bool is_key, u32 e) {
        const u32 token = row + half * 8;
        if (is_key && token < tile.tokens) {
            out[(static_cast<u64>(token) * heads + block_y()) * tile.tokens + key] = static_cast<u8>(e);
        }
    });
    for (u32 half = 0; half < 2; ++half) {
        const u32 token = row + half * 8, at = token * heads + block_y();
        if (lane_of_warp() % 4 != 0 || token >= tile.tokens) continue;
        max[at] = peaks[half].score;
        argmax[at] = static_cast<u16>(peaks[half].key);
        sum[at] = static_cast<u16>(sums[half]);
    }
}

// Values of 32 channels from `column` on, turned to stand channel by channel; zeros beyond the head and the task.
DEVICE void fetch_values(AttentionShared& shared, const i8* v, u32 v_width, const Tile& tile, u32 column,
                         u32 channels) {
    const u32 channel = thread_of_block() % CHANNELS, groups = (tile.tokens + 31) / 32 * 8;
    for (u32 group = thread_of_block() / CHANNELS; group < groups; group += THREADS / CHANNELS) {
        u32 word = 0;
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            const u32 key = group * 4 + i;
            if (channel >= channels || key >= tile.tokens) continue;
            const u8 value = static_cast<u8>(v[static_cast<u64>(tile.start + key) * v_width + column + channel]);
            word |= static_cast<u32>(value) << (8 * i);
        }
        *reinterpret_cast<u32*>(shared.values + channel * PITCH + group * 4) = word;
    }
}

// Values weighted by the exponentials, before they are quantised.
KERNEL(THREADS, context)
(const i8* q, const i8* k, const i8* v, const i32* scales, const Tile* tiles, u32 heads, u32 width, u32 v_width,
 u32 shift, i16* out) {
    SHARED(AttentionShared, shared);
    const Head h = head_of(q, k, scales, heads, width, shift);
    const Tile tile = tiles[block_x()];
    const u32 group = lane_of_warp() / 4, member = lane_of_warp() % 4;
    const u32 query = tile.first + warp_of_block() * WARP_QUERIES;
    // A warp without queries helps to fetch the values.
    const bool has_queries = query < tile.tokens;
    u8* own = shared.exponentials[warp_of_block()];
    i32 inverse[2] = {};
    if (has_queries) {
        Peak peaks[2];
        find_peaks(h, tile, query, peaks);
        i32 sums[2];
        exponentials_of(h, tile, query, peaks, sums, [&](u32 half, u32 key, bool, u32 e) {
            own[(group + half * 8) * PITCH + key] = static_cast<u8>(e);
        });
        inverse[0] = inverse_sum(sums[0]);
        inverse[1] = inverse_sum(sums[1]);
    }
    const u32 head_channels = v_width / heads, column = block_y() * head_channels;
    for (u32 first = 0; first < head_channels; first += CHANNELS) {
        // Nobody reads the last values any more; then everybody has written the exponentials and these.
        block_barrier();
        fetch_values(shared, v, v_width, tile, column + first, head_channels - first);
        block_barrier();
        if (!has_queries) continue;
        i32 sums[4][4] = {};
        for (u32 base = 0; base < tile.tokens; base += 32) {
            const u8* e = own + group * PITCH + base + member * 4;
            const u32 a[4] = {*reinterpret_cast<const u32*>(e), *reinterpret_cast<const u32*>(e + 8 * PITCH),
                              *reinterpret_cast<const u32*>(e + 16), *reinterpret_cast<const u32*>(e + 8 * PITCH + 16)};
#pragma unroll
            for (u32 j = 0; j < 4; ++j) {
                const i8* w = shared.values + (j * 8 + group) * PITCH + base + member * 4;
                const u32 b[2] = {*reinterpret_cast<const u32*>(w), *reinterpret_cast<const u32*>(w + 16)};
                tile_product_unsigned(sums[j], a, b);
            }
        }
#pragma unroll
        for (u32 i = 0; i < 16; ++i) {
            const u32 half = i % 4 / 2, token = query + group + half * 8,
                      channel = first + i / 4 * 8 + member * 2 + i % 2;
            if (token >= tile.tokens || channel >= head_channels) continue;
            const i64 wide = rsh(static_cast<i64>(sums[i / 4][i % 4]) * inverse[half], 24);
            out[static_cast<u64>(tile.start + token) * v_width + column + channel] = static_cast<i16>(wide);
        }
    }
}
