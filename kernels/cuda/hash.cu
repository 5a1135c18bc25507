// Traces: the leaf of every row that the operators made, and the tree over the leaves of each operator (see
// ARITHMETIC.md, "Hashing"). A thread has a row; its bytes never leave the GPU's registers and shared memory.
#include "device.cuh"

constexpr u32 ROW_THREADS = 64;
constexpr u32 TREE_THREADS = 128;
// Lanes of 64 bits that Keccak-256 takes in at a time.
constexpr u32 RATE = 17;

CONSTANT u64 ROUNDS[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

DEVICE u64 rotate(u64 x, u32 by) { return by == 0 ? x : x << by | x >> (64 - by); }

DEVICE void permute(u64 (&a)[25]) {
    // rho: how far lane (x, y), at x + 5y, is turned.
    constexpr u32 TURN[25] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                              25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};
#pragma unroll 1
    for (u32 round = 0; round < 24; ++round) {
        u64 c[5], b[25];
#pragma unroll
        for (u32 x = 0; x < 5; ++x) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma unroll
        for (u32 i = 0; i < 25; ++i) {
            const u32 x = i % 5, y = i / 5;
            const u64 lane = a[i] ^ c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
            b[y + 5 * ((2 * x + 3 * y) % 5)] = rotate(lane, TURN[i]);
        }
#pragma unroll
        for (u32 i = 0; i < 25; ++i) {
            const u32 row = i / 5 * 5;
            a[i] = b[i] ^ (~b[row + (i + 1) % 5] & b[row + (i + 2) % 5]);
        }
        a[0] ^= ROUNDS[round];
    }
}

struct alignas(16) Digest {
    u64 lanes[4];
};

DEVICE Digest digest(const u64 (&state)[25]) { return {{state[0], state[1], state[2], state[3]}}; }

// The rows of what an operator made. A row holds, for each of `groups`, up to three header fields; then its elements.
// Bytes of a number: 0 (there is none), 1, 2 or 4. Row r, element e stands at r * row_stride + e * element_stride.
struct Rows {
    const void* fields[3];
    const void* elements;
    u32 field_size[3];
    u32 groups;
    u32 element_size;
    u32 count;
    u32 row_stride;
    u32 element_stride;
    u32 rows;
    // Of its tree in the list of all nodes.
    u32 first_node;
};

// A number's bytes, big-endian, as the low bytes of a lane.
DEVICE u64 encoded(const void* numbers, u32 size, u64 at) {
    if (size == 1) return static_cast<const u8*>(numbers)[at];
    if (size == 2) {
        const u32 x = static_cast<const u16*>(numbers)[at];
        return (x >> 8 | x << 8) & 0xffff;
    }
    const u32 x = static_cast<const u32*>(numbers)[at];
    return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
}

// Goes through the numbers of a row, from the domain's byte on to the padding's.
struct Reader {
    const Rows& rows;
    u32 row;
    u32 group, field, element;
    bool begun, ended;

    DEVICE Reader(const Rows& of, u32 number)
        : rows(of), row(number), group(0), field(0), element(0), begun(false), ended(false) {}

    // The next number and its size; size 0 after the padding's byte.
    DEVICE u64 next(u32& size) {
        if (!begun) {
            begun = true;
            size = 1;
            return 0;
        }
        if (group < rows.groups) {
            size = rows.field_size[field];
            const u64 number = encoded(rows.fields[field], size, static_cast<u64>(row) * rows.groups + group);
            field = field == 2 || rows.field_size[field + 1] == 0 ? 0 : field + 1;
            group += field == 0;
            return number;
        }
        if (element < rows.count) {
            size = rows.element_size;
            const u64 at = static_cast<u64>(row) * rows.row_stride + static_cast<u64>(element) * rows.element_stride;
            ++element;
            return encoded(rows.elements, size, at);
        }
        size = ended ? 0 : 1;
        ended = true;
        return 1;
    }
};

struct HashShared {
    // The lanes that each thread takes in next.
    u64 lanes[RATE][ROW_THREADS];
};

// blocks: for each block its tensor in `tensors` and its first row.
struct RowBlock {
    u32 tensor, first;
};

KERNEL(ROW_THREADS, hash_rows)(const Rows* tensors, const RowBlock* blocks, Digest* nodes) {
    SHARED(HashShared, shared);
    const RowBlock block = blocks[block_x()];
    const Rows& rows = tensors[block.tensor];
    const u32 thread = thread_of_block(), row = block.first + thread;
    if (row >= rows.rows) return;
    Reader reader(rows, row);
    u64 state[25] = {};
    // Bytes that are not a whole lane yet.
    u64 pending = 0;
    u32 bytes = 0;
    while (!reader.ended) {
        for (u32 lane = 0; lane < RATE; ++lane) {
            u64 whole = 0;
            bool is_whole = false;
            while (!is_whole && !reader.ended) {
                u32 size;
                const u64 number = reader.next(size);
                whole = pending | number << (8 * bytes);
                is_whole = bytes + size >= 8;
                pending = is_whole ? (size + bytes == 8 ? 0 : number >> (8 * (8 - bytes))) : whole;
                bytes = is_whole ? bytes + size - 8 : bytes + size;
            }
            if (!is_whole) {
                whole = pending;
                pending = 0;
                bytes = 0;
            }
            shared.lanes[lane][thread] = whole;
        }
        // The padding's byte may just have filled the last lane, or what the block began with.
        if (reader.ended) shared.lanes[RATE - 1][thread] ^= static_cast<u64>(0x80) << 56;
#pragma unroll
        for (u32 lane = 0; lane < RATE; ++lane) state[lane] ^= shared.lanes[lane][thread];
        permute(state);
    }
    nodes[rows.first_node + row] = digest(state);
}

// keccak256(0x01 ‖ left ‖ right)
DEVICE Digest node(const Digest& left, const Digest& right) {
    u64 state[25] = {}, before = 0x01;
#pragma unroll
    for (u32 i = 0; i < 8; ++i) {
        const u64 lane = i < 4 ? left.lanes[i] : right.lanes[i - 4];
        // The domain's byte moves everything by one.
        state[i] = (i == 0 ? before : before >> 56) | lane << 8;
        before = lane;
    }
    // The padding: the message has 65 bytes.
    state[8] = before >> 56 | 0x01 << 8;
    state[RATE - 1] ^= static_cast<u64>(0x80) << 56;
    permute(state);
    return digest(state);
}

// A block makes the tree over the leaves of a tensor, level after level behind them.
KERNEL(TREE_THREADS, hash_trees)(const Rows* tensors, Digest* nodes) {
    Digest* level = nodes + tensors[block_x()].first_node;
    u32 width = tensors[block_x()].rows;
    while (width > 1) {
        const u32 parents = (width + 1) / 2;
        for (u32 at = thread_of_block(); at < parents; at += TREE_THREADS) {
            // A last node without a sibling moves up as it is.
            level[width + at] = 2 * at + 1 < width ? node(level[2 * at], level[2 * at + 1]) : level[2 * at];
        }
        level += width;
        width = parents;
        block_barrier();
    }
}
